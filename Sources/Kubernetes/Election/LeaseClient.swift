package import Platform

/// How a request about the Lease ended.
package enum LeaseResult: Sendable {
    /// The Lease as read or as stored.
    case lease(Lease)
    /// There is no such Lease (404).
    case notFound
    /// Another writer was faster (409): it exists already, or has changed since it was read.
    case conflict
    /// Anything else. The write may have been stored.
    case failed(KubernetesError)
}

/// An event of a watch of the Lease.
package enum LeaseEvent: Sendable {
    /// The Lease as it was at some moment; the first event of a watch is the state at its start, if the Lease exists.
    case changed(Lease)
    /// The Lease was deleted.
    case deleted
}

/// Access to one Lease. Over HTTP it is `KubernetesLeaseClient`; the simulation has its own.
///
/// Each function returns by its deadline, and soon after its task is cancelled. None retries.
package protocol LeaseClient: Sendable {
    /// The Lease's namespace.
    var namespace: String { get }
    /// The Lease's name.
    var name: String { get }

    /// Reads the newest state.
    func get(deadline: Instant) async -> LeaseResult

    /// Creates the Lease; a conflict if it exists.
    func create(_ lease: Lease, deadline: Instant) async -> LeaseResult

    /// Replaces the Lease if its stored resourceVersion and uid are still those of `lease`; otherwise a conflict.
    func update(_ lease: Lease, deadline: Instant) async -> LeaseResult

    /// Reports the state and then each change, until the deadline or until the server ends the watch.
    ///
    /// `onEvent` may be called from any thread, never two at a time, and must not block.
    ///
    /// - Returns: nil after an orderly end, otherwise what broke the watch.
    func watch(deadline: Instant, onEvent: @escaping @Sendable (LeaseEvent) -> Void) async -> KubernetesError?
}
