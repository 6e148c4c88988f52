package import Kubernetes
package import Platform
import Synchronization

/// A text that outlives every simulated process. It is reached at once, not over the simulated network.
package final class SimulatedKeptText: KeptText {
    private struct State {
        var kept: VersionedText?
        var writes = 0
        var failure: KubernetesError?
    }

    private let state: Mutex<State>

    /// Nothing is kept, or `text`.
    package init(_ text: String? = nil) {
        state = Mutex(State(kept: text.map { VersionedText(text: $0, version: "0") }))
    }

    /// The kept text; nil if nothing is kept.
    package var text: String? {
        state.withLock { $0.kept?.text }
    }

    /// How many writes were kept.
    package var writes: Int {
        state.withLock { $0.writes }
    }

    /// Answers everything with `failure` from now on, or as it should again.
    package func fail(with failure: KubernetesError?) {
        state.withLock { $0.failure = failure }
    }

    /// Reads the text.
    package func read(deadline: Instant) async throws(KubernetesError) -> VersionedText? {
        try state.withLock { state throws(KubernetesError) in
            if let failure = state.failure { throw failure }
            return state.kept
        }
    }

    /// Replaces the text if it is still that of `version`.
    package func write(
        _ text: String, replacing version: String?, deadline: Instant
    ) async throws(KubernetesError) -> String {
        try state.withLock { state throws(KubernetesError) in
            if let failure = state.failure { throw failure }
            let kept = state.kept?.version
            guard kept == version else {
                throw .status(Status(code: 409, message: "version \(kept ?? "none") is kept"))
            }
            state.writes += 1
            let stored = VersionedText(text: text, version: "\(state.writes)")
            state.kept = stored
            return stored.version
        }
    }
}
