import ClusterChecks
import HTTPServer
import Leadership
import Platform
import Synchronization

// What a follower knows of the leader, and what it makes of it for those who wait here.
extension ChangePush {
    /// How much earlier than asked for somebody may be told that nothing has changed: who is due soon is told with those who are due now.
    private static let dueTogether = Duration.milliseconds(200)
    /// Beyond what it asked to wait, the leader gets this long to answer.
    private static let answerTime = Duration.seconds(2)

    /// Decides what becomes of somebody who has just entered.
    func consult(_ leader: LeaderEndpoint, for waiter: Waiter, _ now: Instant) {
        switch state.withLock({ $0.mirror.knowledge(of: waiter.node, by: leader, now: now) }) {
        case .revision(waiter.lastChange), .pending:
            break
        case .revision, .unknown:
            if leave(waiter) { ask(leader, for: waiter, now, isArriving: true) }
        case .broken:
            if leave(waiter) {
                waiter.guest.responder.respond(APIError.leaderNotFollowed("it gave no answer a moment ago").response)
            }
        }
        follow(leader, now)
    }

    /// Makes the next call to the leader, if it is time.
    func follow(_ leader: LeaderEndpoint, _ now: Instant) {
        if let call = state.withLock({ nextCall(to: leader, &$0, now) }) { place(call, now) }
    }

    private func nextCall(to leader: LeaderEndpoint, _ state: inout State, _ now: Instant) -> LeaderMirror.Call? {
        guard !state.isClosed else { return nil }
        return state.mirror.nextCall(
            to: leader, isWaitedFor: state.room.count > 0, due: state.room.nextDue, longest: api.options.longestFollow,
            now: now)
    }

    private func place(_ call: LeaderMirror.Call, _ now: Instant) {
        let forward = Forward(
            to: call.leader, "POST", Route.followPath, token: token(), body: call.request.encoded(), now: now,
            timeout: call.request.wait + Self.answerTime)
        send(forward) { [self] result in take(api.changes(forward, result, now: clock.now()), to: call) }
    }

    private func take(_ result: Result<APIMachine.LeaderChanges, APIError>, to call: LeaderMirror.Call) {
        let now = clock.now()
        switch result {
        case .success(let changes):
            take(changes, to: call, now)
        case .failure(let error):
            turnOut(state.withLock { $0.mirror.fail(call, now: now) ? $0.room.empty() : [] }, by: error)
        }
    }

    private func take(_ changes: APIMachine.LeaderChanges, to call: LeaderMirror.Call, _ now: Instant) {
        var (due, changed, refused): ([Waiter], [Waiter], [Waiter]) = ([], [], [])
        let next: LeaderMirror.Call? = state.withLock { state in
            switch state.mirror.take(changes.answer, term: changes.term, to: call, now: now) {
            case .ignored:
                return nil
            case .refused:
                refused = state.room.empty()
                return nil
            case .taken(let nodes):
                let news = nodes.map { $0.sorted().flatMap { state.room.waiters(of: $0) } } ?? state.room.all
                changed = news.filter { state.mirror.revision(of: $0.node) != $0.lastChange }
                for waiter in changed { _ = state.room.leave(waiter.number) }
                due = state.room.takeDue(at: now + Self.dueTogether)
                for waiter in due { _ = state.room.leave(waiter.number) }
                return nextCall(to: call.leader, &state, now)
            }
        }
        turnOut(refused, by: .leaderNotFollowed("it tells changes to what this replica does not know"))
        if let next { place(next, now) }
        for waiter in due { waiter.guest.responder.respond(api.unchanged(as: changes)) }
        counters.ended(.time, due.count)
        for waiter in changed { ask(call.leader, for: waiter, now) }
    }

    /// Answers somebody who waits no more by what the leader says that its node should run.
    private func ask(_ leader: LeaderEndpoint, for waiter: Waiter, _ now: Instant, isArriving: Bool = false) {
        let forward = Forward(
            to: leader, "GET", waiter.guest.path, token: token(), now: now, timeout: api.options.forwardTimeout)
        send(forward) { [api, clock, counters] result in
            let response = api.finish(forward, result, now: clock.now())
            waiter.guest.responder.respond(response)
            guard !isArriving else { return }
            let isSame = response.status == 200 && response.hasRevision(waiter.lastChange)
            counters.ended(response.status != 200 ? .term : isSame ? .spurious : .change)
        }
    }
}

extension HTTPResponse {
    /// Whether it begins as an answer with this revision does.
    fileprivate func hasRevision(_ revision: Int64) -> Bool {
        body.first?.starts(with: "{\"last_change\":\(revision),".utf8) == true
    }
}
