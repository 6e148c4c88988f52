// What Kubernetes says of the node-agents.
extension Handler {
    /// Takes in what became of the node-agents' pods. It may be called in any role, from any thread; what is known outlives terms.
    ///
    /// Until the first `.replaced` everything works on heartbeats alone.
    package func take(_ change: AgentPodChange) {
    }

    /// Takes in what became of the Kubernetes nodes. It may be called in any role, from any thread; what is known outlives terms.
    package func take(_ change: WorkerNodeChange) {
    }
}
