import CheckModel
import ClusterChecks
import HTTPServer
import Leadership
import Platform

// Calls of node-agents that wait.
extension API {
    /// What to do with a call that waits for a node's configs.
    enum PollResult {
        /// Answer it now.
        case answer(HTTPResponse)
        /// Answer it once the followers named in the Lease know the store at this version.
        case tell(HTTPResponse, since: UInt64, in: Term)
        /// The node should run what the caller has.
        case unchanged(Term)
        /// This replica follows: the leader knows.
        case askLeader(LeaderEndpoint)
    }

    /// A call that may wait is a heartbeat of its node, which a replica that does not lead ignores.
    func heartbeat(_ nodes: [NodeHeartbeat], now: Instant) {
        try? handler.recordHeartbeats(of: nodes, now: now)
    }

    /// Whether a node should run another revision than `lastChange`.
    func poll(_ node: String, lastChange: Int64, now: Instant) -> PollResult {
        do throws(ClusterChecksError) {
            let found = try handler.configs(of: node, unless: lastChange, now: now)
            guard let configs = found.value else { return .unchanged(found.term) }
            let body = ConfigsAnswer.pieces(lastChange: configs.revision, configs: configs.configs)
            if let error = tooLarge(body) { return .answer(error.response) }
            return .tell(inTerm(found.term, body), since: configs.since, in: found.term)
        } catch .notLeading(let leader?) {
            return .askLeader(leader)
        } catch {
            return .answer(APIError.clusterChecks(error).response)
        }
    }

    /// The leader's answer to a call whose wait is over.
    func unchanged(in term: Term) -> HTTPResponse {
        HTTPResponse(
            status: 304, headers: [(Term.headerName, term.token)], gate: TermGate(term: term, clock: clock))
    }
}

// The stream of changes from a leader to its followers.
extension API {
    /// A leader's answer to a follower.
    struct LeaderChanges: Sendable {
        let answer: FollowAnswer
        /// The leader's term.
        let term: String
        /// Until when the follower may pass it on.
        let until: Instant
    }

    /// The leader's answer to a follower whose call came at `arrival`: the revisions of these nodes; nil for all.
    func changes(of nodes: Set<ExactText>?, version: UInt64, arrival: Instant, now: Instant) -> HTTPResponse {
        do throws(ClusterChecksError) {
            let found = try handler.revisions(of: nodes, now: now)
            var revisions: [ExactText: Int64?] = [:]
            for node in nodes ?? [] { revisions.updateValue(nil, forKey: node) }
            for (node, revision) in found.value { revisions.updateValue(revision, forKey: node) }
            let answer = FollowAnswer(version: version, isWhole: nodes == nil, revisions: revisions)
            var response = inTerm(found.term, [answer.encoded()])
            promise(&response, in: found.term, arrival: arrival, now)
            return response
        } catch {
            return APIError.clusterChecks(error).response
        }
    }

    /// A leader's answer as its follower may use it, by the rules of `finish(_:_:now:)`.
    func leaderChanges(_ forward: Forward, _ result: ForwardResult, now: Instant) -> Result<LeaderChanges, APIError> {
        switch result {
        case .failed(let reason):
            return .failure(.leaderNotFollowed(reason))
        case .answered(let status, let headers, let body):
            guard status == 200 else { return .failure(.leaderNotFollowed("it answered \(status)")) }
            let term = HTTPHeaders(headers)[Term.headerName]
            guard let lifetime = Forward.lifetime(headers), let term, let answer = FollowAnswer(parsing: body) else {
                return .failure(.leaderNotFollowed("its answer is not a leader's"))
            }
            guard handler.leadership(at: now) == .following(forward.leader) else {
                return .failure(.forwardedTooLate)
            }
            return .success(LeaderChanges(answer: answer, term: term, until: forward.sentAt + lifetime))
        }
    }

    /// The follower's answer to a call whose wait is over, by the leader's word that nothing has changed.
    func unchanged(as changes: LeaderChanges) -> HTTPResponse {
        HTTPResponse(
            status: 304, headers: [(Term.headerName, changes.term), (Forward.answeredHeader, "true")],
            gate: ForwardGate(until: changes.until, clock: clock))
    }
}
