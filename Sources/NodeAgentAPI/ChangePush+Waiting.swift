import ClusterChecks
import HTTPServer
import Platform
import Synchronization

// Node-agents that wait.
extension ChangePush {
    func enter(_ poll: ConfigsPoll, _ responder: Responder, _ now: Instant) {
        let until = api.end(of: poll, now: now)
        let limit = api.options.maximumWaiting
        let guest = Guest(responder: responder, path: poll.path)
        let wasIdle = prepare(now)
        let entered: Result<UInt64, APIError> = state.withLock { state in
            guard !state.isClosed else { return .failure(.stopping) }
            guard state.room.count < limit else { return .failure(.tooManyWait(limit: limit)) }
            return .success(
                state.room.enter(guest, node: poll.node, lastChange: poll.lastChange, until: until))
        }
        switch entered {
        case .failure(let error):
            responder.respond(error.response)
        case .success(let number):
            if wasIdle { arrivals.set(()) }
            let waiter = Waiter(
                number: number, guest: guest, node: poll.node, lastChange: poll.lastChange, until: until)
            look(after: waiter, now, isArriving: true)
        }
    }

    /// Answers a waiter if there is something to say.
    func look(after waiter: Waiter, _ now: Instant, isArriving: Bool = false) {
        switch api.look(for: waiter.node, lastChange: waiter.lastChange, now: now) {
        case .answer(let response):
            guard leave(waiter) else { return }
            waiter.guest.responder.respond(response)
            if !isArriving { counters.ended(response.status == 200 ? .change : .term) }
        case .unchanged(let term):
            guard waiter.until <= now, leave(waiter) else { return }
            waiter.guest.responder.respond(api.unchanged(in: term))
            counters.ended(.time)
        case .askLeader(let leader):
            // Who waits already, and did not wait for a follower's word, is soon told that the role is another.
            if isArriving { consult(leader, for: waiter, now) }
        }
    }

    func leave(_ waiter: Waiter) -> Bool {
        state.withLock { $0.room.leave(waiter.number) } != nil
    }

    /// To be called before somebody enters. What this replica was before anybody waited, nobody waits through.
    ///
    /// - Returns: whether nobody waited.
    func prepare(_ now: Instant) -> Bool {
        guard state.withLock({ $0.isIdle }) else { return false }
        let role = ReplicaRole(api.handler.role(at: now))
        return state.withLock { state in
            guard state.isIdle else { return false }
            _ = state.become(role)
            return true
        }
    }
}
