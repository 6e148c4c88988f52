import HTTPServer
import Platform
import Synchronization

/// The token shared with the cluster-agent: the one that is presented to it, and those that are accepted from it.
///
/// When it is changed in a Secret, the pods see that up to some minutes apart. Whoever is refused with the new token presents the one before it
/// until that is refused, so that a rotation costs no heartbeat.
final class AgentToken: Sendable {
    /// How long a replaced token is still accepted from callers: as the cluster-agent's default.
    private static let grace: Duration = .seconds(300)

    private struct State {
        var newest: String
        var former: String?
        var presentsFormer = false
    }

    private let source: SharedToken
    private let accepted: BearerTokens
    private let clock: any Clock
    private let state: Mutex<State>

    init(_ source: SharedToken, clock: any Clock) {
        self.source = source
        self.clock = clock
        accepted = BearerTokens(source.text, grace: Self.grace)
        state = Mutex(State(newest: source.text))
    }

    /// The token to present now.
    var presented: String {
        refresh()
        return state.withLock { state in state.presentsFormer ? state.former ?? state.newest : state.newest }
    }

    /// The cluster-agent refused `token`: the file is read at once, and if it has no other token, the one before takes its place, or gives it back.
    func refused(_ token: String) {
        if case .file(let file) = source { file.reread() }
        refresh()
        state.withLock { state in
            guard let former = state.former else { return }
            if token == state.newest { state.presentsFormer = true }
            if token == former { state.presentsFormer = false }
        }
    }

    /// What to answer a caller who may not call; nil for one who may.
    func refusal(of request: HTTPRequest) -> HTTPResponse? {
        refresh()
        return accepted.refusal(of: request, realm: "node-agent", now: clock.now())
    }

    private func refresh() {
        let text = source.text
        let isNew = state.withLock { state in
            guard text != state.newest else { return false }
            state = State(newest: text, former: state.newest)
            return true
        }
        if isNew { accepted.replace(with: text, now: clock.now()) }
    }
}
