package import CheckModel
package import JSON
import Leadership
import Platform

// Why a check is where it is, and what would move.
extension Handler {
    /// Why a check is where it is, what it costs and how that is known, and what would make it move.
    ///
    /// - Parameter name: a check ID, or where the config comes from.
    /// - Throws: `intent`: no such check is known; or `notLeading`, `warmingUp`, `notSynced`.
    package func explain(_ name: String) throws(ClusterChecksError) -> InTerm<Explanation> {
        let (copy, history, term) = try dispatcherCopy()
        var dispatcher = copy
        return InTerm(value: try dispatcher.explain(name, history), term: term)
    }

    /// What would move if something happened. Nothing is changed.
    ///
    /// - Throws: `intent`: the node is not known; or `notLeading`, `warmingUp`, `notSynced`.
    package func simulate(_ change: SupposedChange) throws(ClusterChecksError) -> InTerm<SimulationAnswer> {
        let (copy, _, term) = try dispatcherCopy()
        var dispatcher = copy
        return InTerm(value: try dispatcher.simulate(change, now: clock.now()), term: term)
    }

    /// A copy to try things on. As long as it is held, changes of the original copy what both refer to: drop it soon.
    private func dispatcherCopy() throws(ClusterChecksError) -> (Dispatcher, History, Term) {
        let now = clock.now()
        let read = try read(now) { $0 }
        return (read.value, knownHistory, read.term)
    }
}

/// Why a check is where it is.
package struct Explanation: Sendable {
    /// The config that it is about.
    package let subject: EncodedConfig
    /// Its node; empty if it has none.
    package let node: String
    /// Why it is there, or why it is nowhere.
    let reason: String
    let cost: ConfigCost
    /// The load of its node and the mean, for each unit of capacity; 0 without a node.
    let load: (node: Double, mean: Double)
    /// How many nodes may run it, and why others may not.
    let eligible: Int
    let obstacles: [(node: String, reason: String)]
    /// Why rebalancing leaves it alone; empty if it does not.
    let stays: [String]
    /// Where it would go if its node left; empty if nowhere.
    let next: String

    /// The most obstacles that are told.
    private static let longest = 20

    /// The answer's JSON.
    package var encoded: JSONValue {
        func number(_ value: Double) -> JSONValue { .number("\((value * 1000).rounded() / 1000)") }
        return .object([
            "check_id": .string(subject.checkID), "config": .string(subject.key.description), "node": .string(node),
            "reason": .string(reason),
            "cost": number(cost.instances), "cost_known_from": .string(cost.basis.rawValue),
            "node_load": number(load.node), "mean_load": number(load.mean), "eligible_nodes": .integer(Int64(eligible)),
            "obstacles": .array(
                obstacles.prefix(Self.longest).map {
                    .object(["node": .string($0.node), "reason": .string($0.reason)])
                }),
            "stays_because": .array(stays.map(JSONValue.string)), "next_node": .string(next),
        ])
    }
}

/// What would move.
package struct SimulationAnswer: Sendable {
    /// The moves, with the reasons that they would have.
    let moves: [HistoryEntry]
    /// What would be placed, or would have no node.
    let others: [HistoryEntry]
    /// The greatest relative load as a multiple of the mean, before and after.
    let balance: (before: Double, after: Double)

    /// The most entries that are told.
    private static let longest = 1_000

    /// The answer's JSON.
    package var encoded: JSONValue {
        func number(_ value: Double) -> JSONValue { .number("\((value * 1000).rounded() / 1000)") }
        return .object([
            "moves": .integer(Int64(moves.count)),
            "entries": .array((moves + others).prefix(Self.longest).map(\.encoded)),
            "heaviest_before": number(balance.before), "heaviest_after": number(balance.after),
        ])
    }
}

extension Dispatcher {
    /// The load of each unit of capacity of the nodes that may get configs: the mean, and the greatest as a multiple of
    /// it, which is 1 without any load.
    private var relativeLoads: (mean: Double, heaviest: Double) {
        let nodes = store.nodes.filter { !$0.id.isEmpty && $0.isFit }
        let capacity = nodes.reduce(0) { $0 + $1.abilities.capacity }
        let mean = nodes.reduce(0.0) { $0 + Double($1.load.millionths) } / 1e6 / Double(max(1, capacity))
        let greatest = nodes.map(\.relativeLoad).max() ?? 0
        return (mean, mean > 0 ? greatest / mean : 1)
    }

    fileprivate mutating func explain(_ name: String, _ history: History) throws(ClusterChecksError) -> Explanation {
        let key = try key(named: name, .pin)
        guard let config = store.config(key), let cost = store.cost(of: key) else {
            throw .intent("no check \(name) is known: clusterchecks shows their IDs")
        }
        let slot = store.slot(ofConfig: key)
        var (eligible, obstacles): (Int, [(node: String, reason: String)]) = (0, [])
        let slots = store.nodes.indices.filter { !store.nodes[$0].id.isEmpty }
            .sorted { store.nodes[$0].id.isBefore(store.nodes[$1].id) }
        for slot in slots {
            if let obstacle = obstacle(to: config, slot) {
                obstacles.append((store.nodes[slot].id, obstacle.words(config)))
            } else {
                eligible += 1
            }
        }
        let last = history.entries.last {
            $0.config.hasSameBytes(as: key.description) && [.added, .moved].contains($0.kind)
        }.flatMap { entry in slot.map { store.nodes[$0].id.hasSameBytes(as: entry.node) } == true ? entry : nil }
        let reason =
            slot == nil
            ? store.danglingReason(of: key)?.description ?? ""
            : last.map {
                $0.kind == .moved
                    ? "moved from \($0.from.isEmpty ? "nowhere" : $0.from) (\($0.reason)) at "
                        + timestamp($0.time) : "placed at \(timestamp($0.time)), where the load was least"
            }
                ?? "placed with many others, where the load was least, or before what the history knows"
        let stays = whyItStays(config, cost, slot)
        return Explanation(
            subject: config, node: slot.map { store.nodes[$0].id } ?? "", reason: reason,
            cost: cost, load: (slot.map { store.nodes[$0].relativeLoad } ?? 0, relativeLoads.mean), eligible: eligible,
            obstacles: obstacles, stays: stays, next: nextNode(for: config, slot) ?? "")
    }

    private func whyItStays(_ config: EncodedConfig, _ cost: ConfigCost, _ slot: Int?) -> [String] {
        var reasons: [String] = []
        if options.rebalancing.pinnedChecks.contains(config.checkName) {
            reasons.append("cluster_checks.exclude_checks_from_dispatching names \(config.checkName)")
        }
        if store.intent.isolated.contains(config.key) { reasons.append("an operator isolated it") }
        if let node = store.intent.pinned[config.key] { reasons.append("an operator pinned it to \(node.text)") }
        if let pin = config.rules?.pin, !pin.isEmpty { reasons.append("its author pinned it to \(pin.text)") }
        if store.handOvers[config.key] != nil { reasons.append("it is being handed over") }
        if let end = rebalanced[config.key] {
            reasons.append("it was rebalanced, and stays for \(Int((end - heartbeats.time).seconds)) s more")
        }
        if let slot, statistics[slot] != nil, store.workersPerInstance != nil,
            cost.basis == .instances || cost.basis == .estimated
        {
            reasons.append("it has not been measured on its node yet")
        }
        return reasons
    }

    /// Where a config would go if its node began to leave.
    private func nextNode(for config: EncodedConfig, _ slot: Int?) -> String? {
        guard let slot else { return nil }
        var copy = self
        var conditions = store.nodes[slot].conditions
        conditions.isDraining = true
        let id = store.nodes[slot].id
        copy.apply(.nodeConditionsChanged(id: id, conditions))
        return copy.bestNode(for: config).flatMap { $0.hasSameBytes(as: id) ? nil : $0 }
    }

    fileprivate mutating func simulate(
        _ change: SupposedChange, now: Instant
    ) throws(ClusterChecksError) -> SimulationAnswer {
        _ = drainHistory()
        let before = relativeLoads.heaviest
        heartbeats.advance(to: now)
        var entries: [HistoryEntry] = []
        switch change {
        case .addNodes(let count):
            for number in 1...count {
                let report = NodeReport(id: "simulated-\(number)", status: NodeStatusRequest(lastChange: 0))
                _ = try nodeStatus(report, now: now)
                entries += drainHistory()
            }
        case .removeNode(let id):
            guard let slot = store.slot(of: id.text) else {
                throw .intent("no node-agent \(id.text) reports" + nodesThereAre)
            }
            agentLeft(slot, .left, isRestart: false)
            reconcileNodes(hasLost: true)
            entries = drainHistory()
        case .addConfigs(let configs):
            for (index, config) in configs.enumerated() {
                guard let encoded = try? ConfigPatch().encode(CheckConfig(config, number: index)) else { continue }
                _ = reconcile(EncodedChanges(upserts: [encoded]))
                entries += drainHistory()
            }
        }
        return SimulationAnswer(
            moves: Self.net(entries.filter { $0.kind == .moved }),
            others: entries.filter { [.added, .dangles].contains($0.kind) },
            balance: (before, relativeLoads.heaviest))
    }
}

extension Dispatcher {
    /// Moves of which each config makes one at most: what goes on from one node to the next has moved once.
    private static func net(_ moves: [HistoryEntry]) -> [HistoryEntry] {
        var first: [ExactText: HistoryEntry] = [:]
        var last: [ExactText: Int] = [:]
        for (index, move) in moves.enumerated() {
            let config = ExactText(move.config)
            if first[config] == nil { first[config] = move }
            last[config] = index
        }
        return moves.enumerated().compactMap { index, move in
            let config = ExactText(move.config)
            guard last[config] == index, let begin = first[config], begin.from != move.node else { return nil }
            return HistoryEntry(
                .moved, check: move.check, config: move.config, from: begin.from, node: move.node, reason: move.reason)
        }
    }
}

extension ClusterStore.Node {
    /// Its load for each unit of its capacity, in usual instances.
    fileprivate var relativeLoad: Double { Double(load.millionths) / 1e6 / Double(abilities.capacity) }
}

extension CheckConfig {
    /// A config that might be added.
    fileprivate init(_ config: SupposedChange.Config, number: Int) {
        let instances = (0..<config.instances).map { JSONValue.object(["instance": .integer(Int64($0))]) }
        self.init(
            key: ConfigKey(source: "simulated:\(number)", check: config.check, index: 0), checkName: config.check,
            instances: instances, rules: config.rules)
    }
}
