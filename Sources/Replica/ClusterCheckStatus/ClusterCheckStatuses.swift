import AutoConf
import CheckModel
import ClusterChecks
import Kubernetes
import Leadership
import Platform
import Synchronization

/// Keeps the status of every ClusterCheck true, while this replica leads.
///
/// It is level-triggered: what changes only marks a ClusterCheck, and what to write is decided when its turn comes,
/// from what is known then. So many changes of one are one write, and what another writer spoiled is mended. At most so
/// many are written in a second, however many change; they wait in the order in which they were marked, and nothing
/// waits for them.
final class ClusterCheckStatuses: Sendable {
    private struct State {
        var queue = StatusQueue()
        var places = ClusterCheckPlaces()
        var writes: UInt64 = 0
        var failures: UInt64 = 0
        /// Whether the last write failed.
        var isFailing = false
    }

    /// What to do next.
    private enum Turn {
        case write(ExactText, StatusQueue.Stored, ClusterCheckStatus)
        case wait(until: Instant)
    }

    /// A ClusterCheck that was marked waits so long, so that what changes together is written together: an edit, and
    /// where it is placed.
    private static let gathering = Duration.milliseconds(200)
    /// How long one write may take.
    private static let patience = Duration.seconds(10)
    /// The pause after a write that failed, and after one for which there is no permission.
    private static let (pause, longPause) = (Duration.seconds(1), Duration.seconds(60))

    private let writer: any ClusterCheckStatusWriter
    private let interval: Duration
    private let handler = Mutex<(handler: Handler, results: CheckResults)?>(nil)
    private let acceptance: @Sendable (String) -> ClusterCheckAcceptance?
    private let clock: any Clock
    private let log: Log
    private let state = Mutex(State())
    private let nudges = Watched<Void>(())

    /// - Parameters:
    ///   - interval: the shortest time between two writes.
    ///   - acceptance: what became of the spec of a ClusterCheck, by the source of its config.
    init(
        writer: any ClusterCheckStatusWriter, interval: Duration,
        acceptance: @escaping @Sendable (String) -> ClusterCheckAcceptance?, clock: any Clock, log: Log
    ) {
        self.writer = writer
        self.interval = interval
        self.acceptance = acceptance
        self.clock = clock
        self.log = log.named("cluster-check-status")
    }

    /// The Handler is made after this. It tells whether this replica leads, and what it cannot dispatch; the results,
    /// which checks fail.
    func set(_ handler: Handler, _ results: CheckResults) { self.handler.withLock { $0 = (handler, results) } }

    /// Takes the check IDs that went up or down.
    func noteFlips(_ ids: [ExactText]) {
        let due = clock.now() + Self.gathering
        let isNews = state.withLock { state in
            let sources = ids.reduce(into: Set()) { $0.formUnion(state.places.sources(ofInstance: $1)) }
            for source in sources.sorted() { state.queue.mark(source, due) }
            return !sources.isEmpty
        }
        if isNews { nudges.set(()) }
    }

    /// Takes an event of the ClusterChecks' reflector, after those that read their specs.
    func handle(_ event: ReflectorEvent<ClusterCheck>) {
        let due = clock.now() + Self.gathering
        state.withLock { state in
            switch event {
            case .replaced(let checks, _):
                for check in checks { state.queue.take(listed: check, due) }
                state.queue.finishList()
            case .applied(let check): state.queue.take(check, due)
            case .deleted(let check): state.queue.remove(ExactText(check.source))
            }
        }
        nudges.set(())
    }

    /// Takes a page of the ClusterChecks' list, after those that read their specs; those of the whole list end with
    /// `replaced`.
    func handle(page: ReflectorPage<ClusterCheck>) {
        let due = clock.now() + Self.gathering
        state.withLock { state in
            if page.isFirst { state.queue.beginList() }
            for check in page.objects { state.queue.take(listed: check, due) }
        }
        nudges.set(())
    }

    /// Takes what happened to the store. Called for one event after the other.
    func handle(_ event: StoreEvent) {
        let (now, due) = (clock.wallTime(), clock.now() + Self.gathering)
        let isNews = state.withLock { state in
            switch event {
            case .termBegan: state.queue.startLeading()
            case .termEnded: state.queue.stopLeading()
            case .changed: break
            }
            let sources = state.places.apply(event, at: now) ?? state.queue.sources
            for source in sources.sorted() { state.queue.mark(source, due) }
            return !sources.isEmpty
        }
        if isNews { nudges.set(()) }
    }

    /// Writes what is to be written, until cancelled.
    func run() async {
        while !Task.isCancelled {
            let seen = nudges.current.version
            switch turn() {
            case .wait(let end):
                await nudges.change(after: seen, until: end, clock: clock)
            case .write(let source, let stored, let wanted):
                let pause = await write(wanted, source, stored)
                try? await clock.sleep(until: clock.now() + pause)
            }
        }
    }

    /// Writes the metrics.
    func collect(into writer: inout MetricsWriter) {
        let (writes, failures, waiting) = state.withLock { ($0.writes, $0.failures, $0.queue.count) }
        writer.family(
            "cluster_check_status_writes_total", .counter, help: "Writes of the status of ClusterChecks.",
            [([:], Double(writes))])
        writer.family(
            "cluster_check_status_write_failures_total", .counter,
            help: "Writes of the status of ClusterChecks that failed.", [([:], Double(failures))])
        writer.family(
            "cluster_check_status_writes_waiting", .gauge,
            help: "ClusterChecks whose status may have to be written.", [([:], Double(waiting))])
    }

    /// The next write of the queue; those that would change nothing are passed over.
    private func turn() -> Turn {
        let (now, time) = (clock.now(), clock.wallTime())
        guard let (handler, results) = handler.withLock({ $0 }), handler.dispatchingTerm(at: now) != nil else {
            // What is marked in the warm-up waits for its end.
            return .wait(until: state.withLock { $0.queue.nextDue } == nil ? .distantFuture : now + Self.pause)
        }
        while true {
            let next = state.withLock { state in
                state.queue.next(now).map {
                    (
                        source: $0.source, stored: $0.stored, places: state.places[$0.source],
                        instances: state.places.instances(of: $0.source)
                    )
                }
            }
            guard let next else { return .wait(until: state.withLock { $0.queue.nextDue } ?? .distantFuture) }
            guard let acceptance = acceptance(next.source.text) else {
                state.withLock { $0.queue.settled(next.source) }
                continue
            }
            let facts = ClusterCheckFacts(
                generation: next.stored.generation, acceptance: acceptance, places: next.places,
                rejection: handler.rejection(ofSource: next.source.text),
                verdict: ClusterCheckVerdict(next.instances) { results.result(of: $0, on: $1, now: now) })
            let wanted = next.stored.status.wanted(facts, now: time)
            if wanted != next.stored.status { return .write(next.source, next.stored, wanted) }
            state.withLock { $0.queue.settled(next.source) }
        }
    }

    /// - Returns: the pause after it.
    private func write(_ status: ClusterCheckStatus, _ source: ExactText, _ stored: StatusQueue.Stored) async
        -> Duration
    {
        do throws(KubernetesError) {
            try await writer.write(
                status, namespace: stored.namespace, name: stored.name, deadline: clock.now() + Self.patience)
            let hasRecovered = state.withLock { state in
                state.writes += 1
                state.queue.written(status, source, uid: stored.uid)
                guard state.isFailing, !state.queue.hasFailing else { return false }
                state.isFailing = false
                return true
            }
            if hasRecovered { log.info("the status of ClusterChecks can be written again") }
            return interval
        } catch {
            return failed(error, source, stored)
        }
    }

    /// A failure that is one object's holds up no other; the API server's, or a lack of permission, holds up all.
    private func failed(_ error: KubernetesError, _ source: ExactText, _ stored: StatusQueue.Stored) -> Duration {
        let (now, kind) = (clock.now(), Failure(error))
        let isNews = state.withLock { state in
            state.failures += 1
            switch kind {
            case .gone:
                // As an event will say.
                state.queue.remove(source)
                return false
            case .refused: return state.queue.refuse(source, stored.generation)
            case .ofObject, .forbidden, .ofServer:
                state.queue.fail(source, now)
                defer { state.isFailing = true }
                return !state.isFailing
            }
        }
        if isNews {
            log.warning(
                "the status of a ClusterCheck cannot be written; its check is not affected",
                ["object": "\(stored.namespace)/\(stored.name)", "reason": error])
        }
        return switch kind {
        case .gone, .refused, .ofObject: interval
        case .forbidden: Self.longPause
        case .ofServer: Self.pause
        }
    }

    /// What a failed write means.
    private enum Failure {
        /// The object is gone.
        case gone
        /// The same would be refused again.
        case refused
        /// It may be better later, and others may be better off.
        case ofObject
        /// Nobody's status may be written.
        case forbidden
        /// The API server does not answer, or has too much to do.
        case ofServer

        init(_ error: KubernetesError) {
            guard case .status(let status) = error else {
                self = .ofServer
                return
            }
            switch status.code {
            case 404: self = .gone
            case 400, 413, 422: self = .refused
            // So etcd refuses what is too large.
            case 500 where status.message.contains("too large") || status.message.contains("larger than max"):
                self = .refused
            // An admission webhook forbids one object; a role that lacks the rule, all.
            case 403 where status.message.contains("clusterchecks/status"): self = .forbidden
            case 429, 502, 503, 504: self = .ofServer
            default: self = .ofObject
            }
        }
    }
}
