package import CheckModel
import ClusterChecks
import HTTPServer
import Platform
import Replica
import Synchronization

extension ClusterPlan {
    /// What an operator wants for a while, and then no more.
    package struct Order: Sendable {
        /// What is wanted: one of the verbs that its opposite undoes.
        let verb: IntentCommand.Verb
        /// The number of the config that it is about.
        let config: Int
        /// The number of the node that it is about.
        let node: Int
        /// How long it is wanted.
        let holds: Duration

        /// What undoes it.
        var opposite: IntentCommand.Verb { Self.opposites[verb] ?? verb }

        private static let opposites: [IntentCommand.Verb: IntentCommand.Verb] = [
            .isolate: .unisolate, .pin: .unpin, .pause: .resume, .drain: .uncordon,
        ]
    }

    /// Up to four orders, all undone before the faults end.
    static func drawOrders(_ dice: Dice, configs: Int) -> [(at: Duration, order: Order)] {
        guard configs > 0, dice.chance(0.5) else { return [] }
        return (0..<dice.number(in: 1...4)).map { _ in
            let order = Order(
                verb: dice.pick([.isolate, .pin, .pause, .drain]), config: dice.index(below: configs),
                node: dice.index(below: nodes), holds: dice.duration(in: .seconds(5) ... .seconds(60)))
            return (dice.duration(in: .seconds(30) ... .seconds(170)), order)
        }
    }
}

// What an operator has done.
extension SimulatedCluster {
    private static let operatorsHost = "operator"
    /// The pause before a call is made again that nobody could answer.
    private static let pause = Duration.seconds(2)

    func carryOut(_ order: ClusterPlan.Order) {
        let process = SimulatedProcess(Self.operatorsHost, in: world)
        let node = order.verb == .pin || order.verb.isOfNode ? Self.agentNames[order.node] : ""
        let config = expectations.configs([order.config: 0]).first?.key.description ?? ""
        let check = order.verb.isOfNode ? "" : config
        send(IntentCommand(order.verb, check: check, node: node), from: process) { [self] isDone in
            guard isDone else { return }
            world.after(order.holds) { [self] in
                send(IntentCommand(order.opposite, check: check, node: node), from: process) { _ in }
            }
        }
    }

    /// Sends a command to one of the replicas until the leader has answered it.
    private func send(
        _ command: IntentCommand, from process: SimulatedProcess, _ completion: @escaping @Sendable (Bool) -> Void
    ) {
        let request = HTTPRequest(
            method: .post, path: "/api/v1/clusterchecks/intent",
            headers: HTTPHeaders([("Authorization", "Bearer \(SimulatedReplica.operatorToken)")]),
            body: command.encoded(),
            peer: PeerAddress(host: "", port: 0))
        let address = network.address(of: dice.pick(Self.replicaNames))
        _ = network.send(request, from: process, to: address, deadline: process.clock.now() + .seconds(10)) {
            [self] result in
            let status = (try? result.get())?.status ?? 0
            let what = "\(command.verb.rawValue) \(command.check)\(command.node)"
            world.record("operator: \(what): \(status)")
            if status == 403 { return world.violated("the operator's token is refused") }
            // What was done before an answer was lost is refused the next time.
            if status == 200 || status == 409 { return completion(status == 200) }
            world.after(Self.pause) { [self] in send(command, from: process, completion) }
        }
    }

    /// What the leader says happened, the oldest first; nothing without a leader.
    package var history: [HistoryEntry] {
        let histories = replicas.compactMap { replica in
            try? replica.replica.handler.history(now: replica.process.clock.now()).value.entries
        }
        return histories.first ?? []
    }

    /// What operators want by the store of a replica; nothing if it does not lead.
    func wanted(by replica: SimulatedReplica) -> OperatorIntent {
        state.withLock { state in
            guard let mirror = state.mirrors[replica.process.lane], mirror.term != nil else { return OperatorIntent() }
            return mirror.store.intent
        }
    }

    /// What is wanted and not so, in a leader's state.
    func problem(of intent: OperatorIntent, in snapshot: StateSnapshot) -> String? {
        for node in snapshot.nodes {
            for config in node.configs {
                if intent.paused.contains(config.key) { return "\(config.key) is paused, and on \(node.id)" }
                if let wanted = intent.pinned[config.key], wanted != ExactText(node.id), config.isConfirmed {
                    return "\(config.key) is pinned to \(wanted), and on \(node.id)"
                }
            }
            let others = node.configs.filter { !intent.isolated.contains($0.key) && intent.pinned[$0.key] == nil }
            guard others.count < node.configs.count, others.contains(where: \.isConfirmed) else { continue }
            let isElsewhere = node.configs.contains { intent.isolated.contains($0.key) }
            let hasRoom = snapshot.nodes.contains { other in
                other.id != node.id && other.conditions.standing == .free && !other.isAwaited && !other.isAway
                    && !other.configs.contains { intent.isolated.contains($0.key) }
            }
            if isElsewhere, hasRoom { return "\(node.id) has a check that is to be alone, and others that could leave" }
        }
        return nil
    }
}
