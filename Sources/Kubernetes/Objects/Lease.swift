package import JSON
package import Platform

/// A `coordination.k8s.io/v1` Lease. Its metadata is kept and sent back as it was received, including what others
/// wrote.
package struct Lease: Hashable, Sendable {
    private var metadata: [ExactText: JSONValue]

    /// The record: who holds it, and since when.
    package var spec: LeaseSpec

    /// A Lease that was not stored yet.
    package init(namespace: String, name: String, labels: [ExactText: ExactText] = [:], spec: LeaseSpec = LeaseSpec()) {
        metadata = ["namespace": .string(namespace), "name": .string(name)]
        self.spec = spec
        merge(labels: labels)
    }

    /// The name; empty if the object has none.
    package var name: String {
        metadata["name"]?.stringValue ?? ""
    }

    /// The namespace; empty if the object has none.
    package var namespace: String {
        metadata["namespace"]?.stringValue ?? ""
    }

    /// The version of this state of the object, which an update must send back; nil before it was stored.
    package var resourceVersion: String? {
        get { metadata["resourceVersion"]?.stringValue }
        set { metadata["resourceVersion"] = newValue.map { .string($0) } }
    }

    /// The identity of the object: one created after a deletion has another. Nil before it was stored.
    package var uid: String? {
        get { metadata["uid"]?.stringValue }
        set { metadata["uid"] = newValue.map { .string($0) } }
    }

    /// All annotations with text values, ours and others'.
    package var annotations: [ExactText: ExactText] {
        guard case .object(let fields)? = metadata["annotations"] else { return [:] }
        return fields.compactMapValues { $0.stringValue.map { ExactText($0) } }
    }

    /// All labels with text values, ours and others'.
    package var labels: [ExactText: ExactText] {
        guard case .object(let fields)? = metadata["labels"] else { return [:] }
        return fields.compactMapValues { $0.stringValue.map { ExactText($0) } }
    }

    /// Sets `labels`; other labels are kept.
    package mutating func merge(labels: [ExactText: ExactText]) {
        guard !labels.isEmpty else { return }
        var fields: [ExactText: JSONValue] = [:]
        if case .object(let present)? = metadata["labels"] { fields = present }
        metadata["labels"] = .object(fields.merging(labels.mapValues { .string($0.text) }) { $1 })
    }

    /// Sets `annotations`, removes all others whose keys begin with `prefix`, and keeps the rest.
    package mutating func replaceAnnotations(prefix: String, with annotations: [ExactText: ExactText]) {
        var fields: [ExactText: JSONValue] = [:]
        if case .object(let present)? = metadata["annotations"] { fields = present }
        fields = fields.filter { !$0.key.hasPrefix(prefix) }
        for (key, value) in annotations { fields[key] = .string(value.text) }
        guard metadata["annotations"] != nil || !fields.isEmpty else { return }
        metadata["annotations"] = .object(fields)
    }
}

/// The record in a Lease. Every field may be missing. Times are kept as text, because only whether they change matters.
package struct LeaseSpec: Hashable, Sendable {
    /// Who holds the Lease; nil or empty: nobody.
    package var holderIdentity: String?
    /// How long after its last observed change no one else may acquire it, in seconds.
    package var leaseDurationSeconds: Int?
    /// When the holder acquired it (`MicroTime`).
    package var acquireTime: String?
    /// When the holder last renewed it (`MicroTime`).
    package var renewTime: String?
    /// How often its holder changed.
    package var leaseTransitions: Int?
    /// Set if the API server coordinates the election (KEP-4355), which this program does not support.
    package var strategy: String?
    /// Goes with `strategy`.
    package var preferredHolder: String?

    /// A record; an empty one by default.
    package init(
        holderIdentity: String? = nil, leaseDurationSeconds: Int? = nil, acquireTime: String? = nil,
        renewTime: String? = nil, leaseTransitions: Int? = nil
    ) {
        self.holderIdentity = holderIdentity
        self.leaseDurationSeconds = leaseDurationSeconds
        self.acquireTime = acquireTime
        self.renewTime = renewTime
        self.leaseTransitions = leaseTransitions
    }

    /// Who holds the Lease; empty: nobody.
    package var holder: String {
        holderIdentity ?? ""
    }
}

extension Lease: JSONReadable {
    /// Reads a Lease; its `spec` may be missing.
    package init(from json: inout JSONReader) throws(JSONError) {
        var metadata: [ExactText: JSONValue]?
        spec = LeaseSpec()
        try json.enterObject()
        while let key = try json.nextKey() {
            switch key {
            case "metadata": metadata = try json.members()
            case "spec": spec = try LeaseSpec(from: &json)
            default: break
            }
        }
        self.metadata = try json.required(metadata, "metadata")
    }

    /// The body of a POST or PUT.
    package func encoded() -> [UInt8] {
        JSONValue.object([
            "apiVersion": .string("coordination.k8s.io/v1"), "kind": .string("Lease"), "metadata": .object(metadata),
            "spec": spec.json,
        ]).encoded()
    }
}

extension LeaseSpec: JSONReadable {
    /// Reads the record in a Lease.
    package init(from json: inout JSONReader) throws(JSONError) {
        self.init()
        try json.enterObject()
        while let key = try json.nextKey() {
            switch key {
            case "holderIdentity": holderIdentity = try json.string()
            case "leaseDurationSeconds": leaseDurationSeconds = try json.integer()
            case "acquireTime": acquireTime = try json.string()
            case "renewTime": renewTime = try json.string()
            case "leaseTransitions": leaseTransitions = try json.integer()
            case "strategy": strategy = try json.string()
            case "preferredHolder": preferredHolder = try json.string()
            default: break
            }
        }
    }

    /// The fields that are set.
    fileprivate var json: JSONValue {
        let texts: [ExactText: String?] = [
            "holderIdentity": holderIdentity, "acquireTime": acquireTime, "renewTime": renewTime, "strategy": strategy,
            "preferredHolder": preferredHolder,
        ]
        let numbers: [ExactText: Int?] = [
            "leaseDurationSeconds": leaseDurationSeconds, "leaseTransitions": leaseTransitions,
        ]
        let members = texts.compactMapValues { $0.map(JSONValue.string) }
        return .object(members.merging(numbers.compactMapValues { $0.map { .integer(Int64($0)) } }) { $1 })
    }
}
