package import CheckModel
import Platform

/// What became of an operator's command.
package struct IntentDecision: Sendable {
    /// The intent with the command, to be kept before it takes effect.
    package let intent: OperatorIntent
    /// What it means, for the operator.
    package let answer: String
    /// The node of the check that the command is about; empty if there is none.
    package let node: String
}

// What operators want.
extension Dispatcher {
    /// What a command makes of the intent. Nothing changes yet.
    ///
    /// - Throws: `intent`: it is about what is not there, what is so already, or what cannot be.
    func decide(_ command: IntentCommand) throws(ClusterChecksError) -> IntentDecision {
        var intent = store.intent
        if command.verb.isOfNode {
            let answer = try decide(command, ofNode: ExactText(command.node), &intent)
            return IntentDecision(intent: intent, answer: answer, node: command.node)
        }
        let key = try key(named: command.check, command.verb)
        var answer = try decide(command, of: key, &intent)
        var home = store.nodeID(of: key) ?? ""
        if command.verb == .isolate { (answer, home) = isolated(key, answer, intent) }
        guard intent.count <= OperatorIntent.limit else {
            throw .intent("there are \(OperatorIntent.limit) pins, pauses, drains and isolations already: undo some")
        }
        return IntentDecision(intent: intent, answer: answer, node: home)
    }

    /// What an isolation leads to, in words, and the check's node then.
    private func isolated(_ key: ConfigKey, _ former: String, _ intent: OperatorIntent) -> (
        answer: String, node: String
    ) {
        var copy = self
        copy.adopt(intent)
        let id = copy.store.config(key)?.checkID ?? former
        // An agent names a check by its whole config.
        let check = id.hasSameBytes(as: former) ? id : "\(id), which was \(former),"
        guard let slot = copy.store.slot(ofConfig: key) else { return ("\(check) is alone once it has a node", "") }
        let (node, others) = (copy.store.nodes[slot].id, copy.store.nodes[slot].configs.count - 1)
        let answer =
            others == 0
            ? "\(check) is alone on \(node)"
            : "\(check) shares \(node) with \(others) checks that no other node may run, and is alone once one may"
        return (answer, node)
    }

    private func decide(
        _ command: IntentCommand, of key: ConfigKey, _ intent: inout OperatorIntent
    ) throws(ClusterChecksError) -> String {
        let check = store.config(key)?.checkID ?? (key.shard.isEmpty ? key.description : command.check)
        switch command.verb {
        case .isolate:
            try isolate(key, check, &intent)
            return check
        case .unisolate:
            try unisolate(key, check, &intent)
            return "\(check) shares its node again"
        case .pin:
            let isKnown = store.slot(of: command.node) != nil || matching.hasWorker(command.node)
            guard isKnown else { throw .intent("no node-agent \(command.node) reports" + nodesThereAre) }
            intent.pinned[key] = ExactText(command.node)
            return "\(check) runs on \(command.node) alone"
        case .unpin:
            guard intent.pinned.removeValue(forKey: key) != nil else { throw .intent("\(check) is not pinned") }
            return "\(check) may run anywhere"
        case .pause:
            guard intent.paused.insert(key).inserted else { throw .intent("\(check) is paused already") }
            return "\(check) runs nowhere until it is resumed"
        case .resume:
            guard intent.paused.remove(key) != nil else { throw .intent("\(check) is not paused") }
            return "\(check) runs again"
        case .drain, .uncordon:
            return ""
        }
    }

    private func isolate(
        _ key: ConfigKey, _ check: String, _ intent: inout OperatorIntent
    ) throws(ClusterChecksError) {
        guard store.nodeCount > 1 else { throw .intent("No other runners available") }
        guard !intent.paused.contains(key), !intent.paused.contains(key.whole) else {
            throw .intent("\(check) is paused: resume it first")
        }
        guard store.config(key) != nil || store.totalCount < options.maximumConfigs else {
            throw .intent("there are \(options.maximumConfigs) configs already, and this one would have to be split")
        }
        guard intent.isolated.insert(key).inserted else { return }
        guard intent.isolated.count <= store.nodeCount else {
            throw .intent("each isolated check takes a node, and \(store.nodeCount) are isolated already")
        }
        if let node = intent.pinned[key.whole] { intent.pinned[key] = node }
    }

    private func unisolate(
        _ key: ConfigKey, _ check: String, _ intent: inout OperatorIntent
    ) throws(ClusterChecksError) {
        guard intent.isolated.remove(key) != nil else { throw .intent("\(check) is not isolated") }
        guard key != key.whole, isolatedInstances.whole(key.whole) != nil || store.config(key) == nil else { return }
        // With the others of its config again, it has no pause and no pin of its own.
        guard !intent.paused.contains(key) else { throw .intent("\(check) is paused: resume it first") }
        guard !intent.paused.contains(key.whole) else {
            throw .intent("the others of its config are paused, and \(check) would be with them: resume them first")
        }
        guard intent.pinned[key] == nil || intent.pinned[key] == intent.pinned[key.whole] else {
            throw .intent("\(check) is pinned, and the others of its config are not, or elsewhere: unpin it first")
        }
        intent.pinned[key] = nil
    }

    private func decide(
        _ command: IntentCommand, ofNode id: ExactText, _ intent: inout OperatorIntent
    ) throws(ClusterChecksError) -> String {
        guard command.verb == .drain else {
            guard intent.drained.remove(id) != nil else {
                let isCordoned = store.slot(of: id.text).map { store.nodes[$0].conditions.cordon == .cordoned } ?? false
                throw .intent(
                    isCordoned
                        ? "\(id.text) is cordoned in Kubernetes: kubectl uncordon it"
                        : "\(id.text) is not drained")
            }
            return "\(id.text) gets checks again"
        }
        guard store.slot(of: id.text) != nil else {
            throw .intent("no node-agent \(id.text) reports" + nodesThereAre)
        }
        guard intent.drained.insert(id).inserted else { throw .intent("\(id.text) is drained already") }
        return "\(id.text) gives its checks to others, and gets none"
    }

    /// How many checks are looked at to name some that exist.
    private static let mostAlike = 1_000

    /// The config that an operator names by a check ID, or by where it comes from.
    func key(named name: String, _ verb: IntentCommand.Verb) throws(ClusterChecksError) -> ConfigKey {
        let check = name.prefix { $0 != ":" }
        var (found, alike): ([ConfigKey], [String]) = ([], [])
        for key in store.keys {
            guard let config = store.config(key) else { continue }
            if config.has(name) || key.description.hasSameBytes(as: name) {
                found.append(key)
            } else if found.isEmpty, alike.count < Self.mostAlike, key.check.hasSameBytes(as: String(check)) {
                alike.append(config.checkID)
            }
        }
        if let key = found.min(), let config = store.config(key) {
            // To be alone, an instance leaves the others of its config.
            return verb == .isolate && config.has(name) ? isolatedInstances.isolatedKey(name, in: config) : key
        }
        // What is gone can still be undone.
        let kept = Array(store.intent.isolated) + Array(store.intent.paused) + Array(store.intent.pinned.keys)
        if let key = kept.sorted().first(where: { $0.description.hasSameBytes(as: name) }) { return key }
        if store.endpointsChecks.keys.contains(where: { store.endpointsChecks.config($0)?.has(name) == true }) {
            throw .intent("\(name) is an endpoints check: its Kubernetes node runs it, and no other can")
        }
        guard verb != .isolate || !alike.isEmpty else { throw .intent("Unable to find check") }
        let known = alike.sortedByBytes().prefix(5).joined(separator: ", ")
        let hint = alike.isEmpty ? "" : "; of this check there are \(known)"
        throw .intent("no check \(name) is known: clusterchecks shows their IDs\(hint)")
    }

    var nodesThereAre: String {
        let ids = store.nodes.map(\.id).filter { !$0.isEmpty }.sortedByBytes()
        guard !ids.isEmpty else { return ": none does" }
        return "; these do: " + ids.prefix(10).joined(separator: ", ")
            + (ids.count > 10 ? " and \(ids.count - 10) more" : "")
    }

    /// Makes an intent count.
    mutating func adopt(_ intent: OperatorIntent) {
        guard intent != store.intent else { return }
        let former = store.intent
        apply(.intentChanged(intent))
        for id in former.drained.symmetricDifference(intent.drained) { matching.touch(id.text) }
        let pins = Set(former.pinned.keys).union(intent.pinned.keys).filter { former.pinned[$0] != intent.pinned[$0] }
        let touched = pins.union(former.paused.symmetricDifference(intent.paused))
        for key in touched.sorted() where store.isDispatching {
            guard let config = store.config(key) else { continue }
            if let slot = store.slot(ofConfig: key) {
                relieveIfUnfit(config, slot)
            } else if store.nodeCount == 0 {
                explainDangling(config)
            }
        }
        let parts = former.parts.symmetricDifference(intent.parts)
        splitAnew(Set(parts.map(\.whole)))
        reconcileNodes(hasLost: true)
    }

    /// Why an operator keeps a config from the node of a slot; nil if none does.
    func wantedElsewhere(_ config: EncodedConfig, _ slot: Int) -> Obstacle? {
        guard store.intent.count > 0 else { return nil }
        if store.intent.paused.contains(config.key) { return .paused }
        if let node = store.intent.pinned[config.key], !node.text.hasSameBytes(as: store.nodes[slot].id),
            !eligible.isNode(slot, named: node)
        {
            // Where the ID reports, no Kubernetes node of that name is meant.
            return eligible.knows(slot) || store.slot(of: node.text) != nil ? .operatorsPin : .unknown
        }
        return isReserved(slot, for: config.key) ? .reserved : nil
    }

    /// Whether a node has a check that is to be alone there, other than this one.
    private func isReserved(_ slot: Int, for key: ConfigKey) -> Bool {
        store.intent.isolated.contains { $0 != key && store.slot(ofConfig: $0) == slot }
    }

    /// Whether a node has a check that is to be alone there.
    func isReserved(_ slot: Int) -> Bool { store.intent.isolated.contains { store.slot(ofConfig: $0) == slot } }

    /// Moves other configs off the nodes of checks that are to be alone, as far as other nodes may run them. Where some
    /// must stay, the check itself goes to a node that all others may leave, if there is one.
    mutating func relieveReserved() {
        for key in store.intent.isolated.sorted() {
            guard let slot = store.slot(ofConfig: key), let config = store.config(key) else { continue }
            clear(slot, for: key)
            guard store.nodes[slot].configs.count > 1, mayLeave(config, slot), let other = clearable(for: config, slot)
            else { continue }
            move(key, to: store.nodes[other].id, .isolated)
            clear(other, for: key)
        }
    }

    private mutating func clear(_ slot: Int, for key: ConfigKey) {
        for weighed in heaviestFirst(store.nodes[slot].configs) {
            let config = weighed.config
            guard config.key != key, mayLeave(config, slot) else { continue }
            // No check is lost for another's sake.
            guard let node = bestNode(for: config, load: weighed.load, mayShare: false),
                !node.hasSameBytes(as: store.nodes[slot].id)
            else { continue }
            move(config.key, to: node, .isolated)
        }
    }

    /// The least loaded other node that may run a config, and that all its configs can leave; nil without one.
    private mutating func clearable(for config: EncodedConfig, _ own: Int) -> Int? {
        let homes = store.slots(standing: .free).filter { $0 == own || !isReserved($0) }
        var best: Int?
        for slot in homes where slot != own && obstacle(to: config, slot) == nil {
            if let found = best, store.nodes[found].load <= store.nodes[slot].load { continue }
            let others = homes.filter { $0 != slot }
            guard store.nodes[slot].configs.allSatisfy({ mayLeave($0, slot) }),
                store.nodes[slot].configs.allSatisfy({ isWelcome($0, others, own) })
            else { continue }
            best = slot
        }
        return best
    }

    /// Whether one of these nodes may run a config once the check that is to be alone has left its own.
    private mutating func isWelcome(_ config: EncodedConfig, _ slots: [Int], _ own: Int) -> Bool {
        for slot in slots {
            let obstacle = obstacle(to: config, slot)
            if obstacle == nil || slot == own && obstacle == .reserved { return true }
        }
        return false
    }
}
