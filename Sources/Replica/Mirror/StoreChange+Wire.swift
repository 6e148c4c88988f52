import CheckModel
import ClusterChecks
import JSON
import Platform

// A change of the store as replicas send it to each other: an object whose `change` names it. Configs travel as their
// key, the hash of their bytes and what they count for, never as their bytes.
extension StoreChange {
    /// The JSON of a change.
    ///
    /// - Parameter remaining: for how much longer a hand-over lasts that was to last this long.
    func wire(remaining: (Duration) -> Duration) -> JSONValue {
        switch self {
        case .dispatchingBegan:
            return Self.object("dispatching")
        case .nodeRegistered(let id, let type, let address, let isAwaited):
            return Self.object(
                "node", id, ["type": .integer(Int64(type)), "address": .text(address), "awaited": .bool(isAwaited)])
        case .nodeHeard(let id):
            return Self.object("node_heard", id)
        case .nodeChanged(let id, let type, let address):
            return Self.object("node_changed", id, ["type": .integer(Int64(type)), "address": .text(address)])
        case .nodeConditionsChanged(let id, let conditions):
            return Self.object("node_conditions", id, conditions.wire)
        case .nodeIDShared(let id, let agents):
            return Self.object("node_shared", id, ["agents": .array(agents.map(JSONValue.string))])
        case .handOverStarted(let id, let handOver, let duration):
            var keeps = JSONValue.null
            if case .retains(let retained) = handOver { keeps = .array(retained.configs.map(\.mirrored)) }
            return Self.object(
                "hand_over", id,
                ["keeps": keeps, "lasts_ms": .integer(remaining(duration).nanoseconds / 1_000_000)])
        case .handOverEnded(let id):
            return Self.object("hand_over_ended", id)
        case .nodeExpired(let id, .silence):
            return Self.object("node_expired", id)
        case .nodeExpired(let id, .podDeleted(let pod)):
            return Self.object("node_expired", id, ["pod": .string(pod)])
        case .configScheduled(let config, let id):
            return Self.object("config", id, ["config": config.mirrored])
        case .configReplaced(let config):
            return Self.object("config_replaced", nil, ["config": config.mirrored])
        case .configMoved(let key, let id, let reason):
            return Self.object("config_moved", id, ["key": key.wire, "reason": .string(reason.rawValue)])
        case .configRemoved(let key):
            return Self.object("config_removed", nil, ["key": key.wire])
        case .endpointsCheckScheduled(let config):
            return Self.object("endpoints_check", nil, ["config": config.mirrored])
        case .endpointsCheckRemoved(let key):
            return Self.object("endpoints_check_removed", nil, ["key": key.wire])
        }
    }

    private static func object(
        _ change: String, _ node: String? = nil, _ members: [ExactText: JSONValue] = [:]
    ) -> JSONValue {
        var members = members.filter { $0.value != .null || $0.key == "keeps" }
        members["change"] = .string(change)
        if let node { members["node"] = .string(node) }
        return .object(members)
    }

    /// Reads what `wire` made.
    ///
    /// - Throws: `MirrorError`: it is no change that this version knows.
    init(wire json: JSONValue) throws(MirrorError) {
        let change = try json.text("change")
        switch change {
        case "dispatching":
            self = .dispatchingBegan
        case "config":
            self = .configScheduled(try json.mirroredConfig("config"), on: json["node"]?.stringValue)
        case "config_replaced":
            self = .configReplaced(try json.mirroredConfig("config"))
        case "config_moved":
            guard let reason = MoveReason(rawValue: try json.text("reason")) else {
                throw MirrorError(missing: "reason")
            }
            self = .configMoved(try json.configKey("key"), to: try json.text("node"), reason)
        case "config_removed":
            self = .configRemoved(try json.configKey("key"))
        case "endpoints_check":
            self = .endpointsCheckScheduled(try json.mirroredConfig("config"))
        case "endpoints_check_removed":
            self = .endpointsCheckRemoved(try json.configKey("key"))
        default:
            self = try Self.change(change, ofNode: try json.text("node"), json)
        }
    }

    private static func change(
        _ change: String, ofNode id: String, _ json: JSONValue
    ) throws(MirrorError) -> StoreChange {
        switch change {
        case "node":
            return .nodeRegistered(
                id: id, type: try json.number("type", in: .min ... .max), address: json["address"]?.stringValue,
                isAwaited: json["awaited"]?.boolValue ?? false)
        case "node_heard":
            return .nodeHeard(id: id)
        case "node_changed":
            return .nodeChanged(
                id: id, type: try json.number("type", in: .min ... .max), address: json["address"]?.stringValue)
        case "node_conditions":
            return .nodeConditionsChanged(id: id, try NodeConditions(wire: json))
        case "node_shared":
            return .nodeIDShared(id: id, agents: try json.list("agents").compactMap(\.stringValue))
        case "hand_over":
            let milliseconds = try json.number("lasts_ms", in: 0...86_400_000)
            return .handOverStarted(id: id, try json.handOver(), lasts: .milliseconds(milliseconds))
        case "hand_over_ended":
            return .handOverEnded(id: id)
        case "node_expired":
            return .nodeExpired(id: id, json["pod"]?.stringValue.map(ExpiryReason.podDeleted) ?? .silence)
        default:
            throw MirrorError(reason: "a change of a kind that this version does not know")
        }
    }
}

extension MirrorError {
    fileprivate init(missing member: String) {
        self.init(reason: "a change whose \(member) is missing or wrong")
    }
}

extension JSONValue {
    fileprivate static func text(_ text: String?) -> JSONValue { text.map(JSONValue.string) ?? .null }

    fileprivate func text(_ member: String) throws(MirrorError) -> String {
        guard let text = self[member]?.stringValue else { throw MirrorError(missing: member) }
        return text
    }

    fileprivate func number(
        _ member: String, in range: ClosedRange<Int> = 0...1_000_000_000
    ) throws(MirrorError) -> Int {
        guard let number = self[member]?.integerValue.flatMap(Int.init(exactly:)), range.contains(number) else {
            throw MirrorError(missing: member)
        }
        return number
    }

    fileprivate func list(_ member: String) throws(MirrorError) -> [JSONValue] {
        guard let list = self[member]?.arrayValue else { throw MirrorError(missing: member) }
        return list
    }

    fileprivate func handOver() throws(MirrorError) -> HandOver {
        guard let list = self["keeps"]?.arrayValue else { return .keepsRunning }
        var configs: [EncodedConfig] = []
        for element in list { configs.append(try EncodedConfig(mirrored: element)) }
        return .retains(ClusterStore.Retained(configs))
    }

    fileprivate func mirroredConfig(_ member: String) throws(MirrorError) -> EncodedConfig {
        guard let json = self[member] else { throw MirrorError(missing: member) }
        return try EncodedConfig(mirrored: json)
    }

    fileprivate func configKey(_ member: String) throws(MirrorError) -> ConfigKey {
        guard let json = self[member] else { throw MirrorError(missing: member) }
        return try ConfigKey(wire: json)
    }
}

extension NodeConditions {
    fileprivate var wire: [ExactText: JSONValue] {
        let cordon: JSONValue =
            switch cordon {
            case .cordoned: .string("cordoned")
            case .workerGone: .string("gone")
            case nil: .null
            }
        return [
            "pod": .text(pod), "lacks_pod": .bool(lacksPod), "draining": .bool(isDraining), "cordon": cordon,
        ]
    }

    fileprivate init(wire json: JSONValue) throws(MirrorError) {
        guard let lacksPod = json["lacks_pod"]?.boolValue, let isDraining = json["draining"]?.boolValue else {
            throw MirrorError(missing: "lacks_pod or draining")
        }
        self.init()
        pod = json["pod"]?.stringValue
        (self.lacksPod, self.isDraining) = (lacksPod, isDraining)
        switch json["cordon"]?.stringValue {
        case nil: cordon = nil
        case "cordoned": cordon = .cordoned
        case "gone": cordon = .workerGone
        default: throw MirrorError(missing: "cordon")
        }
    }
}

extension ConfigKey {
    fileprivate var wire: JSONValue {
        var members: [ExactText: JSONValue] = ["source": .string(source), "check": .string(check)]
        if !entry.isEmpty { members["entry"] = .string(entry) }
        if index != 0 { members["index"] = .integer(Int64(index)) }
        if !shard.isEmpty { members["shard"] = .string(shard) }
        return .object(members)
    }

    fileprivate init(wire json: JSONValue) throws(MirrorError) {
        let index = json["index"] == nil ? 0 : try json.number("index")
        let whole = ConfigKey(
            source: try json.text("source"), check: try json.text("check"), entry: json["entry"]?.stringValue ?? "",
            index: index)
        self = json["shard"]?.stringValue.map(whole.shard) ?? whole
    }
}

extension EncodedConfig {
    /// What a mirror holds of it.
    fileprivate var mirrored: JSONValue {
        var members: [ExactText: JSONValue] = ["key": key.wire, "hash": .string(String(contentHash, radix: 16))]
        if instanceCount != 1 { members["instances"] = .integer(Int64(instanceCount)) }
        if !nodeName.isEmpty { members["node"] = .string(nodeName) }
        return .object(members)
    }

    fileprivate convenience init(mirrored json: JSONValue) throws(MirrorError) {
        guard let key = json["key"] else { throw MirrorError(missing: "key") }
        guard let hash = UInt64(try json.text("hash"), radix: 16) else { throw MirrorError(missing: "hash") }
        self.init(
            unconfirmed: try ConfigKey(wire: key), contentHash: hash,
            instances: json["instances"] == nil ? 1 : try json.number("instances", in: 1...1_000_000),
            nodeName: json["node"]?.stringValue ?? "")
    }
}
