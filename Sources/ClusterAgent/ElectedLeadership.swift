import CheckModel
import ClusterChecks
import Kubernetes
import Platform

/// What the elector says, as the Handler follows it.
final class ElectedLeadership: Leadership {
    let state = Watched<LeadershipState>(.unknown)

    /// Passes on every change of `election` until cancelled.
    func follow(_ election: Watched<ElectionState>) async {
        var seen = election.current
        var term: Term?
        while true {
            switch seen.value {
            case .unknown:
                state.set(.unknown)
            case .following(let leader):
                let endpoint = leader.flatMap(Self.endpoint)
                // The Lease's summary changes all the time; who leads does not.
                if case .following(endpoint) = state.value { break }
                state.set(.following(endpoint))
            case .leading(let won):
                // A renewal that is told again must not look like a new term.
                let current = term.flatMap { $0.token == won.token ? $0 : nil } ?? Self.term(of: won)
                term = current
                state.set(.leading(current))
            }
            guard let next = try? await election.next(after: seen.version) else { return }
            seen = next
        }
    }

    private static func term(of won: LeaderTerm) -> Term {
        Term(token: won.token, validUntil: won.validUntil, continuesPrevious: won.continuesOwn)
    }

    private static func endpoint(_ leader: LeaderRecord) -> LeaderEndpoint? {
        leader.address.map { LeaderEndpoint(address: $0, publicKeyPin: leader.publicKeyPin) }
    }
}

/// Leadership of an agent that runs alone: one term, from the start, that never ends by itself.
struct SoleLeadership: Leadership {
    let state: Watched<LeadershipState>

    /// A term whose token is `token`: random, so that a restarted agent's answers are told from its predecessor's.
    init(token: String) {
        state = Watched(.leading(.unending(token: token)))
    }
}
