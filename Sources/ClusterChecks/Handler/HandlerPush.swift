import CheckModel
package import Platform
import Synchronization

/// What the push of changes needs: heartbeats that are no reports, and what changed since somebody looked.
extension Handler {
    /// Takes it that these nodes were heard at `now`. Those that are not known stay so.
    ///
    /// - Throws: `notLeading`.
    package func heard(_ ids: [String], now: Instant) throws(ClusterChecksError) {
        let (changes, nodes) = try state.withLock { state throws(ClusterChecksError) in
            _ = try leadingTerm(state.term, now)
            var changes: [StoreChange] = []
            for id in ids {
                guard let slot = state.dispatcher.store.slot(of: id) else { continue }
                let status = NodeStatusRequest(
                    lastChange: NodeStatusRequest.heartbeatOnly, nodeType: state.dispatcher.store.nodes[slot].type)
                changes += try state.dispatcher.nodeStatus(NodeReport(id: id, status: status), now: now).changes
            }
            return (changes, state.dispatcher.store.nodeCount)
        }
        if !changes.isEmpty { logChanges(changes, nodes: nodes) }
    }

    /// What a node should run; nil if that has the revision `known`.
    ///
    /// - Throws: as `configs(of:now:)`.
    package func configs(
        of id: String, unless known: Int64, now: Instant
    ) throws(ClusterChecksError) -> InTerm<NodeConfigs?> {
        let (revision, term) = try state.withLock { state throws(ClusterChecksError) in
            let term = try dispatchingTerm(&state, now)
            return (try state.dispatcher.configs(of: id).revision.value, term)
        }
        guard revision != known else { return InTerm(value: nil, term: term) }
        let changed = try configs(of: id, now: now)
        return InTerm(value: changed.value, term: changed.term)
    }

    /// The revisions of some nodes, or of all; a node that is not known, or of which nobody knows what it should run, is left out.
    ///
    /// - Throws: `notLeading`, `warmingUp` or `notSynced`.
    package func revisions(
        of ids: Set<String>?, now: Instant
    ) throws(ClusterChecksError) -> InTerm<[String: Int64]> {
        try state.withLock { state throws(ClusterChecksError) in
            let term = try dispatchingTerm(&state, now)
            let store = state.dispatcher.store
            var revisions: [String: Int64] = [:]
            for id in ids ?? Set(store.occupiedSlots.map { store.nodes[$0].id }) {
                revisions[id] = (try? state.dispatcher.configs(of: id))?.revision.value
            }
            return InTerm(value: revisions, term: term)
        }
    }

    /// The nodes that came, went, or whose configs changed since this was last called, in no particular order. One caller only.
    package func takeChangedNodes() -> Set<String> {
        state.withLock { $0.dispatcher.takeChangedNodes() }
    }
}
