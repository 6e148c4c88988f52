import CheckModel
import ClusterChecks
import HTTPServer
import Platform

// Calls that wait.
extension APIMachine {
    /// What there is to say to somebody who waits for a node's configs.
    enum Look {
        /// This.
        case answer(HTTPResponse)
        /// Nothing: the node should run what the caller has.
        case unchanged(Term)
        /// The leader knows.
        case askLeader(LeaderEndpoint)
    }

    /// The arrival of a poll is its node's heartbeat.
    func arrived(_ poll: ConfigsPoll, now: Instant) {
        // Who does not lead hears nobody; the look that follows says so.
        try? handler.heard([poll.node], now: now)
    }

    /// Until when a poll may wait.
    func end(of poll: ConfigsPoll, now: Instant) -> Instant {
        now + min(poll.wait, options.longestWait)
    }

    /// Looks whether a node should run something else than the revision `lastChange`.
    func look(for node: String, lastChange: Int64, now: Instant) -> Look {
        do throws(ClusterChecksError) {
            let found = try handler.configs(of: node, unless: lastChange, now: now)
            guard let configs = found.value else { return .unchanged(found.term) }
            let body = ConfigsAnswer.pieces(lastChange: configs.revision, configs: configs.configs)
            return .answer(inTerm(found.term, body))
        } catch .notLeading(.follower(let leader?)) {
            return .askLeader(leader)
        } catch {
            return .answer(APIError.clusterChecks(error).response)
        }
    }

    /// The answer of a leader to somebody whose time is over: nothing has changed.
    func unchanged(in term: Term) -> HTTPResponse {
        HTTPResponse(
            status: 304, headers: [(Term.headerName, term.token)], gate: TermGate(term: term, clock: clock))
    }
}
