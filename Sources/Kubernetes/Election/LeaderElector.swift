package import Leadership
package import Platform
import Synchronization

/// Competes for a Lease while `run` runs, and publishes who leads.
///
/// `Election` decides; this class sends its requests one at a time, sleeps, and keeps the term's `validUntil` where
/// others read it without a lock. After it loses the Lease, it competes again.
///
/// It does not guarantee that two processes never believe that they lead. It guarantees that a term's `validUntil` has
/// passed before another process can acquire the Lease, as long as the rates of their clocks differ by less than lease
/// duration ÷ renew deadline. Check `validUntil` right before acting as the leader.
package final class LeaderElector: Sendable {
    private struct State {
        var election: Election
        /// The term that was published, while it is ours.
        var term: Term?
        var lastAttempt: Instant
        /// How long renewals took (seconds).
        var renewals = Histogram(bounds: [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8])
    }

    private static let releasePause = Duration.milliseconds(250)

    private let options: LeaderElectionOptions
    private let leases: any LeaseClient
    private let recorder: EventRecorder?
    private let clock: any Clock
    private let entropy: any Entropy
    private let log: Log
    private let shared: Mutex<State>
    /// Changes when the loop must look at the election before its next wake-up.
    private let nudges = Watched<Void>(())
    /// Whether no attempt is under way.
    private let isIdle = Watched<Bool>(true)

    /// What is known of leadership. A term may still be shown for a moment after its `validUntil`.
    package let leadership: Watched<LeadershipState>

    /// An elector that does nothing until `run`.
    ///
    /// - Parameters:
    ///   - leadership: where to publish what is known, as its only writer.
    ///   - recorder: records Events on the Lease when this replica starts or stops leading.
    /// - Throws: `KubernetesError.configuration` if the options are unusable.
    package init(
        options: LeaderElectionOptions, leases: any LeaseClient,
        leadership: Watched<LeadershipState> = Watched(.unknown), recorder: EventRecorder? = nil, clock: any Clock,
        entropy: any Entropy, log: Log
    ) throws(KubernetesError) {
        try options.validate()
        if leases.namespace.isEmpty { throw .configuration("the Lease's namespace is empty") }
        if leases.name.isEmpty { throw .configuration("the Lease's name is empty") }
        self.options = options
        self.leases = leases
        self.leadership = leadership
        self.recorder = recorder
        self.clock = clock
        self.entropy = entropy
        self.log = log.named("leader-elector")
        let election = Election(options: options, namespace: leases.namespace, name: leases.name)
        shared = Mutex(State(election: election, lastAttempt: clock.now()))
    }

    /// When the last attempt to read, acquire or renew the Lease began; before the first one, when this was created.
    package var lastAttempt: Instant {
        shared.withLock { $0.lastAttempt }
    }

    /// The longest time between the starts of two attempts. If `lastAttempt` is older, the loop of `run` hangs; an API
    /// server that does not answer cannot cause that.
    package var longestAttempt: Duration {
        options.longestAttempt
    }

    /// Competes until the task is cancelled; after `release` it only observes. On return the term, if there was one,
    /// has ended, but the Lease is still ours until `release` or its expiry.
    package func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.compete() }
            group.addTask { await self.watch() }
        }
        change { $0.retire() }
    }

    /// Renews the Lease now instead of at the next retry, so that it soon names whom `LeaderElectionOptions.mirrors`
    /// says now. An attempt under way is followed by another one. Does nothing if this replica does not hold the Lease.
    package func renewNow() {
        let now = clock.now()
        change { $0.hasten(now) }
    }

    /// Ends the term at once, gives the Lease back if it is still ours so that another replica can take it without
    /// waiting, and never acquires it again. Call it when all work of the leader has stopped.
    ///
    /// Takes at most `LeaderElectionOptions.requestTimeout`; if the API does not answer in that time, the Lease expires
    /// by itself.
    package func release() async {
        let deadline = clock.now() + options.requestTimeout
        guard var request = change({ $0.beginRelease() }) else { return }
        // A write in flight could acquire the Lease after the release.
        while !isIdle.value, clock.now() < deadline, !Task.isCancelled {
            let seen = isIdle.current
            if !seen.value { await isIdle.change(after: seen.version, until: deadline, clock: clock) }
        }
        var problem: KubernetesError?
        while clock.now() < deadline, !Task.isCancelled {
            let asked = request
            let result = await perform(asked, deadline: deadline)
            let moment = moment(mayWrite: false)
            switch change({ $0.receivedDuringRelease(result, to: asked, moment) }) {
            case .ask(let next):
                request = next
            case .askLater(let next, let error):
                (request, problem) = (next, error)
                try? await clock.sleep(until: min(clock.now() + Self.releasePause, deadline))
            case .over:
                return
            case .failed(let error):
                return warnOfExpiry(error)
            }
        }
        warnOfExpiry(problem)
    }

    /// Writes the metrics of this election (`ElectionReading`).
    package func collect(into page: inout MetricsWriter) {
        let now = clock.now()
        let reading = shared.withLock { ElectionReading($0.election, renewals: $0.renewals, now: now) }
        reading.write(name: leases.name, into: &page)
    }
}

extension LeaderElector {
    private var leaseName: String {
        "\(leases.namespace)/\(leases.name)"
    }

    private func compete() async {
        while !Task.isCancelled {
            isIdle.set(false)
            await attempt()
            isIdle.set(true)
            while !Task.isCancelled {
                let seen = nudges.current.version
                let wake = shared.withLock { $0.election.wake }
                if wake <= clock.now() { break }
                await nudges.change(after: seen, until: wake, clock: clock)
            }
        }
    }

    private func attempt() async {
        var moment = moment(mayWrite: true)
        let start = moment.now
        var request: Election.Request? = change { $0.begin(moment) }
        let before = shared.withLock { state in
            state.lastAttempt = start
            return state.election.held?.validUntil
        }
        while let current = request {
            let sent = moment.now
            let deadline = shared.withLock { $0.election.deadline(now: sent) }
            let result = await perform(current, deadline: deadline)
            moment = self.moment(mayWrite: current == .get)
            request = change { $0.received(result, moment) }
        }
        let end = moment.now
        shared.withLock { state in
            guard let before, let held = state.election.held, before < held.validUntil else { return }
            state.renewals.observe((end - start).seconds)
        }
    }

    private func perform(_ request: Election.Request, deadline: Instant) async -> LeaseResult {
        switch request {
        case .get: await leases.get(deadline: deadline)
        case .create(let lease): await leases.create(lease, deadline: deadline)
        case .update(let lease): await leases.update(lease, deadline: deadline)
        }
    }

    private func watch() async {
        // Events come with each renewal, so a watch that has silently died is noticed by replacing it often. Until then
        // the attempts go on as if there were none.
        let duration = Duration.seconds(60)
        var backoff = Backoff(limit: .seconds(5))
        var problem: KubernetesError?
        while !Task.isCancelled {
            let start = clock.now()
            let end = await leases.watch(deadline: start + duration) { event in
                let now = self.clock.now()
                self.change { $0.watched(event, now: now) }
            }
            if let end, end != problem, !Task.isCancelled {
                log.info(
                    "the watch of the Lease broke; a release is noticed later", ["lease": leaseName, "reason": end])
            }
            problem = end
            let now = clock.now()
            guard end != nil || now - start < .seconds(1) else { continue }
            try? await clock.sleep(until: now + backoff.pause(now: now, fraction: entropy.fraction()))
        }
    }

    /// The inputs of the next event.
    ///
    /// The term held now is the only one that a write composed from this can renew: only the answer to a write begins a
    /// term, and no write follows that.
    ///
    /// - Parameter mayWrite: whether the event may lead to a write, so that it must be known whom to name.
    private func moment(mayWrite: Bool) -> Election.Moment {
        let now = clock.now()
        let (held, hastenings) = shared.withLock { ($0.election.held, $0.election.hastenings) }
        var mirrors: NamedMirrors?
        if mayWrite, let held, now < held.validUntil { mirrors = options.mirrors(held.token) }
        return Election.Moment(
            now: now, wallTime: clock.wallTime(), fraction: entropy.fraction(), annotations: options.annotations(),
            mirrors: mirrors, hastenings: hastenings)
    }

    /// Updates the election, publishes the result, and tells it where it must be told.
    ///
    /// The publication is part of the critical section, so that two changes cannot be published in the wrong order; it
    /// only stores atomics and hands waiting tasks to their executors.
    @discardableResult
    private func change<Result: Sendable>(_ body: (inout Election) -> Result) -> Result {
        let (result, notices, published) = shared.withLock { state in
            let result = body(&state.election)
            publish(&state)
            return (result, state.election.drainNotices(), state.election.drainPublished())
        }
        nudges.set(())
        for mirrors in published { options.published(mirrors) }
        for notice in notices { tell(notice) }
        return result
    }

    private func publish(_ state: inout State) {
        let now = clock.now()
        if let held = state.election.held, now < held.validUntil {
            if let term = state.term, term.token == held.token {
                return term.validUntil.extend(to: held.validUntil)
            }
            state.term?.validUntil.end()
            let term = Term(
                token: held.token, validUntil: Deadline(held.validUntil), continued: held.continued?.text,
                adoptable: held.adoptable?.text)
            state.term = term
            return leadership.set(.leading(term))
        }
        state.term?.validUntil.end()
        state.term = nil
        let known: LeadershipState = state.election.isKnown ? .following(state.election.leader(at: now)) : .unknown
        // The Lease's other annotations change with each renewal; who leads does not.
        if known != leadership.value { leadership.set(known) }
    }

    private func warnOfExpiry(_ error: KubernetesError?) {
        log.warning(
            "the Lease could not be released; it will expire",
            ["lease": leaseName, "reason": error?.description ?? "no time left"])
    }

    private func tell(_ notice: ElectionNotice) {
        notice.write(to: log, lease: leaseName, identity: options.identity)
        guard let (term, what) = notice.change else { return }
        recorder?.record(
            .normal, reason: "LeaderElection", message: "\(options.identity) \(what)",
            about: ObjectReference(
                apiVersion: "coordination.k8s.io/v1", kind: "Lease", namespace: leases.namespace, name: leases.name,
                uid: term.leaseUID))
    }
}
