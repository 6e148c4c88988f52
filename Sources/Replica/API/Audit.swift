import CheckModel
import ClusterChecks
import HTTPServer
import Platform
import Synchronization

/// Who did what: a line of the log and an entry of the history for every operator's call that changes something, and a
/// line for calls that are refused for who makes them: of each kind one in ten seconds at most, which counts those
/// since the last one.
///
/// What is only read is not told: a page that is open reads all the time.
final class Audit: Sendable {
    private enum Refusal: Hashable {
        case operators, agents, tokens
    }

    /// The longest outcome, in bytes.
    private static let longest = 300

    private let handler: Handler
    private let clock: any Clock
    private let log: Log
    private let state = Mutex<[Refusal: ThrottledLine]>([:])

    init(handler: Handler, clock: any Clock, log: Log) {
        self.handler = handler
        self.clock = clock
        self.log = log.named("audit")
    }

    /// Notes what became of a call that an operator made with the operator's token.
    func note(_ what: String, _ request: HTTPRequest, outcome: String) {
        let (from, outcome) = (Self.origin(of: request), cut(outcome, to: Self.longest))
        log.info(
            "an operator's call",
            ["call": what, "from": from, "client": request.headers["User-Agent"] ?? "", "outcome": outcome])
        handler.note(HistoryEntry(.operator, check: what, node: from, reason: outcome))
    }

    /// Notes that a call for operators was refused for its token.
    func noteRefusal(_ request: HTTPRequest, status: Int) {
        guard let count = count(.operators) else { return }
        log.warning(
            "operators' calls were refused for their token",
            ["path": request.path, "from": Self.origin(of: request), "status": status, "refused": count])
    }

    /// Notes that an agent asked for another agent's configs.
    func noteRefusal(_ request: HTTPRequest, of identity: AgentIdentity) {
        guard let count = count(.agents) else { return }
        log.warning(
            "an agent asked for another agent's configs and was refused",
            [
                "agent": identity.description, "path": cut(request.path, to: Self.longest),
                "from": Self.origin(of: request), "refused": count,
            ])
    }

    /// Notes that a ServiceAccount's token was refused.
    func noteRefusal(_ request: HTTPRequest, ofTokenFor reason: String) {
        guard let count = count(.tokens) else { return }
        log.warning(
            "an agent's ServiceAccount token was refused",
            ["reason": cut(reason, to: Self.longest), "from": Self.origin(of: request), "refused": count])
    }

    /// How many of a kind were refused since the last line; nil if none is due.
    private func count(_ refusal: Refusal) -> Int? {
        let now = clock.now()
        return state.withLock { $0[refusal, default: ThrottledLine()].note(at: now) }
    }

    /// From where a call came; of one that a follower forwarded, where it says that it came from, and through whom.
    private static func origin(of request: HTTPRequest) -> String {
        guard Forward.isForwarded(request), let first = request.headers["X-Forwarded-For"] else {
            return request.peer.host
        }
        return "\(cut(first, to: 64)) through \(request.peer.host)"
    }
}

extension IntentCommand {
    /// The command as an operator writes it.
    var words: String { [verb.rawValue, check, node].filter { !$0.isEmpty }.joined(separator: " ") }
}

extension IntentOutcome {
    /// What became of it, in words.
    var words: String {
        switch self {
        case .done(let decision, _, let isKept): isKept ? decision.answer : "\(decision.answer), not kept"
        case .refused(let error): "refused: \(error.description)"
        case .notKept(let reason): "not kept: \(reason)"
        }
    }
}
