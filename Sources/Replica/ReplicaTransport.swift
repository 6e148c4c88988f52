/// Carries calls to other replicas: over TLS in a process, over the simulated network in a simulation.
package protocol ReplicaTransport: Sendable {
    /// Sends a call once.
    ///
    /// - Parameter completion: gets what became of it, once, on any thread.
    func send(_ forward: Forward, completion: @escaping @Sendable (ForwardResult) -> Void)
}
