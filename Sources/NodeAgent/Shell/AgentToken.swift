import HTTPServer
import Platform
import Synchronization

/// The tokens between this agent and the cluster-agent: the one to present to it, and those to accept from it.
///
/// When the Secret changes, pods see the new token up to some minutes apart. An agent whose new token is rejected
/// presents the former one until that is rejected too, so that a rotation costs no heartbeat.
///
/// The token of the pod's ServiceAccount, if there is one, is presented first. Where the cluster-agent rejects it, as
/// one does that does not review such tokens, the shared one is presented instead, until that is rejected too or the
/// kubelet has renewed the other.
final class AgentToken: Sendable {
    /// How long a replaced token is still accepted; the cluster-agent's default.
    private static let grace: Duration = .seconds(300)

    private struct State {
        var newest: String
        var former: String?
        var presentsFormer = false
        /// The token of the ServiceAccount that was rejected.
        var rejected: String?
    }

    private let source: SharedToken
    private let account: RereadFile?
    private let accepted: BearerTokens
    private let clock: any Clock
    private let state: Mutex<State>

    /// - Parameters:
    ///   - source: the shared token.
    ///   - account: the file of the ServiceAccount's token; nil if there is none.
    init(_ source: SharedToken, account: RereadFile? = nil, clock: any Clock) {
        self.source = source
        self.account = account
        self.clock = clock
        accepted = BearerTokens(source.text, grace: Self.grace)
        state = Mutex(State(newest: source.text))
    }

    /// The token to present now.
    var presented: String {
        refresh()
        if let text = account?.text, state.withLock({ $0.rejected?.hasSameBytes(as: text) != true }) { return text }
        return state.withLock { state in state.presentsFormer ? state.former ?? state.newest : state.newest }
    }

    /// Handles that the cluster-agent rejected `token`: rereads the files, and presents another one that there is: for
    /// the ServiceAccount's the shared one, for the newest of those the former, for the former the newest.
    func handleRejection(of token: String) {
        if case .file(let file) = source { file.reread() }
        let ofAccount = account?.reread()
        refresh()
        state.withLock { state in
            if let ofAccount, token.hasSameBytes(as: ofAccount) {
                state.rejected = ofAccount
                return
            }
            state.rejected = nil
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
            state = State(newest: text, former: state.newest, rejected: state.rejected)
            return true
        }
        if isNew { accepted.replace(with: text, now: clock.now()) }
    }
}
