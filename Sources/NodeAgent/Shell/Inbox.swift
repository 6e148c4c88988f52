import Platform
import Synchronization

/// Events for one loop: any thread puts them in, the loop takes them out in order, so that they are handled one after the other.
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
        let taken = events.withLock { events in
            defer { events = [] }
            return events
        }
        guard taken.isEmpty, deadline > clock.now() else { return taken }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [clock] in try? await clock.sleep(until: deadline) }
            group.addTask { [bell] in _ = try? await bell.next(after: heard) }
            await group.next()
            group.cancelAll()
        }
        return events.withLock { events in
            defer { events = [] }
            return events
        }
    }
}
