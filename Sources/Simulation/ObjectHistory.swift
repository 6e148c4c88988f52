package import Kubernetes

/// An object of the simulated API server.
package protocol SimulatedObject: KubernetesObject {
    /// The object's metadata, of which the server sets the version and the uid.
    var metadata: ObjectMetadata { get set }
}

extension Service: SimulatedObject {}
extension ServiceEndpoints: SimulatedObject {}
extension Pod: SimulatedObject {}
extension KubernetesNode: SimulatedObject {}
extension ClusterCheck: SimulatedObject {}

extension SimulatedObject {
    /// Where it is stored: `services/shop/web`.
    var key: String {
        Self.key(metadata.namespace, metadata.name)
    }

    static func key(_ namespace: String, _ name: String) -> String {
        "\(plural)/\(namespace)/\(name)"
    }
}

/// The objects of all types, in every version since the last compaction, as etcd keeps them.
struct ObjectHistory: Sendable {
    /// One write.
    struct Change: Sendable {
        let version: Int
        /// The new state; the last one of an object that was deleted.
        let object: any SimulatedObject
        let isDeletion: Bool
    }

    /// The version of the last write; one number counts those of all types.
    private(set) var version = 1000
    /// The oldest version that can still be listed, or watched from.
    private(set) var oldestVersion = 1000
    private var oldest: [String: any SimulatedObject] = [:]
    private var newest: [String: any SimulatedObject] = [:]
    /// Since the oldest version, in order.
    private var changes: [Change] = []

    /// Stores an object under a higher version; `uid` is for one that is new and has none.
    mutating func store(_ object: any SimulatedObject, version: Int, uid: String) {
        var object = object
        if let stored = newest[object.key] {
            object.metadata.uid = stored.metadata.uid
        } else if object.metadata.uid.isEmpty {
            object.metadata.uid = uid
        }
        append(object, version, isDeletion: false)
    }

    /// Deletes an object under a higher version; false if there is none.
    mutating func delete(_ key: String, version: Int) -> Bool {
        guard let object = newest[key] else { return false }
        append(object, version, isDeletion: true)
        return true
    }

    private mutating func append(_ object: any SimulatedObject, _ version: Int, isDeletion: Bool) {
        var object = object
        object.metadata.resourceVersion = "\(version)"
        let change = Change(version: version, object: object, isDeletion: isDeletion)
        changes.append(change)
        change.apply(to: &newest)
        self.version = version
    }

    /// The newest objects of a type, sorted by key.
    func objects(of resource: String) -> [any SimulatedObject] {
        Self.sorted(newest, resource)
    }

    /// A page of a list: all pages show the version of the first; nil if that was compacted away meanwhile, or never
    /// was.
    func page(of resource: String, limit: Int?, continuation: String?) -> ObjectPage<any SimulatedObject>? {
        var (listed, last) = (version, "")
        if let continuation {
            let parts = continuation.split(separator: "@", maxSplits: 1)
            guard let number = parts.first.flatMap({ Int($0) }), number >= oldestVersion, parts.count == 2 else {
                return nil
            }
            (listed, last) = (number, String(parts[1]))
        }
        let rest = Self.sorted(objects(at: listed), resource).drop { !($0.key > last) }
        let items = Array(rest.prefix(limit ?? .max))
        let next = items.count < rest.count ? items.last.map { "\(listed)@\($0.key)" } : nil
        return ObjectPage(resourceVersion: "\(listed)", continuation: next, items: items)
    }

    /// The changes of a type after a version, in order; nil if some of them were compacted away.
    func changes(of resource: String, after version: Int) -> [Change]? {
        guard version >= oldestVersion else { return nil }
        return changes.filter { $0.version > version && $0.object.key.hasPrefix("\(resource)/") }
    }

    /// Drops every version but the newest.
    mutating func compact() {
        oldestVersion = version
        oldest = newest
        changes = []
    }

    private func objects(at version: Int) -> [String: any SimulatedObject] {
        var objects = oldest
        for change in changes where change.version <= version { change.apply(to: &objects) }
        return objects
    }

    private static func sorted(
        _ objects: [String: any SimulatedObject], _ resource: String
    ) -> [any SimulatedObject] {
        objects.filter { $0.key.hasPrefix("\(resource)/") }.sorted { $0.key < $1.key }.map(\.value)
    }
}

extension ObjectHistory.Change {
    fileprivate func apply(to objects: inout [String: any SimulatedObject]) {
        objects[object.key] = isDeletion ? nil : object
    }
}
