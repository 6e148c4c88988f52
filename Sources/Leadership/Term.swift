package import Platform

/// One leadership: who may answer as the leader, and until when. Two terms are equal if their tokens are.
///
/// The validity is an atomic that the elector extends and ends; whoever answers as the leader reads it right before
/// writing.
package final class Term: Sendable {
    /// The fencing token: it differs between any two terms, and travels in a header of every leader-only answer.
    ///
    /// With a Lease it is `<resourceVersion of the write that acquired it>.<uid of the Lease>`.
    package let token: String
    /// The end of validity.
    package let validUntil: Deadline
    /// The token of this replica's own term before, if nobody led in between: what it placed then still stands. It may
    /// not have heard of that term, having been stopped for its whole length.
    package let continued: String?
    /// The token of the former term whose mirror this replica may adopt, because the version of the Lease that the
    /// acquiring write replaced named this replica; nil otherwise.
    package let adoptable: String?
    /// The header fields of every leader-only answer of this term, built once: the content type and the token.
    package let answerHeaders: [(name: String, value: String)]

    /// The header that carries the token.
    package static let headerName = "X-Cluster-Agent-Term"

    /// A term with its token and its (moving) end.
    package init(token: String, validUntil: Deadline, continued: String? = nil, adoptable: String? = nil) {
        self.token = token
        self.validUntil = validUntil
        self.continued = continued
        self.adoptable = adoptable
        answerHeaders = [("Content-Type", "application/json"), (Self.headerName, token)]
    }

    /// The one term of a replica that runs without leader election: it never expires.
    package static func unending(token: String) -> Term {
        Term(token: token, validUntil: Deadline(.distantFuture))
    }

    /// Whether an answer may be given in this term at `now`.
    package func isValid(at now: Instant) -> Bool {
        validUntil.isAhead(of: now)
    }
}

extension Term: Hashable {
    /// Whether both have the same token.
    package static func == (left: Term, right: Term) -> Bool {
        left.token == right.token
    }

    /// Hashes the token.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(token)
    }
}
