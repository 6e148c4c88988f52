import HTTPServer
import Platform
import Synchronization

/// The tokens between this agent and the cluster-agent: the one to present to it, and those to accept from it.
///
/// When the Secret changes, pods see the new token up to some minutes apart. An agent whose new token is rejected
/// presents the former one until that is rejected too, so that a rotation costs no heartbeat.
///
/// The token of the pod's ServiceAccount, if there is one, is presented first. Where the cluster-agent rejects it, as
/// one does that does not review such tokens, the shared one is presented instead: until that is rejected too, the
/// kubelet has renewed the other, or a minute has passed, then two, four and so on up to half an hour.
final class AgentToken: Sendable {
    /// How long a replaced token is still accepted; the cluster-agent's default.
    private static let grace: Duration = .seconds(300)

    private struct State {
        var newest: String
        var former: String?
        var presentsFormer = false
        /// The token of the ServiceAccount that was rejected, when it is presented again, and after how long.
        var rejected: (text: String, until: Instant, pause: Duration)?
    }

    private let source: SharedToken
    private let account: RereadFile?
    private let accepted: BearerTokens
    private let clock: any Clock
    private let log: Log
    private static let pauses = (first: Duration.seconds(60), longest: Duration.seconds(1800))
    private let state: Mutex<State>

    /// - Parameters:
    ///   - source: the shared token.
    ///   - account: the file of the ServiceAccount's token; nil if there is none.
    ///   - log: is told when the shared one is presented in its place.
    init(_ source: SharedToken, account: RereadFile? = nil, clock: any Clock, log: Log = Log(sink: NoLog())) {
        self.log = log
        self.source = source
        self.account = account
        self.clock = clock
        accepted = BearerTokens(source.text, grace: Self.grace)
        state = Mutex(State(newest: source.text))
    }

    /// The token to present now.
    var presented: String {
        refresh()
        if let text = account?.text {
            let now = clock.now()
            let isRejected = state.withLock { state in
                state.rejected.map { $0.text.hasSameBytes(as: text) && now < $0.until } ?? false
            }
            if !isRejected { return text }
        }
        return state.withLock { state in state.presentsFormer ? state.former ?? state.newest : state.newest }
    }

    /// Handles that the cluster-agent rejected `token`: rereads the files, and presents another one that there is: for
    /// the ServiceAccount's the shared one, for the newest of those the former, for the former the newest.
    ///
    /// - Parameter reason: what it said.
    func handleRejection(of token: String, because reason: String) {
        if case .file(let file) = source { file.reread() }
        let ofAccount = account?.reread()
        refresh()
        if let ofAccount, token.hasSameBytes(as: ofAccount) { return presentShared(insteadOf: ofAccount, reason) }
        state.withLock { state in
            state.rejected?.until = clock.now()
            guard let former = state.former else { return }
            if token.hasSameBytes(as: state.newest) { state.presentsFormer = true }
            if token.hasSameBytes(as: former) { state.presentsFormer = false }
        }
    }

    private func presentShared(insteadOf token: String, _ reason: String) {
        let now = clock.now()
        let pause = state.withLock { state -> Duration? in
            guard let former = state.rejected, former.text.hasSameBytes(as: token) else {
                state.rejected = (token, now + Self.pauses.first, Self.pauses.first)
                return Self.pauses.first
            }
            // Of several calls under way with it each is rejected.
            guard now >= former.until else { return nil }
            let pause = min(former.pause * 2, Self.pauses.longest)
            state.rejected = (token, now + pause, pause)
            return pause
        }
        guard let pause else { return }
        log.warning(
            "the cluster-agent rejects the ServiceAccount's token: the shared one is presented",
            ["presented_again_after": durationText(pause), "reason": reason])
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
