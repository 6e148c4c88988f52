package import JSON
package import Platform

/// What operators want beyond what the authors of checks say. It outlives leaders and restarts.
///
/// Checks are named by where they come from, so that an edit keeps what is wanted of them.
package struct OperatorIntent: Hashable, Sendable {
    /// The checks that are to be alone on their nodes.
    package var isolated: Set<ConfigKey> = []
    /// The checks that only one node may run, with its ID or the name of its Kubernetes node.
    package var pinned: [ConfigKey: ExactText] = [:]
    /// The checks that are to run nowhere.
    package var paused: Set<ConfigKey> = []
    /// The nodes that are to run nothing, by ID.
    package var drained: Set<ExactText> = []

    /// The most that can be wanted: an intent is for exceptions.
    package static let limit = 1_000
    /// The version of the JSON.
    private static let format: Int64 = 1

    /// Nothing is wanted.
    package init() {}

    /// The same of checks whose keys have changed.
    package func mappingKeys(_ key: (ConfigKey) -> ConfigKey) -> OperatorIntent {
        var intent = self
        intent.isolated = Set(isolated.map(key))
        intent.paused = Set(paused.map(key))
        intent.pinned = Dictionary(pinned.map { (key($0.key), $0.value) }) { first, _ in first }
        return intent
    }

    /// How many checks and nodes it is about.
    package var count: Int { isolated.count + pinned.count + paused.count + drained.count }

    /// The parts of configs that must be configs of their own: what is wanted of them is not wanted of the others. A
    /// pin alone splits nothing: it is a copy of the config's.
    package var parts: Set<ConfigKey> { isolated.union(paused).filter { !$0.shard.isEmpty } }

    /// Its JSON.
    package var encoded: JSONValue {
        func keys(_ keys: Set<ConfigKey>) -> JSONValue { .array(keys.sorted().map(\.encoded)) }
        let pins = pinned.sorted { $0.key < $1.key }.map { key, node in
            JSONValue.object(["check": key.encoded, "node": .string(node.text)])
        }
        return .object([
            "format": .integer(Self.format), "isolated": keys(isolated), "pinned": .array(pins),
            "paused": keys(paused), "drained": .array(drained.sortedTexts().map(JSONValue.string)),
        ])
    }

    /// Reads what `encoded` made.
    ///
    /// - Throws: `CheckModelError` naming the place: of another format, of another shape, or too long.
    package init(_ json: JSONValue) throws(CheckModelError) {
        guard json["format"]?.integerValue == Self.format else {
            throw Self.malformed("format", "is not \(Self.format), which this version reads")
        }
        isolated = Set(try Self.keys(json, "isolated"))
        paused = Set(try Self.keys(json, "paused"))
        for (index, pin) in try Self.list(json, "pinned").enumerated() {
            guard let key = pin["check"].flatMap(ConfigKey.init), let node = pin["node"]?.stringValue, !node.isEmpty
            else {
                throw Self.malformed("pinned[\(index)]", "is no check with its node")
            }
            pinned[key] = ExactText(node)
        }
        for (index, node) in try Self.list(json, "drained").enumerated() {
            guard let id = node.stringValue, !id.isEmpty else {
                throw Self.malformed("drained[\(index)]", "is no node")
            }
            drained.insert(ExactText(id))
        }
        guard count <= Self.limit else { throw Self.malformed("the whole", "has more than \(Self.limit) entries") }
    }

    private static func keys(_ json: JSONValue, _ member: String) throws(CheckModelError) -> [ConfigKey] {
        var keys: [ConfigKey] = []
        for (index, element) in try list(json, member).enumerated() {
            guard let key = ConfigKey(element) else { throw malformed("\(member)[\(index)]", "is no check") }
            keys.append(key)
        }
        return keys
    }

    private static func list(_ json: JSONValue, _ member: String) throws(CheckModelError) -> [JSONValue] {
        guard let list = json[member]?.arrayValue, list.count <= limit else {
            throw malformed(member, "is no list of at most \(limit)")
        }
        return list
    }

    private static func malformed(_ place: String, _ reason: String) -> CheckModelError {
        .malformed(message: "operator's intent", place: place, reason: reason)
    }
}

/// What an operator wants, or wants no more.
package struct IntentCommand: Hashable, Sendable {
    /// What is wanted. Each has its opposite.
    package enum Verb: String, CaseIterable, Sendable {
        case isolate, unisolate, pin, unpin, pause, resume, drain, uncordon

        /// Whether it is about a node, not a check.
        package var isOfNode: Bool { self == .drain || self == .uncordon }
    }

    /// What is wanted.
    package let verb: Verb
    /// The check, by the ID that `clusterchecks` shows or by where it comes from; empty where a node is meant.
    @ExactText package private(set) var check: String
    /// The node; empty where none is needed.
    @ExactText package private(set) var node: String

    /// A command.
    package init(_ verb: Verb, check: String = "", node: String = "") {
        self.verb = verb
        self.check = check
        self.node = node
    }

    /// Parses the body of `POST /api/v1/clusterchecks/intent`: `{"verb": "pin", "check": "…", "node": "…"}`.
    ///
    /// - Throws: `CheckModelError`.
    package init(parsing body: [UInt8]) throws(CheckModelError) {
        let message = "intent"
        let json: JSONValue
        do { json = try JSONValue(parsing: body) } catch { throw .invalidJSON(message: message, error) }
        guard let verb = json["verb"]?.stringValue.flatMap(Verb.init(rawValue:)) else {
            let verbs = Verb.allCases.map(\.rawValue).joined(separator: ", ")
            throw .malformed(message: message, place: "verb", reason: "is none of \(verbs)")
        }
        self.init(verb, check: json["check"]?.stringValue ?? "", node: json["node"]?.stringValue ?? "")
        if !verb.isOfNode, check.isEmpty { throw .malformed(message: message, place: "check", reason: "is missing") }
        if verb.isOfNode || verb == .pin, node.isEmpty {
            throw .malformed(message: message, place: "node", reason: "is missing")
        }
    }

    /// The body.
    package func encoded() -> [UInt8] {
        JSONValue.object([
            "verb": .string(verb.rawValue), "check": .string(check), "node": .string(node),
        ]).encoded()
    }
}
