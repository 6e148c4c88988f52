import Kubernetes
import Platform
import Synchronization
import TestKit

/// Answers a reflector's requests from a script, one after the other; at its end it waits to be cancelled.
final class ScriptedSource: ListWatchSource {
    typealias Object = Service

    enum Answer: Sendable {
        case page(ObjectPage<Service>)
        case listFails(KubernetesError)
        case watchFails(KubernetesError)
        /// The events of one watch, how long it lasts, and how it ends.
        case events([WatchEvent<Service>], lasting: Duration = .seconds(5), failure: KubernetesError? = nil)
    }

    private struct State {
        var answers: [Answer]
        var requests: [String] = []
        var limits: [Duration] = []
    }

    private let clock: VirtualClock
    private let state: Mutex<State>

    init(_ clock: VirtualClock, _ answers: [Answer]) {
        self.clock = clock
        state = Mutex(State(answers: answers))
    }

    var requests: [String] {
        state.withLock { $0.requests }
    }

    /// How long each request might take.
    var limits: [Duration] {
        state.withLock { $0.limits }
    }

    private func next(_ request: String, _ deadline: Instant) async -> Answer? {
        let limit = deadline - clock.now()
        let answer = state.withLock { state -> Answer? in
            state.requests.append(request)
            state.limits.append(limit)
            return state.answers.isEmpty ? nil : state.answers.removeFirst()
        }
        if answer == nil { try? await clock.sleep(until: .distantFuture) }
        return answer
    }

    func list(_ request: ListRequest, deadline: Instant) async throws(KubernetesError) -> ObjectPage<Service> {
        let limit = request.limit.map(String.init) ?? "all"
        switch await next("list \(limit) \(request.continuation ?? "-")", deadline) {
        case .page(let page): return page
        case .listFails(let error): throw error
        case .events, .watchFails, nil: throw .transport("the script says otherwise")
        }
    }

    func watch(
        _ request: WatchRequest, deadline: Instant, onEvent: (WatchEvent<Service>) -> Bool
    ) async throws(KubernetesError) {
        let answer = await next("watch \(request.resourceVersion)", deadline)
        if case .watchFails(let error)? = answer { throw error }
        guard case .events(let events, let duration, let failure)? = answer else {
            throw .transport("the script says otherwise")
        }
        guard onEvent(.opened) else { return }
        for event in events where !onEvent(event) { return }
        await clock.sleep(duration)
        if let failure { throw failure }
    }
}
