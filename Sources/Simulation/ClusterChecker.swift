import CheckModel
import ClusterChecks
import HTTPServer
import Leadership
import Platform
import Synchronization

/// The invariants of a cluster. Each function returns what is violated, or nil.
///
/// The leader's own state is checked whenever it may have changed, each of its answers when it is made, and the term
/// when it is written.
struct ClusterChecker: Sendable {
    /// Where each config was in a leader's state, to check later whether it moved for a reason.
    struct Placements: Sendable {
        let term: String
        let nodes: [String: NodeConditions]
        let away: Set<String>
        let nodeOfConfig: [ConfigKey: String]
        /// What operators wanted.
        let intent: OperatorIntent
    }

    let terms: TermChecker
    let answers = Answers()

    /// A leader's state by itself: each config is in one place, and derived values equal recomputed ones.
    ///
    /// - Parameter intent: what operators want: for its sake configs stay and dangle that otherwise would not.
    func problem(in state: StateSnapshot, _ intent: OperatorIntent) -> String? {
        var places: [ConfigKey: String] = [:]
        // Whoever is worse than a node that is about to be heard gets nothing.
        let awaited = state.nodes.filter { $0.isAwaited && !$0.isAway }.map(\.conditions.standing).min()
        for node in state.nodes {
            for config in node.configs {
                if let other = places.updateValue(node.id, forKey: config.key) {
                    return "\(config.key) is on \(other) and on \(node.id)"
                }
            }
            let revision = Revision(of: node.told.map(\.contentHash)).value
            guard node.revision == revision else {
                return "\(node.id) has the revision \(node.revision), and what it is told makes \(revision)"
            }
            if intent.count == 0, node.conditions.isDraining,
                node.configs.contains(where: { config in
                    config.isConfirmed
                        && state.nodes.contains {
                            $0.conditions.standing < .restarting && !$0.isAwaited && !$0.isAway && $0.canRun(config)
                                && $0.conditions.standing <= awaited ?? .awaited
                        }
                })
            {
                return "\(node.id) is about to leave and keeps configs, and others stay"
            }
        }
        for config in state.dangling {
            if let node = places[config.config.key] { return "\(config.config.key) dangles and is on \(node)" }
        }
        let dangling = state.dangling.first { dangling in
            dangling.config.isConfirmed && !intent.binds(dangling.config.key)
                && state.nodes.contains {
                    !$0.isAwaited && !$0.isAway && $0.conditions.standing <= awaited ?? .awaited
                        && $0.canRun(dangling.config)
                }
        }
        if let config = dangling {
            return "\(config.config.key) dangles while \(state.nodes.count) nodes report"
        }
        if state.isWarmingUp, !places.isEmpty { return "configs are placed in warm-up" }
        return nil
    }

    /// Whether configs moved without need since `former`: a node that stays keeps its configs, except the share of one
    /// that joins.
    func problem(
        from former: Placements?, to state: StateSnapshot, _ intent: OperatorIntent, rebalanced: Set<ConfigKey>
    ) -> String? {
        guard let former, former.term == state.term.token || state.term.continued == former.term else { return nil }
        // For an operator's sake anything may move.
        if former.intent.count == 0, intent.count == 0,
            let problem = problemOfMoves(from: former, to: state, rebalanced)
        {
            return problem
        }
        guard former.term != state.term.token else { return nil }
        if let problem = terms.problem(ofToken: former.term) {
            return "the term \(state.term.token) continues another one, and \(problem)"
        }
        // Nobody led in between, so nothing was forgotten.
        let present = Set(state.nodes.flatMap(\.configs).map(\.key) + state.dangling.map(\.config.key))
        let lost = former.nodeOfConfig.keys.filter { !present.contains($0) }.sorted()
        guard lost.isEmpty else { return "the term \(state.term.token) continues \(former.term) and forgot \(lost)" }
        guard Set(former.nodes.keys).isSubset(of: state.nodes.map(\.id)) else {
            return "the term \(state.term.token) forgot nodes of \(former.term)"
        }
        return nil
    }

    /// A config moves only from a node that leaves, or to one that has none, joins, or may get work again; or it is
    /// rebalanced.
    private func problemOfMoves(
        from former: Placements, to state: StateSnapshot, _ rebalanced: Set<ConfigKey>
    ) -> String? {
        let now = Dictionary(uniqueKeysWithValues: state.nodes.map { ($0.id, $0.conditions) })
        let hasFree = state.nodes.contains {
            $0.refreshInterval == nil && $0.conditions.standing == .free && former.nodes[$0.id]?.standing == .free
        }
        let away = Set(state.nodes.filter(\.isAway).map(\.id))
        for node in state.nodes {
            guard let was = former.nodes[node.id] else { continue }
            let isCordoned = was.standing == .cordoned && node.conditions.standing == .cordoned
            let hasJoined =
                node.conditions.standing < was.standing || node.conditions.pod != was.pod
                || former.away.contains(node.id)
            for config in node.configs
            where former.nodeOfConfig[config.key] != node.id && !rebalanced.contains(config.key) {
                if isCordoned, hasFree { return "\(node.id) is cordoned and gets \(config.key)" }
                guard let before = former.nodeOfConfig[config.key], let stays = now[before] else { continue }
                let isLeft = stays.isLeaving || away.contains(before) || stays.pod != former.nodes[before]?.pod
                if stays.isRestarting || away.contains(before), config.handOver == .sticky {
                    return "\(config.key) is sticky and moved from \(before), which is restarted"
                }
                guard !hasJoined, !isLeft else { continue }
                return "\(config.key) moved from \(before) to \(node.id), and both stay"
            }
        }
        return nil
    }

    /// Whether a node was removed before it had been silent for the whole timeout while the leader listened.
    ///
    /// - Parameters:
    ///   - silences: how long the leader has listened since each node's last report, within a second.
    ///   - deletedPods: the pods that were deleted: their nodes may be removed at once.
    func problem(
        from former: Placements?, to state: StateSnapshot, silences: [String: Duration], deletedPods: Set<String>,
        timeout: Duration
    ) -> String? {
        guard let former, former.term == state.term.token || state.term.continued == former.term else { return nil }
        for node in Set(former.nodes.keys).subtracting(state.nodes.map(\.id)).sorted() {
            if let pod = former.nodes[node]?.pod, deletedPods.contains(pod) { continue }
            // Its agent has said goodbye, or no other has taken its place in time.
            if former.nodes[node]?.isLeaving == true || former.away.contains(node) { continue }
            let silence = silences[node] ?? .zero
            // Of each of a few pauses the leader may count two seconds.
            if silence < timeout - .seconds(8) { return "\(node) is forgotten after \(silence.seconds) s of silence" }
        }
        return nil
    }

    /// A leader's 200 with configs, when it is made: it equals the node's configs in the state, and is never a wrong
    /// "nothing".
    ///
    /// - Parameters:
    ///   - running: the check IDs that the node's agent runs now.
    ///   - recent: the revisions that the node was to run lately: an answer may have waited for a follower.
    ///   - elsewhere: those that other agents run, or have run; nil if the leader cannot know, as it has no mirror of
    ///     what was told before.
    ///   - unplaced: those that have no node since operators want it so.
    func problem(
        withConfigs response: HTTPResponse, for node: String, of state: StateSnapshot, source: DesiredConfigs,
        running: [String], recent: Set<Int64>, elsewhere: Set<String>?, unplaced: Set<String>
    ) -> String? {
        guard let known = state.nodes.first(where: { $0.id == node }) else {
            return "\(node) is unknown and gets configs"
        }
        let sent: Answers.List
        do throws(CheckModelError) {
            sent = try answers.list(in: response)
        } catch {
            return "\(node) gets a malformed list: \(error)"
        }
        let isCurrent = sent.lastChange == known.revision && sent.checkIDs == Set(known.told.flatMap(\.instanceIDs))
        guard isCurrent || recent.contains(sent.lastChange) else {
            return "\(node) gets \(sent.checkIDs.sorted()), which is not what the leader's state says"
        }
        // What the agent will stop must be placed elsewhere, exist in another version, or be gone.
        return problem(
            ofStopping: running.filter { !sent.checkIDs.contains($0) }, on: node, in: state, source: source,
            elsewhere: elsewhere, unplaced: unplaced)
    }

    /// A leader's list of targets, when it is made: of checks that a Prometheus may run, and never a wrong "nothing".
    func problem(
        withTargets sent: Set<String>?, for node: String, of state: StateSnapshot, source: DesiredConfigs,
        running: [String], elsewhere: Set<String>?, unplaced: Set<String>
    ) -> String? {
        guard state.nodes.contains(where: { $0.id == node }) else { return "\(node) is unknown and gets targets" }
        guard let sent else { return "\(node) gets a malformed list of targets" }
        let others = state.nodes.flatMap(\.configs).filter { $0.isConfirmed && $0.scrapeTargets == nil }
        if let other = others.flatMap(\.instanceIDs).first(where: sent.contains) {
            return "\(node) is a Prometheus, and is told to run \(other)"
        }
        return problem(
            ofStopping: running.filter { !sent.contains($0) }, on: node, in: state, source: source,
            elsewhere: elsewhere, unplaced: unplaced)
    }

    private func problem(
        ofStopping stopped: [String], on node: String, in state: StateSnapshot, source: DesiredConfigs,
        elsewhere: Set<String>?, unplaced: Set<String>
    ) -> String? {
        guard !stopped.isEmpty else { return nil }
        // Of a config whose bytes are not known here yet nobody can say which check it is.
        guard state.nodes.allSatisfy({ $0.configs.allSatisfy(\.isConfirmed) }) else { return nil }
        let placed = Set(state.nodes.flatMap(\.configs).flatMap(\.instanceIDs))
        let wanted = Set(source.changes(since: 0).upserts.flatMap(\.configs).flatMap(\.instanceIDs))
        for id in stopped where wanted.contains(id) && !placed.contains(id) && !unplaced.contains(id) {
            return "\(node) is made to stop \(id), which is wanted and on no node"
        }
        guard let elsewhere else { return nil }
        let exclusive = Set(state.nodes.flatMap(\.configs).filter { $0.handOver == .exclusive }.flatMap(\.instanceIDs))
        for id in stopped where wanted.contains(id) && !exclusive.contains(id) && !elsewhere.contains(id) {
            return "\(node) is made to stop \(id), which no other agent has run"
        }
        return nil
    }

    /// Any list, of cluster checks or endpoints checks: none is sent before it is known.
    func problem(withListFor node: String, of state: StateSnapshot, source: DesiredConfigs) -> String? {
        guard !state.isWarmingUp else { return "\(node) gets configs in warm-up" }
        guard source.isSynced else { return "\(node) gets configs before the sources are synced" }
        return nil
    }

    /// A leader's answer to a report, when it is made: "up to date" exactly when it is so, and for whoever only says
    /// that it lives or cannot be told yet.
    func problem(
        withStatus response: HTTPResponse, to request: HTTPRequest, of node: String, in state: StateSnapshot
    ) -> String? {
        do throws(CheckModelError) {
            let status = try NodeStatusRequest(parsing: request.body)
            // To one that is gone nothing is said.
            guard status.departure != .gone else { return nil }
            guard let known = state.nodes.first(where: { $0.id == node }) else {
                return status.departure == nil ? "\(node) reported and is unknown" : nil
            }
            let reported = status.lastChange
            let revision = known.revision
            let isSame =
                reported == NodeStatusRequest.heartbeatOnly || reported == revision || known.runsOn
                || !known.isTellable
            let said = try NodeStatusAnswer.isUpToDate(parsing: response.joinedBody)
            guard said != (isSame || state.isWarmingUp) else { return nil }
            return "\(node) runs \(reported), should run \(revision), and is told isuptodate=\(said)"
        } catch {
            return "\(node): \(error)"
        }
    }

    /// An answer that is written now: that of a term must be of the last one.
    func problem(written response: HTTPResponse) -> String? {
        guard [200, 304].contains(response.status), let token = HTTPHeaders(response.headers)[Term.headerName] else {
            return nil
        }
        return terms.problem(ofToken: token)
    }
}

extension StateSnapshot.Node {
    /// Whether it is no Prometheus, or one that can be told of the config.
    fileprivate func canRun(_ config: EncodedConfig) -> Bool {
        refreshInterval == nil || config.scrapeTargets != nil
    }
}

extension OperatorIntent {
    /// Whether an operator may be the reason that a config has no node.
    fileprivate func binds(_ key: ConfigKey) -> Bool { paused.contains(key) || pinned[key] != nil }
}

/// The lists that were sent, each decoded once, because most are requested repeatedly.
final class Answers: Sendable {
    /// A list as an agent reads it.
    struct List: Sendable {
        let lastChange: Int64
        let checkIDs: Set<String>
    }

    private let lists = Mutex<[[UInt8]: List]>([:])

    init() {}

    func list(in response: HTTPResponse) throws(CheckModelError) -> List {
        let body = response.joinedBody
        if let known = lists.withLock({ $0[body] }) { return known }
        let answer = try ConfigsAnswer(parsing: body)
        let list = List(lastChange: answer.lastChange, checkIDs: Set(answer.configs.flatMap(\.checkIDs)))
        lists.withLock { $0[body] = list }
        return list
    }
}
