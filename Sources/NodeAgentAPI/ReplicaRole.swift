import CheckModel
import ClusterChecks

/// What a replica is, as far as those who wait there must not live through a change of it.
enum ReplicaRole: Hashable, Sendable {
    /// It leads, in the term with this token.
    case leading(token: String)
    /// It follows the leader at this endpoint.
    case following(LeaderEndpoint)
    /// Neither.
    case none

    init(_ role: Role) {
        switch role {
        case .leader(let term, _): self = .leading(token: term.token)
        case .notLeading(.follower(let leader?)): self = .following(leader)
        case .notLeading: self = .none
        }
    }
}
