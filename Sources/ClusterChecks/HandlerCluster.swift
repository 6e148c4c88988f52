import CheckModel
import Leadership
import Platform
import Synchronization

// What Kubernetes says of the node-agents.
extension Handler {
    /// Takes in what became of the node-agents' pods. It may be called in any role, from any thread; what is known outlives terms.
    ///
    /// Until the first `.replaced` everything works on heartbeats alone.
    package func take(_ change: AgentPodChange) {
        take { $0.note(change) }
    }

    /// Takes in what became of the Kubernetes nodes. It may be called in any role, from any thread; what is known outlives terms.
    ///
    /// Until the first `.replaced` none of them counts as cordoned.
    package func take(_ change: WorkerNodeChange) {
        take { $0.note(change) }
    }

    /// Whoever does not lead decides nothing: what follows from it is caught up with once a term is valid.
    private func take(_ note: (inout Dispatcher) -> Void) {
        let now = clock.now()
        let (changes, nodes) = state.withLock { state in
            note(&state.dispatcher)
            guard let term = state.term, term.isValid(at: now) else { return ([StoreChange](), 0) }
            return (state.dispatcher.catchUp(now: now), state.dispatcher.store.nodeCount)
        }
        if !changes.isEmpty { logChanges(changes, nodes: nodes) }
    }
}
