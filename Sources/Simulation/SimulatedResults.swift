import CheckModel
import ClusterChecks
import NodeAgent
import Platform
import Replica
import Synchronization

/// How the checks of a simulated agent fare: those that it was told to run get a result after a while, and change it
/// now and then.
struct SimulatedResults {
    private var isUp: [String: Bool] = [:]
    private var unrun: [String] = []

    /// Takes what the agent runs from now on.
    ///
    /// - Returns: the check IDs of results that are gone.
    mutating func replace(with ids: [String]) -> [String] {
        let gone = isUp.keys.filter { !ids.contains($0) }.sorted()
        for id in gone { isUp[id] = nil }
        unrun = ids.filter { isUp[$0] == nil }
        return gone
    }

    /// Runs what has not run yet, and has one of the others go up or down.
    mutating func perform(flips: Bool, _ dice: Dice, now: Instant) -> [InstanceResult] {
        var changed = unrun.map { ($0, isUp: dice.chance(0.8)) }
        unrun = []
        let known = isUp.sorted { $0.key < $1.key }
        if flips, !known.isEmpty {
            let (id, wasUp) = dice.pick(known)
            changed.append((id, isUp: !wasUp))
        }
        for (id, isUp) in changed { self.isUp[id] = isUp }
        return changed.map { id, isUp in
            InstanceResult(
                id: id, isUp: isUp, kind: isUp ? "" : FailureKind.timeout.rawValue,
                reason: isUp ? "" : "no answer: within 5 s", since: now, lastSuccess: isUp ? now : nil)
        }
    }
}

/// What the agents of each node held of each instance, and when: a leader shows nothing else.
final class HeldResults: Sendable {
    private struct Standing {
        /// In the world's time.
        let since: Instant
        /// Nil once the instance was gone.
        let isUp: Bool?
    }

    /// How long what an agent said may have been under way: a call takes up to 5 s, and another replica may forward it.
    private static let underWay = Duration.seconds(15)

    /// By node and check ID, the newest last.
    private let standings = Mutex<[String: [String: [Standing]]]>([:])

    /// Notes that the agent of a node holds this from now on.
    func note(_ isUp: Bool?, of id: String, on node: String, at now: Instant) {
        standings.withLock { $0[node, default: [:]][id, default: []].append(Standing(since: now, isUp: isUp)) }
    }

    /// What is wrong with the results that a leader shows of a node; nil if its agent held each of them when it is said
    /// to have been heard.
    func problem(of shown: [ExactText: ShownResult], on node: String, at now: Instant) -> String? {
        let known = standings.withLock { $0[node] ?? [:] }
        for (id, shown) in shown.sorted(by: { $0.key < $1.key }) {
            let heard = now - shown.age
            let held = known[id.text] ?? []
            let isTrue = held.indices.contains { index in
                let end = index + 1 < held.count ? held[index + 1].since : .distantFuture
                return held[index].isUp == shown.result.isUp && held[index].since <= heard
                    && end >= heard - Self.underWay
            }
            guard isTrue else {
                return "\(id) on \(node) is shown as \(shown.result.isUp ? "up" : "down") \(shown.age.seconds) s ago, "
                    + "which its agent never held then"
            }
        }
        return nil
    }

    /// What a leader does not show as it is, once nothing goes wrong; nil if there is nothing.
    func problem(of shown: [ExactText: ShownResult], on node: String, running: [String], at now: Instant) -> String? {
        let known = standings.withLock { $0[node] ?? [:] }
        for id in running {
            guard let held = known[id]?.last, let isUp = held.isUp else { return "\(id) has not run on \(node)" }
            guard let shown = shown[id] else { return "no result of \(id) on \(node) is known" }
            if shown.isStale { return "the result of \(id) on \(node) is stale" }
            guard shown.result.isUp == isUp else {
                return "\(id) on \(node) is shown as up=\(shown.result.isUp), and is up=\(isUp)"
            }
            let lasted = now - held.since
            guard max(lasted, shown.lasted) - min(lasted, shown.lasted) <= Self.underWay else {
                return "\(id) on \(node) has been so for \(lasted.seconds) s, not for \(shown.lasted.seconds) s"
            }
        }
        return nil
    }
}

extension SimulatedCluster {
    /// What is wrong with the results that a leader shows of any node; nil if there is nothing, or it does not lead.
    func problemOfResults(at replica: SimulatedReplica) -> String? {
        guard replica.process.status == .running, replica.term != nil else { return nil }
        let now = replica.process.clock.now()
        for name in Self.agentNames {
            let shown = replica.replica.results.of(name, now: now)
            if let problem = held.problem(of: shown, on: name, at: world.now) { return problem }
        }
        return nil
    }

    /// Which results of a node's agent the leader does not show as they are; nil if it shows them all, or the node is a
    /// Prometheus, which reports none.
    func problemOfResults(of node: String) -> String? {
        guard let agent = agents.first(where: { $0.process.name == node }),
            let leader = replicas.first(where: { $0.term != nil })
        else { return nil }
        let shown = leader.replica.results.of(node, now: leader.process.clock.now())
        return held.problem(of: shown, on: node, running: agent.running, at: world.now)
    }
}
