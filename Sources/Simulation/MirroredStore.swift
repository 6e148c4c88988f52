import CheckModel
import ClusterChecks
import Leadership

/// A leader's store rebuilt from its changes since the beginning of the term.
struct MirroredStore: Sendable {
    private(set) var store = ClusterStore()
    /// The term that has begun and not ended; nil while the replica does not lead.
    private(set) var term: Term?
    /// The newest term that has begun.
    private(set) var latest: Term?

    mutating func apply(_ event: StoreEvent) {
        switch event {
        case .termBegan(let term, let keepsPlacements, _):
            if !keepsPlacements { store = ClusterStore() }
            (self.term, latest) = (term, term)
        case .changed(let changes, _, _):
            for change in changes { store.apply(change) }
        case .termEnded:
            term = nil
        }
    }

    /// The revision that the agent of a node is told to run; nil for an unknown node.
    func revision(toldTo node: String) -> Int64? {
        store.slot(of: node).map { store.nodes[$0].revision.value }
    }

    /// How it differs from the leader's own state; nil if it does not.
    func problem(comparedTo state: StateSnapshot) -> String? {
        // A slot without a node holds one without a name.
        let mirrored = store.nodes.filter { !$0.id.isEmpty }.sorted { $0.id < $1.id }
        guard mirrored.map(\.id) == state.nodes.map(\.id) else {
            return "the changes make the nodes \(mirrored.map(\.id)), and the leader has \(state.nodes.map(\.id))"
        }
        for (mirror, node) in zip(mirrored, state.nodes) {
            let configs = mirror.configs.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.contentHash)" }
            guard configs == node.configs.map({ "\($0.key)=\($0.contentHash)" }) else {
                return "the changes give \(node.id) \(configs), and the leader \(node.configs.map(\.key))"
            }
            guard mirror.conditions == node.conditions, mirror.address == node.address, mirror.type == node.type,
                mirror.revision.value == node.revision, mirror.keepsRunning == node.runsOn,
                mirror.isAwaited == node.isAwaited, mirror.isAway == node.isAway,
                mirror.outgoing.count == node.handingOver
            else { return "the changes make another node of \(node.id) than the leader has" }
        }
        let dangling = store.dangling.map(\.config.key).sorted()
        guard dangling == state.dangling.map(\.config.key) else {
            return "by the changes \(dangling) dangle, and by the leader \(state.dangling.map(\.config.key))"
        }
        return nil
    }
}
