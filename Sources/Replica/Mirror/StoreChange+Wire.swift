import CheckModel
import ClusterChecks
import JSON
import Platform

// A change of the store as replicas send it to each other: an object whose `change` names it. Configs travel as their
// key, the hash of their bytes and what they count for, never as their bytes.
extension StoreChange {
    /// The JSON of a change.
    ///
    /// - Parameter remaining: for how much longer something lasts that was to last this long.
    func wire(remaining: (Duration) -> Duration) -> JSONValue {
        switch self {
        case .dispatchingBegan(let duration):
            return Self.object("dispatching", nil, Self.lasting(remaining(duration)))
        case .nodeRegistered(let id, let type, let address, let isAwaited):
            return Self.object(
                "node", id, ["type": .integer(Int64(type)), "address": .text(address), "awaited": .bool(isAwaited)])
        case .nodeHeard(let id):
            return Self.object("node_heard", id)
        case .nodeChanged(let id, let type, let address):
            return Self.object("node_changed", id, ["type": .integer(Int64(type)), "address": .text(address)])
        case .nodeConditionsChanged(let id, let conditions):
            return Self.object("node_conditions", id, conditions.wire)
        case .nodeAbilitiesChanged(let id, let abilities):
            return Self.object("node_abilities", id, abilities.wire)
        case .nodeIDShared(let id, let agents):
            return Self.object("node_shared", id, ["agents": .array(agents.map(JSONValue.string))])
        case .nodeLeft(let id, let duration):
            return Self.object("node_left", id, Self.lasting(remaining(duration)))
        case .nodeReturned(let id):
            return Self.object("node_returned", id)
        case .keepsRunning(let id, let duration):
            return Self.object("keeps_running", id, Self.lasting(remaining(duration)))
        case .keepsRunningEnded(let id):
            return Self.object("keeps_running_ended", id)
        case .handOverStarted(let config, let id):
            return Self.object("hand_over", id, ["config": config.mirrored])
        case .handOverEnded(let key):
            return Self.object("hand_over_ended", nil, ["key": key.encoded])
        case .nodeExpired(let id, .left):
            return Self.object("node_expired", id, ["left": .bool(true)])
        case .nodeExpired(let id, .silence):
            return Self.object("node_expired", id)
        case .nodeExpired(let id, .podDeleted(let pod)):
            return Self.object("node_expired", id, ["pod": .string(pod)])
        case .configScheduled(let config, let id):
            return Self.object("config", id, ["config": config.mirrored])
        case .costsChanged(let costs, let workers):
            let list = costs.map { changed in
                JSONValue.object([
                    "key": changed.key.encoded, "cost": .integer(changed.cost.millionths),
                    "basis": .string(changed.cost.basis.rawValue),
                ])
            }
            return Self.object(
                "costs", nil, ["costs": .array(list), "workers": workers.map { .number("\($0)") } ?? .null])
        case .configReplaced(let config):
            return Self.object("config_replaced", nil, ["config": config.mirrored])
        case .configMoved(let key, let former, let id, let reason, let mayRun):
            return Self.object(
                "config_moved", id,
                [
                    "key": key.encoded, "from": .text(former), "reason": .string(reason.rawValue),
                    "may_run": .bool(mayRun),
                ])
        case .configWithdrawn(let key, let reason, let mayRun):
            return Self.object(
                "config_withdrawn", nil, reason.wire.merging(["key": key.encoded, "may_run": .bool(mayRun)]) { $1 })
        case .configRemoved(let key):
            return Self.object("config_removed", nil, ["key": key.encoded])
        case .intentChanged(let intent):
            return Self.object("intent", nil, ["intent": intent.encoded])
        case .endpointsCheckScheduled(let config):
            return Self.object("endpoints_check", nil, ["config": config.mirrored])
        case .endpointsCheckRemoved(let key):
            return Self.object("endpoints_check_removed", nil, ["key": key.encoded])
        }
    }

    private static func object(
        _ change: String, _ node: String? = nil, _ members: [ExactText: JSONValue] = [:]
    ) -> JSONValue {
        var members = members.filter { $0.value != .null }
        members["change"] = .string(change)
        if let node { members["node"] = .string(node) }
        return .object(members)
    }

    private static func lasting(_ duration: Duration) -> [ExactText: JSONValue] {
        ["lasts_ms": .integer(duration.nanoseconds / 1_000_000)]
    }

    /// Reads what `wire` made.
    ///
    /// - Throws: `MirrorError`: it is no change that this version knows.
    init(wire json: JSONValue) throws(MirrorError) {
        let change = try json.text("change")
        switch change {
        case "dispatching":
            self = .dispatchingBegan(unclearFor: try json.lasting())
        case "config":
            self = .configScheduled(try json.mirroredConfig("config"), on: json["node"]?.stringValue)
        case "costs":
            var costs: [ChangedCost] = []
            for element in try json.list("costs") {
                guard let basis = ConfigCost.Basis(rawValue: try element.text("basis")) else {
                    throw MirrorError(missing: "basis")
                }
                let cost = ConfigCost(
                    millionths: Int64(try element.number("cost", in: 0...1_000_000_000_000)), basis)
                costs.append(ChangedCost(key: try element.configKey("key"), cost: cost))
            }
            self = .costsChanged(costs, workersPerInstance: try json.positive("workers"))
        case "config_replaced":
            self = .configReplaced(try json.mirroredConfig("config"))
        case "config_moved":
            guard let reason = MoveReason(rawValue: try json.text("reason")) else {
                throw MirrorError(missing: "reason")
            }
            guard let mayRun = json["may_run"]?.boolValue else { throw MirrorError(missing: "may_run") }
            self = .configMoved(
                try json.configKey("key"), from: json["from"]?.stringValue, to: try json.text("node"), reason,
                mayRun: mayRun)
        case "config_withdrawn":
            guard let mayRun = json["may_run"]?.boolValue else { throw MirrorError(missing: "may_run") }
            self = .configWithdrawn(try json.configKey("key"), try DanglingReason(wire: json), mayRun: mayRun)
        case "config_removed":
            self = .configRemoved(try json.configKey("key"))
        case "hand_over":
            self = .handOverStarted(try json.mirroredConfig("config"), from: json["node"]?.stringValue)
        case "hand_over_ended":
            self = .handOverEnded(try json.configKey("key"))
        case "intent":
            do throws(CheckModelError) {
                self = .intentChanged(try OperatorIntent(json["intent"] ?? .null))
            } catch {
                throw MirrorError(reason: "\(error)")
            }
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
        case "node_abilities":
            return .nodeAbilitiesChanged(id: id, try NodeAbilities(wire: json))
        case "node_shared":
            return .nodeIDShared(id: id, agents: try json.list("agents").compactMap(\.stringValue))
        case "node_left":
            return .nodeLeft(id: id, returnsWithin: try json.lasting())
        case "node_returned":
            return .nodeReturned(id: id)
        case "keeps_running":
            return .keepsRunning(id: id, atMost: try json.lasting())
        case "keeps_running_ended":
            return .keepsRunningEnded(id: id)
        case "node_expired":
            if json["left"]?.boolValue == true { return .nodeExpired(id: id, .left) }
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

    /// A number above zero; nil if there is none.
    fileprivate func positive(_ member: String) throws(MirrorError) -> Double? {
        guard let value = self[member] else { return nil }
        guard case .number(let text) = value, let number = Double(text), number > 0, number.isFinite else {
            throw MirrorError(missing: member)
        }
        return number
    }

    fileprivate func list(_ member: String) throws(MirrorError) -> [JSONValue] {
        guard let list = self[member]?.arrayValue else { throw MirrorError(missing: member) }
        return list
    }

    fileprivate func lasting() throws(MirrorError) -> Duration {
        .milliseconds(try number("lasts_ms", in: 0...86_400_000))
    }

    fileprivate func mirroredConfig(_ member: String) throws(MirrorError) -> EncodedConfig {
        guard let json = self[member] else { throw MirrorError(missing: member) }
        return try EncodedConfig(mirrored: json)
    }

    fileprivate func configKey(_ member: String) throws(MirrorError) -> ConfigKey {
        guard let json = self[member] else { throw MirrorError(missing: member) }
        guard let key = ConfigKey(json) else { throw MirrorError(missing: member) }
        return key
    }
}

extension NodeConditions {
    fileprivate var wire: [ExactText: JSONValue] {
        let cordon: JSONValue =
            switch cordon {
            case .cordoned: .string("cordoned")
            case .workerGone: .string("gone")
            case .flapping: .string("flapping")
            case nil: .null
            }
        return [
            "pod": .text(pod), "lacks_pod": .bool(lacksPod), "draining": .bool(isDraining),
            "restarting": .bool(isRestarting), "cordon": cordon,
            "drained": isDrained ? .bool(true) : .null, "fault": .text(fault),
        ]
    }

    fileprivate init(wire json: JSONValue) throws(MirrorError) {
        guard let lacksPod = json["lacks_pod"]?.boolValue, let isDraining = json["draining"]?.boolValue else {
            throw MirrorError(missing: "lacks_pod or draining")
        }
        self.init()
        pod = json["pod"]?.stringValue
        (self.lacksPod, self.isDraining) = (lacksPod, isDraining)
        isRestarting = json["restarting"]?.boolValue ?? false
        isDrained = json["drained"]?.boolValue ?? false
        fault = json["fault"]?.stringValue
        switch json["cordon"]?.stringValue {
        case nil: cordon = nil
        case "cordoned": cordon = .cordoned
        case "gone": cordon = .workerGone
        case "flapping": cordon = .flapping
        default: throw MirrorError(missing: "cordon")
        }
    }
}

extension NodeAbilities {
    fileprivate var wire: [ExactText: JSONValue] {
        var members: [ExactText: JSONValue] = [:]
        if basis != .assumed {
            members[ExactText(basis.rawValue)] = .integer(Int64(capacity))
        }
        if let refreshInterval { members["refresh_interval_ms"] = .integer(refreshInterval.nanoseconds / 1_000_000) }
        guard let checks else { return members }
        func names(_ list: [ExactText]) -> JSONValue { .array(list.map { .string($0.text) }) }
        members["checks"] = .object([
            "include": names(checks.include), "exclude": names(checks.exclude), "version": .string(checks.version),
        ])
        return members
    }

    fileprivate init(wire json: JSONValue) throws(MirrorError) {
        var checks: CheckCompatibility?
        if let object = json["checks"] {
            func names(_ member: String) throws(MirrorError) -> [ExactText] {
                try object.list(member).compactMap(\.stringValue).map { ExactText($0) }
            }
            checks = CheckCompatibility(
                include: try names("include"), exclude: try names("exclude"), version: try object.text("version"))
        }
        func capacity(_ basis: Basis) throws(MirrorError) -> Int? {
            json[basis.rawValue] == nil ? nil : try json.number(basis.rawValue, in: 1...NodeAbilities.maximumCapacity)
        }
        let refreshInterval: Duration? =
            if json["refresh_interval_ms"] == nil { nil } else {
                .milliseconds(try json.number("refresh_interval_ms", in: 1_000...600_000))
            }
        self.init(
            checks: checks, stated: try capacity(.stated), reported: try capacity(.reported),
            refreshInterval: refreshInterval)
    }
}

extension DanglingReason {
    fileprivate var wire: [ExactText: JSONValue] {
        switch self {
        case .noNode: ["why": .string("no_node")]
        case .nodeExpired(let id): ["why": .string("expired"), "node": .string(id)]
        case .podDeleted(let id, let pod):
            ["why": .string("pod_deleted"), "node": .string(id), "pod": .string(pod)]
        case .nodeLeft(let id): ["why": .string("left"), "node": .string(id)]
        case .paused: ["why": .string("paused")]
        case .noEligibleNode(let text): ["why": .string("not_eligible"), "text": .string(text)]
        }
    }

    fileprivate init(wire json: JSONValue) throws(MirrorError) {
        switch json["why"]?.stringValue {
        case "no_node": self = .noNode
        case "paused": self = .paused
        case "expired": self = .nodeExpired(try json.text("node"))
        case "pod_deleted": self = .podDeleted(node: try json.text("node"), pod: try json.text("pod"))
        case "left": self = .nodeLeft(try json.text("node"))
        case "not_eligible": self = .noEligibleNode(try json.text("text"))
        default: throw MirrorError(missing: "why")
        }
    }
}

extension EncodedConfig {
    /// What a mirror holds of it.
    fileprivate var mirrored: JSONValue {
        var members: [ExactText: JSONValue] = ["key": key.encoded, "hash": .string(String(contentHash, radix: 16))]
        if instanceCount != 1 { members["instances"] = .integer(Int64(instanceCount)) }
        if !nodeName.isEmpty { members["node"] = .string(nodeName) }
        if handOver != .sticky { members["handover"] = .string(handOver.rawValue) }
        return .object(members)
    }

    fileprivate convenience init(mirrored json: JSONValue) throws(MirrorError) {
        let key = try json.configKey("key")
        guard let hash = UInt64(try json.text("hash"), radix: 16) else { throw MirrorError(missing: "hash") }
        let policy = json["handover"]?.stringValue.map(HandOverPolicy.init(rawValue:)) ?? .sticky
        guard let policy else { throw MirrorError(missing: "handover") }
        self.init(
            unconfirmed: key, contentHash: hash,
            instances: json["instances"] == nil ? 1 : try json.number("instances", in: 1...1_000_000),
            nodeName: json["node"]?.stringValue ?? "", handOver: policy)
    }
}
