import Platform

/// A note with the times at which it was recorded.
struct PendingEvent: Hashable, Sendable {
    /// The newest of those with the same name.
    var note: EventNote
    let first: WallTime
    var last: WallTime
    var count: Int
}

/// Notes that wait to be sent, oldest first. Those with the same name wait as one.
struct EventQueue: Sendable {
    /// The most notes that wait; further ones are dropped.
    static let limit = 1000

    private struct Name: Hashable {
        @ExactText private(set) var namespace: String
        @ExactText private(set) var name: String
    }

    private var names: [Name] = []
    private var pending: [Name: PendingEvent] = [:]

    /// Whether nothing waits.
    var isEmpty: Bool {
        names.isEmpty
    }

    /// Adds a note; returns false if there is no room.
    mutating func add(_ note: EventNote, at time: WallTime) -> Bool {
        let name = Name(namespace: note.namespace, name: note.name)
        if var waiting = pending[name] {
            waiting.note = note
            waiting.last = time
            waiting.count += 1
            pending[name] = waiting
            return true
        }
        guard names.count < Self.limit else { return false }
        names.append(name)
        pending[name] = PendingEvent(note: note, first: time, last: time, count: 1)
        return true
    }

    /// Removes and returns the oldest.
    mutating func takeFirst() -> PendingEvent? {
        guard !names.isEmpty else { return nil }
        return pending.removeValue(forKey: names.removeFirst())
    }
}

/// The delivery of one Event to the API server, as a pure state machine.
///
/// The Event is created; if it exists, from another replica or from before a restart, it is read and its count is
/// increased. A request without an answer is sent again, and what it may have stored is not done twice.
struct EventDelivery: Sendable {
    /// How often a request without an answer is sent (client-go's number).
    static let tries = 12
    /// How often other writers may change the same Event first.
    private static let turns = 10

    /// A request to the API server.
    enum Request: Hashable, Sendable {
        case create(Event)
        case get(namespace: String, name: String)
        case patch(EventPatch, namespace: String, name: String)
    }

    /// How a request ended.
    enum Answer: Sendable {
        /// It succeeded.
        case stored
        /// The existing Event.
        case found(StoredEvent)
        case failed(KubernetesError)
    }

    /// What to do after an answer.
    enum Step: Equatable, Sendable {
        /// Send `request`.
        case ask
        /// Send `request` after a pause.
        case askLater
        case done
        case dropped(KubernetesError)
    }

    let pending: PendingEvent
    private let instance: String
    /// The next request.
    private(set) var request: Request
    /// How many requests had no answer.
    private(set) var failures = 0
    private var asked = 0
    /// The count that a request without an answer would have stored.
    private var mayHaveStored: Int?

    /// The delivery of `pending` by a replica named `instance`.
    init(_ pending: PendingEvent, component: String, instance: String) {
        self.pending = pending
        self.instance = instance
        let event = Event(
            note: pending.note, component: component, instance: instance, first: pending.first, last: pending.last,
            count: pending.count)
        create = .create(event)
        request = create
    }

    private let create: Request

    private var get: Request {
        .get(namespace: pending.note.namespace, name: pending.note.name)
    }

    /// Handles the answer to `request`.
    mutating func received(_ answer: Answer) -> Step {
        asked += 1
        switch (request, answer) {
        case (_, .stored):
            return .done
        case (_, .found(let stored)):
            if stored.count == mayHaveStored, stored.instance == instance, stored.last == eventTime(pending.last) {
                return .done
            }
            return ask(patch(of: stored))
        case (_, .failed(.transport(let reason))):
            return noAnswer(.transport(reason))
        case (.create, .failed(.status(let status))) where status.code == 409:
            return ask(get)
        case (.patch, .failed(.status(let status))) where status.code == 409:
            return ask(get)
        case (.get, .failed(.status(let status))) where status.code == 404:
            return ask(create)
        case (.patch, .failed(.status(let status))) where status.code == 404:
            return ask(create)
        case (_, .failed(let error)):
            return .dropped(error)
        }
    }

    private mutating func ask(_ next: Request) -> Step {
        request = next
        return asked < Self.turns + failures ? .ask : .dropped(.transport("other writers keep changing the Event"))
    }

    private mutating func noAnswer(_ error: KubernetesError) -> Step {
        switch request {
        case .create(let event):
            mayHaveStored = event.count
        case .patch(let patch, _, _):
            mayHaveStored = patch.count
            request = get
        case .get:
            break
        }
        failures += 1
        return failures < Self.tries ? .askLater : .dropped(error)
    }

    private func patch(of stored: StoredEvent) -> Request {
        let (count, overflow) = stored.count.addingReportingOverflow(pending.count)
        let patch = EventPatch(
            resourceVersion: stored.resourceVersion, message: pending.note.message, instance: instance,
            last: pending.last, count: overflow || count > Int(Int32.max) ? Int(Int32.max) : count)
        return .patch(patch, namespace: pending.note.namespace, name: pending.note.name)
    }
}
