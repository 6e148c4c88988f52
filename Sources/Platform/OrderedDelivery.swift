import Synchronization

/// Delivers events one at a time, in the order in which they were added, whichever threads add them.
///
/// Add an event while holding the lock under which it was decided, so that the order of the decisions is the order of
/// the events; deliver after releasing it. While one thread delivers, another one's `deliver` returns at once: the
/// first delivers its events too.
package final class OrderedDelivery<Event: Sendable>: Sendable {
    private struct State {
        var pending: [Event] = []
        var isDelivering = false

        mutating func drain() -> [Event] {
            defer { pending = [] }
            isDelivering = !pending.isEmpty
            return pending
        }
    }

    private let state = Mutex(State())

    /// No events yet.
    package init() {}

    /// Adds an event.
    package func add(_ event: Event) {
        state.withLock { $0.pending.append(event) }
    }

    /// Calls `receive` for each event added so far, unless another thread is doing so.
    package func deliver(to receive: (Event) -> Void) {
        var events = state.withLock { state -> [Event] in
            guard !state.isDelivering else { return [] }
            return state.drain()
        }
        while !events.isEmpty {
            for event in events { receive(event) }
            events = state.withLock { $0.drain() }
        }
    }
}
