import HTTPServer
import Leadership
import Platform
import Synchronization

// Followers that wait for a change of any node.
extension ChangePush {
    /// More replicas than anybody runs.
    private static let maximumFollowers = 64

    func enter(_ request: FollowRequest, _ responder: Responder, _ now: Instant) {
        let until = now + min(request.wait, api.options.longestFollow)
        let follower = Follower(request: request, cameAt: now, until: until, responder: responder)
        prepare(now)
        let entered: Result<(number: UInt64, wasIdle: Bool), APIError> = state.withLock { state in
            guard !state.isClosed else { return .failure(.stopping) }
            guard state.followers.count < Self.maximumFollowers else {
                return .failure(.tooManyWait(limit: Self.maximumFollowers))
            }
            let wasIdle = state.isIdle
            state.nextFollower += 1
            state.followers[state.nextFollower] = follower
            return .success((state.nextFollower, wasIdle))
        }
        switch entered {
        case .failure(let error): responder.respond(error.response)
        case .success(let (number, wasIdle)):
            if wasIdle { arrivals.set(()) }
            look(after: follower, number, now)
        }
    }

    func lookAfterFollowers(_ now: Instant) {
        let followers = state.withLock { $0.followers.sorted { $0.key < $1.key } }
        for (number, follower) in followers { look(after: follower, number, now) }
    }

    private func look(after follower: Follower, _ number: UInt64, _ now: Instant) {
        let request = follower.request
        // The version first: what changes after this is told again.
        let (version, changed) = state.withLock { state in
            let isOfTerm = state.leadership.leads(inTerm: request.term)
            return (state.log.version, isOfTerm ? state.log.changes(since: request.since) : nil)
        }
        if let changed, changed.isEmpty, now < follower.until { return }
        let response = api.changes(of: changed, version: version, cameAt: follower.cameAt, now: now)
        guard state.withLock({ $0.followers.removeValue(forKey: number) }) != nil else { return }
        follower.responder.respond(response)
    }
}
