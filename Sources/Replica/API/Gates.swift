import HTTPServer
import Leadership
import Platform

/// A clock behind one reference, so that a gate is two words and needs no allocation for each answer.
final class GateClock: Sendable {
    private let clock: any Clock

    init(_ clock: any Clock) {
        self.clock = clock
    }

    func now() -> Instant { clock.now() }
}

/// Lets a leader's answer out only while its term is valid.
struct TermGate: ResponseGate {
    let term: Term
    let clock: GateClock

    func replacement() -> HTTPResponse? {
        term.isValid(at: clock.now()) ? nil : APIError.termEnded.response
    }
}

/// Lets a forwarded answer out only as long as the leader that gave it said.
struct ForwardGate: ResponseGate {
    let until: Instant
    let clock: GateClock

    func replacement() -> HTTPResponse? {
        clock.now() < until ? nil : APIError.forwardedTooLate.response
    }
}
