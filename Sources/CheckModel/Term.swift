package import Platform

/// One leadership: who may answer as the leader, and until when.
///
/// The validity is an atomic that the elector extends and ends; whoever answers as the leader reads it right before writing.
package final class Term: Sendable {
    /// The fencing token: it differs between any two terms, and travels in a header of every leader-only answer.
    ///
    /// With a Lease it is `<resourceVersion of the write that acquired it>.<uid of the Lease>`.
    package let token: String
    /// The end of validity.
    package let validUntil: Deadline

    /// A term with its token and its (moving) end.
    package init(token: String, validUntil: Deadline) {
        self.token = token
        self.validUntil = validUntil
    }

    /// The one term of an agent that runs without leader election: it never ends by itself.
    package static func unending(token: String) -> Term {
        Term(token: token, validUntil: Deadline(.distantFuture))
    }

    /// Whether an answer may be given in this term at `now`.
    package func isValid(at now: Instant) -> Bool {
        validUntil.isAhead(of: now)
    }
}
