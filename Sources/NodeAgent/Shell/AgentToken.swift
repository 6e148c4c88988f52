import HTTPServer
import Platform
import Synchronization

/// The token shared with the cluster-agent: the one to present to it, and those to accept from it.
///
/// When the Secret changes, pods see the new token up to some minutes apart. An agent whose new token is rejected
/// presents the former one until that is rejected too, so that a rotation costs no heartbeat.
final class AgentToken: Sendable {
    /// How long a replaced token is still accepted; the cluster-agent's default.
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

    /// Handles that the cluster-agent rejected `token`: rereads the file, and presents the former token in place of a
    /// rejected newest one, or the newest in place of a rejected former one.
    func handleRejection(of token: String) {
        if case .file(let file) = source { file.reread() }
        refresh()
        state.withLock { state in
            guard let former = state.former else { return }
            if token.hasSameBytes(as: state.newest) { state.presentsFormer = true }
            if token.hasSameBytes(as: former) { state.presentsFormer = false }
        }
    }

    /// The answer to an unauthorized caller; nil if the caller is authorized.
    func refusal(of request: HTTPRequest) -> HTTPResponse? {
        refresh()
        return accepted.refusal(of: request, realm: "node-agent", now: clock.now())
    }

    private func refresh() {
        let text = source.text
        let isNew = state.withLock { state in
            guard !text.hasSameBytes(as: state.newest) else { return false }
            state = State(newest: text, former: state.newest)
            return true
        }
        if isNew { accepted.replace(with: text, now: clock.now()) }
    }
}
