import CheckModel
import Leadership
import Platform
import Synchronization

extension Handler {
    /// Follows leadership: while this replica leads it warms up, dispatches, and forgets silent nodes.
    ///
    /// It returns once its task is cancelled. By then the term has ended, and no answer of it may be written any more. The calls of node-agents
    /// are still answered after that, as by a replica that does not lead.
    package func run() async {
        var seen = leadership.current
        // Nothing but cancellation is thrown here.
        while !Task.isCancelled {
            do {
                if case .leading(let term) = seen.value {
                    seen = try await lead(term, since: seen.version)
                } else {
                    seen = try await leadership.next(after: seen.version)
                }
            } catch { return }
        }
    }

    /// Leads until leadership is no longer this term, and returns what it is then.
    private func lead(_ term: Term, since version: UInt64) async throws -> Watched<LeadershipState>.Versioned {
        begin(term)
        defer { end(term) }
        // Both end with this scope: a child that is not awaited is cancelled and then awaited.
        async let _ = dispatch(in: term)
        async let _ = expireNodes(in: term)
        var seen = try await leadership.next(after: version)
        while case .leading(let newest) = seen.value, newest == term {
            seen = try await leadership.next(after: seen.version)
        }
        return seen
    }

    private func begin(_ term: Term) {
        let end = clock.now() + options.warmup
        let keeps = state.withLock { state in
            let keeps = term.continuesPrevious && state.warmUpEnd != nil
            if !keeps {
                let report = state.rebalancing
                state = State(dispatcher: Dispatcher(after: state.dispatcher), warmUpEnd: end)
                state.rebalancing = report
            }
            state.term = term
            return keeps
        }
        self.changes.set(())
        log.info(
            "term began", ["term": term.token, "keeps_placements": keeps, "warmup_seconds": options.warmup.seconds])
    }

    private func end(_ term: Term) {
        // First the term, so that nothing that was prepared under the lock is written after this.
        term.validUntil.end()
        let (nodes, configs) = state.withLock { state in
            state.term = nil
            return (state.dispatcher.store.nodeCount, state.dispatcher.store.totalCount)
        }
        self.changes.set(())
        log.info("term ended", ["term": term.token, "nodes": nodes, "configs": configs])
    }

    /// Waits for the end of the warm-up and for the sources, then reconciles with every change of the desired set.
    private func dispatch(in term: Term) async throws {
        let (warmUpEnd, version) = state.withLock { ($0.warmUpEnd ?? clock.now(), $0.reconciledVersion) }
        try await clock.sleep(until: warmUpEnd)
        var reconciled = version
        while true {
            let changes = source.changes(since: reconciled)
            // From a set that is not whole nothing is concluded, not even an addition: a half set is a wrong answer for whoever fetches it.
            if changes.synced {
                let batch = batch(changes)
                try await waitUntilValid(term)
                reconciled = reconcile(batch, version: changes.version)
            }
            if changes.synced, reconciled == 0 { continue }
            try await source.waitForChange(after: changes.version)
        }
    }

    /// What is to be dispatched, what cannot be, and which configs were taken apart.
    struct Batch {
        var wanted: Wanted
        var rejected: [ConfigKey: String] = [:]
        var shards: [ConfigKey: [ConfigKey]]
    }

    private func batch(_ changes: DesiredChanges) -> Batch {
        let shards = changes.isWhole ? [:] : state.withLock { $0.shards }
        var batch = Batch(wanted: Wanted(upserts: [], removals: [], isWhole: changes.isWhole), shards: shards)
        for key in changes.removals { batch.remove(key) }
        for config in changes.upserts { batch.take(config, log) }
        return batch
    }

    /// - Returns: the version from which to ask for changes next.
    private func reconcile(_ batch: Batch, version: UInt64) -> UInt64 {
        let (wanted, rejected) = (batch.wanted, batch.rejected)
        let limit = options.maximumConfigs
        let (changes, refused, nodes, next) = state.withLock { state in
            let (changes, refused) = state.dispatcher.reconcile(wanted)
            state.shards = batch.shards
            let hadRefused = state.rejected.values.contains(Self.overLimit)
            if wanted.isWhole { state.rejected = [:] }
            for key in wanted.removals { state.rejected[key] = nil }
            for config in wanted.upserts { state.rejected[config.key] = nil }
            state.rejected.merge(rejected) { $1 }
            for key in refused { state.rejected[key] = Self.overLimit }
            // Where there is room again, those that were refused for lack of it are asked for by taking the whole set once more.
            let hasRoom = state.dispatcher.store.totalCount < limit
            state.reconciledVersion = hadRefused && hasRoom && !wanted.isWhole ? 0 : version
            return (changes, refused, state.dispatcher.store.nodeCount, state.reconciledVersion)
        }
        if !refused.isEmpty {
            log.error("configs over the limit are not dispatched", ["limit": limit, "refused": refused.count])
        }
        logChanges(changes, nodes: nodes)
        return next
    }

    private static let overLimit = "over the limit of configs"

    private func expireNodes(in term: Term) async throws {
        var next = clock.now() + options.expiryInterval
        while true {
            try await clock.sleep(until: next)
            let now = clock.now()
            next = now + options.expiryInterval
            // Past its term this replica does not listen, and that time does not count.
            guard term.isValid(at: now) else { continue }
            let (changes, unscheduled, nodes, expiry) = state.withLock { state in
                let changes = state.dispatcher.expire(now: now)
                let unscheduled = state.dispatcher.newlyUnscheduled()
                return (changes, unscheduled, state.dispatcher.store.nodeCount, state.dispatcher.nextExpiry(now: now))
            }
            if let expiry { next = min(next, expiry) }
            if !changes.isEmpty { logChanges(changes, nodes: nodes) }
            if let first = unscheduled.first {
                log.warning(
                    "configs have had no node for too long", ["configs": unscheduled.count, "first": first])
            }
        }
    }

    /// A term whose renewal is late is not valid for a while and may be again.
    private func waitUntilValid(_ term: Term) async throws {
        try Task.checkCancellation()
        while !term.isValid(at: clock.now()) { try await clock.sleep(until: clock.now() + options.expiryInterval) }
    }
}
