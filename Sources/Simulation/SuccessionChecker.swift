import CheckModel
import ClusterChecks
import HTTPServer
import JSON
import Leadership
import Platform

/// Whether a new leader takes over what it should: what the stores of all terms held at each of their versions, and
/// what of it agents were told.
struct SuccessionChecker: Sendable {
    /// The store of one term.
    private struct History {
        /// What the store held, by version.
        var held: [UInt64: [String]] = [:]
        /// The newest version of which an agent was told something.
        var told: UInt64 = 0
        /// Until when each node that is away is waited for, or keeps running whatever it runs, in the world's time.
        var deadlines: [String: Instant] = [:]
    }

    private var histories: [String: History] = [:]
    private var adopted: Set<String> = []
    /// The terms whose leaders know all that was ever told.
    private var knowing: Set<String> = []
    /// The nodes that have not been heard since they were last adopted.
    private var awaited: Set<String> = []

    /// Notes what happened to a leader's store, which is now this one.
    ///
    /// - Parameters:
    ///   - isFirst: whether these are the first changes of the term.
    ///   - now: the world's time.
    /// - Returns: what must not have happened.
    mutating func note(
        _ changes: [StoreChange], in term: Term, store: ClusterStore, before: ClusterStore, isFirst: Bool, now: Instant
    ) -> String? {
        var history = histories[term.token, default: History()]
        history.held[store.version] = Self.shown(store)
        for change in changes {
            switch change {
            case .nodeLeft(let id, let duration), .keepsRunning(let id, let duration):
                history.deadlines[id] = now + duration
            default: break
            }
        }
        histories[term.token] = history
        // Whoever leads before anybody was told anything knows all of it.
        if isFirst, histories.values.allSatisfy({ $0.told == 0 }) { knowing.insert(term.token) }
        let isAdoption = isFirst && store.isDispatching && store.version > 1
        guard isAdoption, changes.contains(where: Self.isRegistration) else { return problemOfAwaited(changes, before) }
        awaited = Set(store.nodes.map(\.id)).subtracting([""])
        adopted.insert(term.token)
        if let former = term.adoptable, knowing.contains(former) { knowing.insert(term.token) }
        guard let former = term.adoptable else { return "placements are adopted, and the Lease named somebody else" }
        return problemOfAdoption(of: former, by: history, store, now)
    }

    /// What the store of a term holds now, or held at its end.
    func held(by term: String) -> [String]? {
        guard let history = histories[term], let newest = history.held.keys.max() else { return nil }
        return history.held[newest]
    }

    /// Whether the leader of a term knows all that was ever told.
    func knows(_ term: String) -> Bool { knowing.contains(term) }

    /// Whether a term adopted the former leader's placements, or goes on with one that did.
    func isAdopted(_ term: String) -> Bool { adopted.contains(term) }

    /// Notes that a term goes on with the store of the one before.
    ///
    /// - Returns: what must not have happened.
    mutating func noteKept(_ store: ClusterStore, in term: Term, of former: Term?) -> String? {
        var history = History()
        history.held[store.version] = Self.shown(store)
        history.deadlines = former.flatMap { histories[$0.token] }?.deadlines ?? [:]
        histories[term.token] = history
        if let former, knowing.contains(former.token) { knowing.insert(term.token) }
        if let former, adopted.contains(former.token) { adopted.insert(term.token) }
        guard let former, let continued = term.continued else { return "placements are kept, of no term" }
        return continued == former.token ? nil : "\(continued) goes on, and what is kept is of \(former.token)"
    }

    /// Notes that a leader hears a node, or will when it looks at what has come.
    mutating func noteHeard(_ node: String) {
        awaited.remove(node)
    }

    /// Notes that an agent was told what has been so since this version.
    mutating func noteTold(_ version: UInt64, inTerm term: String) {
        histories[term, default: History()].told = max(version, histories[term]?.told ?? 0)
    }

    /// An adopted store equals the former leader's at a version that is not before what any agent was told.
    private func problemOfAdoption(
        of former: String, by history: History, _ store: ClusterStore, _ now: Instant
    ) -> String? {
        guard let known = histories[former] else { return "the term \(former) is adopted, and never was" }
        let shown = Self.shown(store)
        guard let version = known.held.filter({ $0.value == shown }).keys.max() else {
            let newest = known.held.keys.max().flatMap { known.held[$0] } ?? []
            return "what is adopted of \(former) it never held: \(shown.filter { !newest.contains($0) }), "
                + "instead of \(newest.filter { !shown.contains($0) })"
        }
        guard version >= known.told else {
            return "\(former) is adopted as of \(version), and agents were told what it held at \(known.told)"
        }
        for (node, end) in history.deadlines.sorted(by: { $0.key < $1.key }) {
            guard let limit = known.deadlines[node] else {
                return "a time of \(node) is adopted, and never was"
            }
            guard end > max(limit, now) + .milliseconds(1) else { continue }
            return "the time of \(node) lasted \((end - limit).seconds) s longer for the adoption"
        }
        return nil
    }

    private static func isRegistration(_ change: StoreChange) -> Bool {
        if case .nodeRegistered = change { true } else { false }
    }

    /// A node that has not been heard since it was adopted gets nothing.
    private func problemOfAwaited(_ changes: [StoreChange], _ before: ClusterStore) -> String? {
        guard !awaited.isEmpty else { return nil }
        for change in changes {
            var target: String?
            if case .configMoved(_, _, let node, _, _) = change { target = node }
            if case .configScheduled(let config, let node?) = change {
                // An edit may make another key of it.
                let isEdit = before.slot(of: node).map { slot in
                    before.nodes[slot].configs.contains { $0.key.source == config.key.source }
                }
                target = isEdit == true ? nil : node
            }
            guard let target, awaited.contains(target) else { continue }
            return "\(target) gets a config, and has not been heard since it was adopted"
        }
        return nil
    }

    /// All that agents are told, and what decides about it, in an order of its own.
    static func shown(_ store: ClusterStore) -> [String] {
        let nodes = store.nodes.filter { !$0.id.isEmpty }.sorted { $0.id < $1.id }.map { node in
            let configs = zip(node.configs, node.costs).map { "\($0.key)=\($0.contentHash) for \($1.millionths)" }
                .sorted()
            let told = node.told(store.handOvers).map { "\($0.key)=\($0.contentHash)" }.sorted()
            return "\(node.id) \(node.address ?? "-") \(node.conditions) \(node.abilities) has \(configs), is told "
                + "\(node.keepsRunning ? "to go on" : "\(told)"), away \(node.isAway), as \(node.revision.value)"
        }
        let handOvers = store.handOvers.values.map { handOver in
            "\(handOver.config.key)=\(handOver.config.contentHash) goes from \(store.former(of: handOver) ?? "anywhere")"
        }.sorted()
        let dangling = store.dangling.map { "dangling \($0.config.key)=\($0.config.contentHash)" }.sorted()
        let checks = store.endpointsChecks.nodes.map { "\($0): \(store.endpointsChecks.of($0).map(\.contentHash))" }
        let intent = String(decoding: store.intent.encoded.encoded(), as: UTF8.self)
        return nodes + dangling + handOvers + checks + ["operators want \(intent)"]
    }
}
