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
        prepare(now)
        let entered: Result<(number: UInt64, wasIdle: Bool), APIError> = state.withLock { state in
            guard !state.isClosed else { return .failure(.stopping) }
            guard state.room.count < limit else { return .failure(.tooManyWait(limit: limit)) }
            let wasIdle = state.isIdle
            let number = state.room.enter(
                guest, node: poll.node, lastChange: poll.lastChange, until: until)
            return .success((number, wasIdle))
        }
        switch entered {
        case .failure(let error):
            responder.respond(error.response)
        case .success(let (number, wasIdle)):
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

    /// To be called before somebody enters: what this replica was before anybody waited, nobody waits through.
    func prepare(_ now: Instant) {
        guard state.withLock({ $0.isIdle }) else { return }
        let leadership = api.handler.leadership(at: now)
        state.withLock { state in
            if state.isIdle { _ = state.become(leadership) }
        }
    }
}
