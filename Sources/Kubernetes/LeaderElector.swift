package import Platform
import Synchronization

/// Takes part in a leader election on a Lease, for as long as `run` runs, and says who leads.
///
/// The decisions are `Election`'s; this class makes its requests one after the other, sleeps, and keeps the term's
/// `validUntil` where others can read it without a lock. Losing the Lease is no end: it competes again.
///
/// It does not promise that two processes never believe to lead: it promises that a term's `validUntil` is over before
/// another process can acquire the Lease, as long as their clocks run at rates that differ by less than lease duration ÷
/// renew deadline. Whoever acts as the leader must check `validUntil` right before.
package final class LeaderElector: Sendable {
    private struct State {
        var election: Election
        /// What was published last, and the term that went with it.
        var published: Election.Knowledge = .unknown
        var term: LeaderTerm?
    }

    private let options: LeaderElectionOptions
    private let leases: any LeaseClient
    private let clock: any Clock
    private let entropy: any Entropy
    private let log: Log
    private let shared: Mutex<State>
    /// Changes whenever the loop has to look at the election again before the time it meant to.
    private let nudges = Watched<Void>(())
    /// Whether no attempt is under way.
    private let isIdle = Watched<Bool>(true)

    /// What is known of leadership. A term may still stand here for a moment after its `validUntil`.
    package let state = Watched<ElectionState>(.unknown)

    /// An elector that does nothing until `run`.
    ///
    /// - Throws: `KubernetesError.configuration` if the options are unusable.
    package init(
        options: LeaderElectionOptions, leases: any LeaseClient, clock: any Clock, entropy: any Entropy, log: Log
    ) throws(KubernetesError) {
        try options.validate()
        if leases.namespace.isEmpty { throw .configuration("the Lease's namespace is empty") }
        if leases.name.isEmpty { throw .configuration("the Lease's name is empty") }
        self.options = options
        self.leases = leases
        self.clock = clock
        self.entropy = entropy
        self.log = log.named("leader-elector")
        shared = Mutex(State(election: Election(options: options, namespace: leases.namespace, name: leases.name)))
    }

    /// Competes until the task is cancelled; after `release` it only observes. On return the term, if there was one, has
    /// ended, but the Lease is still ours until `release` or its expiry.
    package func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.compete() }
            group.addTask { await self.watch() }
        }
        change { $0.retire() }
    }

    /// Ends the term at once, gives the Lease back if it is still ours so that another replica can take it without
    /// waiting, and never acquires it again. Call it when all work of the leader has stopped.
    ///
    /// Takes at most `LeaderElectionOptions.requestTimeout`; if the API does not answer in that time, the Lease expires by
    /// itself.
    package func release() async {
        let deadline = clock.now() + options.requestTimeout
        change { $0.retire() }
        // A write under way could take the Lease after we gave it back.
        while !isIdle.value, clock.now() < deadline, !Task.isCancelled {
            let seen = isIdle.current
            if !seen.value { await wait(until: deadline, orChangeOf: isIdle, after: seen.version) }
        }
        // A conflict means that a renewal was committed late, or that somebody edited the Lease.
        while clock.now() < deadline, !Task.isCancelled {
            guard case .lease(let lease) = await leases.get(deadline: deadline) else { return }
            let moment = moment()
            guard let update = shared.withLock({ $0.election.release(of: lease, moment) }) else { return }
            switch await leases.update(update, deadline: deadline) {
            case .lease(let stored):
                let now = clock.now()
                return change { $0.released(stored, now: now) }
            case .conflict:
                continue
            case .notFound, .failed:
                return log.warning("the Lease could not be released; it will expire", ["lease": leaseName])
            }
        }
    }

    /// Writes the metrics `leader_election_master_status` and `leader_election_slowpath_total` (client-go's names).
    package func collect(into page: inout MetricsWriter) {
        let now = clock.now()
        let (leads, slowRenewals) = shared.withLock { state in
            if case .leading = state.election.knowledge(at: now) { return (1.0, state.election.slowRenewals) }
            return (0.0, state.election.slowRenewals)
        }
        page.family(
            "leader_election_master_status", .gauge, help: "Whether this replica leads by the named Lease (0 or 1).",
            [(["name": leases.name], leads)])
        page.family(
            "leader_election_slowpath_total", .counter,
            help: "Renewals that had to read the Lease because updating it without reading failed.",
            [(["name": leases.name], Double(slowRenewals))])
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
                await wait(until: wake, orChangeOf: nudges, after: seen)
            }
        }
    }

    private func attempt() async {
        var moment = moment()
        var request: Election.Request? = change { $0.begin(moment) }
        while let current = request {
            let sent = moment.now
            let deadline = shared.withLock { $0.election.deadline(now: sent) }
            let result =
                switch current {
                case .get: await leases.get(deadline: deadline)
                case .create(let lease): await leases.create(lease, deadline: deadline)
                case .update(let lease): await leases.update(lease, deadline: deadline)
                }
            moment = self.moment()
            request = change { $0.received(result, moment) }
        }
    }

    private func watch() async {
        // Events come with each renewal, so a watch that has silently died is noticed by replacing it often. Until then the
        // attempts go on as if there were none.
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

    private func moment() -> Election.Moment {
        Election.Moment(
            now: clock.now(), wallTime: clock.wallTime(), fraction: entropy.fraction(),
            annotations: options.annotations())
    }

    /// Returns at `instant`, when `value` has another version than `version`, or when the task is cancelled.
    private func wait<Value: Sendable>(
        until instant: Instant, orChangeOf value: Watched<Value>, after version: UInt64
    ) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await self.clock.sleep(until: instant) }
            group.addTask { _ = try? await value.next(after: version) }
            await group.next()
            group.cancelAll()
        }
    }

    /// Tells the election something and publishes what follows from it.
    ///
    /// The publication is part of the critical section, so that two changes cannot be published in the wrong order; it only
    /// stores atomics and hands waiting tasks to their executors.
    @discardableResult
    private func change<Result: Sendable>(_ body: (inout Election) -> Result) -> Result {
        let (result, notices) = shared.withLock { state in
            let result = body(&state.election)
            publish(&state)
            return (result, state.election.takeNotices())
        }
        nudges.set(())
        for notice in notices { write(notice) }
        return result
    }

    private func publish(_ state: inout State) {
        let knowledge = state.election.knowledge(at: clock.now())
        if case .leading(let term) = knowledge, case .leading(let before) = state.published,
            term.number == before.number
        {
            state.published = knowledge
            state.term?.validUntil.extend(to: term.validUntil)
            return
        }
        guard knowledge != state.published else { return }
        state.published = knowledge
        state.term?.validUntil.end()
        state.term = nil
        switch knowledge {
        case .unknown: self.state.set(.unknown)
        case .following(let record): self.state.set(.following(record))
        case .leading(let term):
            let begun = LeaderTerm(
                resourceVersion: term.resourceVersion, leaseUID: term.leaseUID, validUntil: Deadline(term.validUntil),
                continuesOwn: term.continuesOwn)
            state.term = begun
            self.state.set(.leading(begun))
        }
    }

    private func write(_ notice: ElectionNotice) {
        switch notice {
        case .acquired(let term):
            log.info(
                "became leader",
                [
                    "lease": leaseName, "identity": options.identity, "resource_version": term.resourceVersion,
                    "continues_own": term.continuesOwn,
                ])
        case .lost(_, let reason):
            write(reason)
        case .released:
            log.info("released the Lease", ["lease": leaseName])
        case .holder(let holder):
            log.info("the Lease's holder changed", ["lease": leaseName, "holder": holder])
        case .failing(let error, leading: true):
            log.warning("cannot renew the Lease", ["lease": leaseName, "reason": error])
        case .failing(let error, leading: false):
            log.warning("cannot read or acquire the Lease", ["lease": leaseName, "reason": error])
        case .recovered:
            log.info("the Lease can be read and written again", ["lease": leaseName])
        case .durationCapped(let seconds, let limit):
            log.warning(
                "the recorded lease duration is not believed; a limit is used instead",
                ["lease": leaseName, "recorded_seconds": seconds, "limit_seconds": limit.seconds])
        case .strategyIgnored(let strategy):
            log.warning(
                "the Lease asks for coordinated election, which is not supported and is ignored",
                ["lease": leaseName, "strategy": strategy])
        }
    }

    private func write(_ loss: ElectionNotice.Loss) {
        switch loss {
        case .notRenewed:
            log.error("stopped leading: the Lease was not renewed in time", ["lease": leaseName])
        case .taken(let holder):
            log.error("stopped leading: the Lease changed hands", ["lease": leaseName, "holder": holder])
        case .deleted:
            log.error("stopped leading: the Lease was deleted", ["lease": leaseName])
        case .stopped:
            log.info("stopped leading", ["lease": leaseName])
        }
    }
}
