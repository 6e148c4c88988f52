import Platform
import Synchronization

/// Events for one loop: any thread puts them in, the loop takes them out in order, so that they are handled one after
/// the other.
final class Inbox<Event: Sendable>: Sendable {
    private let events = Mutex<[Event]>([])
    private let bell = Watched<Void>(())
    private let clock: any Clock

    init(clock: any Clock) {
        self.clock = clock
    }

    func put(_ event: Event) {
        events.withLock { $0.append(event) }
        bell.set(())
    }

    /// Waits for events, or for `deadline`, or for the task to be cancelled; none in the latter two cases.
    func take(until deadline: Instant) async -> [Event] {
        let heard = bell.current.version
        let waiting = drain()
        guard waiting.isEmpty, deadline > clock.now() else { return waiting }
        await bell.change(after: heard, until: deadline, clock: clock)
        return drain()
    }

    private func drain() -> [Event] {
        events.withLock { events in
            defer { events = [] }
            return events
        }
    }
}
