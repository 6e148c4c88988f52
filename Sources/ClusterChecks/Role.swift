package import CheckModel

/// What this replica is at one moment.
package enum Role: Sendable {
    /// It leads, in a valid term; configs are not dispatched yet while it warms up.
    case leader(Term, isWarmingUp: Bool)
    /// It does not.
    case notLeading(NotLeading)
}

/// What this replica is while it does not lead.
package enum NotLeading: Hashable, Sendable {
    /// No election result yet.
    case unknown
    /// Another replica leads at the endpoint; nil when none is known to.
    case follower(LeaderEndpoint?)
}
