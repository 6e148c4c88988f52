package import Platform

/// What this replica knows of leadership: the elector publishes it, everybody else reads it.
///
/// A term that has passed may still be published for a moment: whoever acts as the leader checks `Term.isValid(at:)`
/// first.
package enum LeadershipState: Hashable, Sendable {
    /// The Lease has not been read yet.
    case unknown
    /// Another replica leads at this endpoint; nil while no leader is known.
    case following(LeaderEndpoint?)
    /// This replica leads for as long as the term is valid.
    case leading(Term)

    /// The term in which this replica leads at `now`; nil when it does not lead.
    package func term(at now: Instant) -> Term? {
        guard case .leading(let term) = self, term.isValid(at: now) else { return nil }
        return term
    }

    /// Whether this replica leads in the term with this token, valid or not.
    package func leads(inTerm token: String) -> Bool {
        guard case .leading(let term) = self else { return false }
        return term.token == token
    }
}
