package import Platform
import Synchronization

/// When the API server last answered this process, and how long it took, by what was asked.
package final class APIServerContact: Sendable {
    private struct State {
        var last: Instant?
        var durations: [ExactText: Histogram] = [:]
    }

    /// In seconds. A call may take 10 s; a list takes longer the more objects it has.
    private static let bounds = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10]

    private let clock: any Clock
    private let state = Mutex(State())

    /// No contact yet.
    package init(clock: any Clock) {
        self.clock = clock
    }

    /// How long ago it last answered anything, an error included; nil if it never has.
    package var silence: Duration? {
        state.withLock { $0.last }.map { max(.zero, clock.now() - $0) }
    }

    /// Notes an answer to a call that began at `start`.
    ///
    /// - Parameter verb: as Kubernetes names what was asked, such as `list`.
    func note(_ verb: String, from start: Instant) {
        let now = clock.now()
        state.withLock { state in
            state.last = now
            state.durations[verb, default: Histogram(bounds: Self.bounds)].observe((now - start).seconds)
        }
    }

    /// Notes that something came without being asked for: an event of a watch.
    func noteEvent() {
        let now = clock.now()
        state.withLock { $0.last = now }
    }

    /// Writes the metrics.
    package func collect(into writer: inout MetricsWriter) {
        let durations = state.withLock { $0.durations }
        writer.gauge(
            "cluster_agent_kubernetes_last_contact_seconds",
            help: "Seconds since the API server last answered anything.", silence?.seconds)
        writer.histogram(
            "cluster_agent_kubernetes_request_duration_seconds",
            help: "How long the API server took to answer, by verb; of a watch, until it was open.",
            durations.sorted { $0.key < $1.key }.map { (["verb": $0.key.text], $0.value) })
    }
}
