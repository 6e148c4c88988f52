package import Platform
import Synchronization

/// Records what happens to objects as core/v1 Events, for `kubectl get events`.
///
/// Recording never blocks and never fails: what cannot be sent is dropped and logged once. Repetitions, from any
/// replica, are counted in one Event; floods are combined and limited as client-go does (`EventCorrelator`).
package final class EventRecorder: Sendable {
    /// How long one request may take.
    private static let requestTimeout = Duration.seconds(10)
    /// The pause before a request without an answer is sent again.
    private static let retryPause = Duration.seconds(10)
    /// How long `finish` may take.
    private static let finishTimeout = Duration.seconds(2)

    private struct State {
        var correlator = EventCorrelator()
        var queue = EventQueue()
        /// The Event that is being sent.
        var current: EventDelivery?
        var hasWarnedOfFullQueue = false
        var hasWarnedOfSilence = false
        var hasWarnedOfPermission = false
    }

    private let events: any EventClient
    private let component: String
    private let instance: String
    private let clock: any Clock
    private let entropy: any Entropy
    private let log: Log
    private let shared = Mutex(State())
    private let sent = Counter()
    private let lost = Counter()
    /// Changes with each note.
    private let nudges = Watched<Void>(())

    /// A recorder that only collects until `run`.
    ///
    /// - Parameters:
    ///   - component: the program, as `kubectl describe` shows it.
    ///   - instance: which of its replicas this is: the pod's name.
    package convenience init(
        client: KubernetesClient, component: String = "cluster-agent", instance: String, clock: any Clock,
        entropy: any Entropy, log: Log
    ) {
        self.init(
            events: KubernetesEventClient(client: client), component: component, instance: instance, clock: clock,
            entropy: entropy, log: log)
    }

    init(
        events: any EventClient, component: String, instance: String, clock: any Clock, entropy: any Entropy, log: Log
    ) {
        self.events = events
        self.component = component
        self.instance = instance
        self.clock = clock
        self.entropy = entropy
        self.log = log.named("event-recorder")
    }

    /// Records a note about an object. It never blocks and may be called from any thread.
    ///
    /// - Parameters:
    ///   - reason: why, in one word for machines, such as `InvalidCheckConfig`.
    ///   - message: for people; cut after 1024 bytes.
    ///   - object: without a namespace the Event goes to `default`.
    package func record(_ type: EventType, reason: String, message: String, about object: ObjectReference) {
        let note = EventNote(type, reason: reason, message: message, about: object)
        let now = clock.now()
        let time = clock.wallTime()
        let isFirstDropped = shared.withLock { state in
            guard let admitted = state.correlator.admit(note, now: now) else { return false }
            if state.queue.add(admitted, at: time) { return false }
            lost.add()
            defer { state.hasWarnedOfFullQueue = true }
            return !state.hasWarnedOfFullQueue
        }
        nudges.set(())
        guard isFirstDropped else { return }
        log.warning("too many Events wait to be sent; new ones are dropped", ["limit": EventQueue.limit])
    }

    /// Sends recorded notes one at a time until the task is cancelled.
    package func run() async {
        while !Task.isCancelled {
            let seen = nudges.current.version
            guard let delivery = next() else {
                _ = try? await nudges.next(after: seen)
                continue
            }
            await send(delivery, until: .distantFuture)
        }
    }

    /// Sends the remaining notes, for at most 2 s. Call it after `run` has returned, in a task that is not cancelled.
    package func finish() async {
        let end = clock.now() + Self.finishTimeout
        while clock.now() < end, !Task.isCancelled, let delivery = next() {
            await send(delivery, until: end)
        }
    }

    /// Writes how many Events were sent, and how many could not be.
    package func collect(into writer: inout MetricsWriter) {
        writer.family(
            "cluster_agent_events_sent_total", .counter, help: "Kubernetes Events sent.", [([:], Double(sent.value))])
        writer.family(
            "cluster_agent_events_dropped_total", .counter,
            help: "Kubernetes Events that were refused, or did not fit the queue.", [([:], Double(lost.value))])
    }

    private func next() -> EventDelivery? {
        shared.withLock { state in
            if let current = state.current { return current }
            guard let pending = state.queue.takeFirst() else {
                state.hasWarnedOfFullQueue = false
                return nil
            }
            let delivery = EventDelivery(pending, component: component, instance: instance)
            state.current = delivery
            return delivery
        }
    }

    /// Sends one Event. It stays the current one if it is not delivered by `end` or before the task is cancelled.
    private func send(_ delivery: EventDelivery, until end: Instant) async {
        var delivery = delivery
        while !Task.isCancelled, clock.now() < end {
            let deadline = min(clock.now() + Self.requestTimeout, end)
            let answer = await events.perform(delivery.request, deadline: deadline)
            let step = delivery.received(answer)
            let isSettled = step != .ask && step != .askLater
            let settled = delivery
            shared.withLock { $0.current = isSettled ? nil : settled }
            switch step {
            case .ask:
                continue
            case .askLater:
                // Jitter, so that not all replicas send at once after an outage.
                let stretch = delivery.failures == 1 ? entropy.fraction() : 1
                try? await clock.sleep(until: min(clock.now() + Self.retryPause * stretch, end))
            case .done:
                sent.add()
                return shared.withLock { $0.hasWarnedOfSilence = false }
            case .dropped(let error):
                return dropped(delivery.pending.note, error)
            }
        }
    }

    private func dropped(_ note: EventNote, _ error: KubernetesError) {
        lost.add()
        if case .status(let status) = error, status.isOfTerminatingNamespace { return }
        let isWorthAWarning = shared.withLock { state in
            switch error {
            case .status(let status) where status.code == 403:
                defer { state.hasWarnedOfPermission = true }
                return !state.hasWarnedOfPermission
            case .transport:
                defer { state.hasWarnedOfSilence = true }
                return !state.hasWarnedOfSilence
            case .status, .malformed, .configuration, .answerTooLarge, .requestTooLarge:
                return false
            }
        }
        let object = "\(note.about.kind) \(note.namespace)/\(note.about.name)"
        if isWorthAWarning {
            log.warning(
                "an Event cannot be sent and is dropped; such Events are dropped silently from now on",
                ["object": object, "event": note.reason, "reason": error])
        } else {
            log.debug("an Event is dropped", ["object": object, "event": note.reason, "reason": error])
        }
    }
}

extension Status {
    /// Whether nothing can be created because the namespace is being deleted.
    fileprivate var isOfTerminatingNamespace: Bool {
        code == 403 && message.contains("because it is being terminated")
    }
}
