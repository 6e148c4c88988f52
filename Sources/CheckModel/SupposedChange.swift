package import JSON
package import Platform

/// What an operator supposes, to see what would move: the body of `POST /api/v1/clusterchecks/simulate`.
package enum SupposedChange: Hashable, Sendable {
    /// A config that might be added.
    package struct Config: Hashable, Sendable {
        /// The check's name.
        @ExactText package private(set) var check: String
        /// How many instances it has.
        package let instances: Int
        /// Where it may run and what it costs; nil if nothing is said.
        package let rules: PlacementRules?

        /// A config.
        package init(check: String, instances: Int, rules: PlacementRules? = nil) {
            self.instances = instances
            self.rules = rules
            self.check = check
        }
    }

    /// So many node-agents join.
    case addNodes(Int)
    /// The node-agent of this ID leaves for good.
    case removeNode(ExactText)
    /// These configs are added.
    case addConfigs([Config])

    /// The most nodes that can be supposed: each looks at every other.
    package static let mostNodes = 1_000
    /// The most configs, and instances of all of them together.
    package static let limit = 10_000

    /// Parses the body: `{"add_nodes": 3}`, `{"remove_node": "ID"}` or `{"configs": [{"check": …, "instances": …,
    /// "placement": {…}}, …]}`.
    ///
    /// - Throws: `CheckModelError` naming the place.
    package init(parsing body: [UInt8]) throws(CheckModelError) {
        let message = "simulation"
        let json: JSONValue
        do { json = try JSONValue(parsing: body, limits: JSONLimits(bytes: 1 << 20)) } catch {
            throw .invalidJSON(message: message, error)
        }
        switch (json["add_nodes"], json["remove_node"], json["configs"]) {
        case (let count?, nil, nil):
            guard let count = count.integerValue, (1...Int64(Self.mostNodes)).contains(count) else {
                throw .malformed(message: message, place: "add_nodes", reason: "is not 1 to \(Self.mostNodes)")
            }
            self = .addNodes(Int(count))
        case (nil, let id?, nil):
            guard let id = id.stringValue, !id.isEmpty else {
                throw .malformed(message: message, place: "remove_node", reason: "is no node")
            }
            self = .removeNode(ExactText(id))
        case (nil, nil, let list?):
            var configs: [Config] = []
            guard let elements = list.arrayValue, (1...Self.limit).contains(elements.count) else {
                throw .malformed(message: message, place: "configs", reason: "is no list of 1 to \(Self.limit)")
            }
            for (index, element) in elements.enumerated() {
                guard let check = element["check"]?.stringValue, let count = element["instances"]?.integerValue,
                    (0...Int64(Self.limit)).contains(count)
                else {
                    throw .malformed(message: message, place: "configs[\(index)]", reason: "is no check with instances")
                }
                configs.append(
                    Config(
                        check: check, instances: Int(count), rules: element["placement"].flatMap(PlacementRules.init)))
            }
            guard configs.reduce(0, { $0 + $1.instances }) <= Self.limit else {
                throw .malformed(message: message, place: "configs", reason: "have more than \(Self.limit) instances")
            }
            self = .addConfigs(configs)
        default:
            throw .malformed(
                message: message, place: "the body", reason: "has not exactly one of add_nodes, remove_node and configs"
            )
        }
    }

    /// The body.
    package func encoded() -> [UInt8] {
        switch self {
        case .addNodes(let count): return JSONValue.object(["add_nodes": .integer(Int64(count))]).encoded()
        case .removeNode(let id): return JSONValue.object(["remove_node": .string(id.text)]).encoded()
        case .addConfigs(let configs):
            let list = configs.map { config in
                var members: [ExactText: JSONValue] = [
                    "check": .string(config.check), "instances": .integer(Int64(config.instances)),
                ]
                if let rules = config.rules { members["placement"] = rules.encoded }
                return JSONValue.object(members)
            }
            return JSONValue.object(["configs": .array(list)]).encoded()
        }
    }
}

extension PlacementRules {
    /// The rules as an author writes them.
    package var encoded: JSONValue {
        var members: [ExactText: JSONValue] = [:]
        if let weight { members["weight"] = .number("\(weight)") }
        if !nodeSelector.isEmpty { members["node_selector"] = .object(nodeSelector.mapValues { .string($0.text) }) }
        if !zones.isEmpty { members["zone"] = .array(zones.map { .string($0.text) }) }
        if !pin.isEmpty { members["pin"] = .string(pin.text) }
        return .object(members)
    }

    /// Reads what `encoded` made; nil if it says nothing.
    package convenience init?(_ json: JSONValue) {
        let weight = if case .number(let text)? = json["weight"] { Double(text) } else { nil as Double? }
        var labels: [ExactText: ExactText] = [:]
        for (name, value) in json["node_selector"]?.objectValue ?? [:] {
            labels[name] = value.stringValue.map { ExactText($0) }
        }
        let zones = (json["zone"]?.arrayValue ?? []).compactMap(\.stringValue).map { ExactText($0) }
        self.init(weight: weight, nodeSelector: labels, zones: zones, pin: json["pin"]?.stringValue ?? "")
    }
}
