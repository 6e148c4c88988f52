import CheckModel
import Leadership
import Platform
import Synchronization

// A term, from its beginning to its end.
extension Handler {
    /// The pause before what operators want is read again, when it could not be.
    private static let intentPause: Duration = .seconds(2)
    /// How long the first placement waits for it.
    private static let intentPatience: Duration = .seconds(120)

    /// Follows leadership: while this replica leads, it warms up, dispatches configs, and expires silent nodes.
    ///
    /// It returns once its task is cancelled. By then the term has ended, and no answer of it may be written any more.
    /// Calls are still answered after that, as by a replica that does not lead.
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
        // Leaving this scope cancels both and waits for them, before the term ends.
        async let _ = readIntent(in: term)
        async let _ = dispatch(in: term)
        async let _ = expireNodes(in: term)
        var seen = try await leadership.next(after: version)
        while case .leading(let newest) = seen.value, newest == term {
            seen = try await leadership.next(after: seen.version)
        }
        return seen
    }

    private func begin(_ term: Term) {
        let keepsPlacements = term.continued.map { former in state.withLock { $0.lastTerm == former } } ?? false
        let last = state.withLock { state in
            state.dispatcher.store.isDispatching ? (store: state.dispatcher.store, ended: state.ended) : nil
        }
        let beginning =
            keepsPlacements
            ? Beginning.kept : succession.beginning(of: term, after: last, source, options, now: clock.now())
        let now = clock.now()
        let history = keepsPlacements ? nil : succession.history()
        let remaining = state.withLock { state -> (Duration, State?) in
            // Returned, so that it is freed outside the lock.
            let former = keepsPlacements ? nil : state
            if !keepsPlacements { state.history = state.history.continued(or: history) }
            if !keepsPlacements {
                state.dispatcher = Dispatcher(succeeding: state.dispatcher, hint: beginning.hint)
                state.reconciliation = Reconciliation()
                state.adoption = nil
            }
            (state.term, state.lastTerm) = (term, term.token)
            state.dispatcher.beginListening(at: now)
            add(
                .termBegan(
                    term, keepsPlacements: keepsPlacements, version: state.dispatcher.store.version))
            if case .adopted(let changes) = beginning {
                state.dispatcher.adopt(changes, now: now)
                state.adoption = now
                _ = drainChanges(&state)
            }
            let leader = HistoryEntry(
                .leader, node: options.replica, reason: "placements \(beginning.name)", time: clock.wallTime())
            state.history.append([leader], version: state.dispatcher.store.version)
            return (state.dispatcher.remainingWarmUp, former)
        }
        publish()
        log.info(
            "term began",
            ["term": term.token, "placements": beginning.name, "warmup_seconds": remaining.0.seconds])
    }

    private func end(_ term: Term) {
        // The term first: no answer that was prepared under the lock is written after this.
        term.validUntil.end()
        let now = clock.now()
        let (nodes, configs) = state.withLock { state in
            (state.term, state.ended) = (nil, now)
            add(.termEnded(term))
            return (state.dispatcher.store.nodeCount, state.dispatcher.store.totalCount)
        }
        publish()
        log.info("term ended", ["term": term.token, "nodes": nodes, "configs": configs])
    }

    /// Waits for the end of the warm-up and for the sources, then reconciles each change of the desired set.
    private func dispatch(in term: Term) async throws {
        try await warmUp(in: term)
        try await waitForIntent(in: term)
        if let adoption = state.withLock({ $0.adoption }) { try await settle(in: term, since: adoption) }
        var version = state.withLock { $0.reconciliation.version }
        while true {
            let desired = source.changes(since: version)
            // Nothing is concluded from an incomplete set, not even an addition: an agent that fetches half a set stops
            // the other half.
            if desired.synced {
                var batch = state.withLock { $0.reconciliation.batch(for: desired) }
                batch.collect()
                logProblems(of: batch)
                try await waitUntilValid(term)
                version = reconcile(batch)
            }
            if desired.synced, version == 0 { continue }
            try await source.waitForChange(after: desired.version)
        }
    }

    /// Takes over what this replica's sources say where it differs from what was adopted, as soon as each of them has
    /// been read anew. They may lag behind what the former leader had read.
    private func settle(in term: Term, since adoption: Instant) async throws {
        succession.readAnew(adoption)
        while true {
            let desired = source.changes(since: 0)
            try await waitUntilValid(term)
            let begun = options.bugs.has(.settleAtOnce) ? .distantPast : adoption
            let settlement = Settlement(desired.readings, since: begun, now: clock.now())
            if desired.synced {
                var batch = state.withLock { $0.reconciliation.batch(for: desired) }
                batch.collect()
                let (isSettled, applied) = state.withLock { state in
                    let isSettled = state.dispatcher.reconcile(batch.changes, settlement)
                    return (isSettled, drainChanges(&state))
                }
                publish(applied)
                if isSettled, settlement.isComplete { return state.withLock { $0.adoption = nil } }
            }
            try await source.waitForChange(after: desired.version, until: settlement.next, clock)
        }
    }

    /// Reads what operators want. It may be newer than what was mirrored: the leader before may have ended when it had
    /// kept it, and before it counted.
    private func readIntent(in term: Term) async throws {
        while true {
            try await waitUntilValid(term)
            let kept = await succession.intent()
            try Task.checkCancellation()
            switch kept {
            case .unreadable:
                try await clock.sleep(until: clock.now() + Self.intentPause)
                continue
            case .nothing: break
            case .nowhere: take(state.withLock { $0.dispatcher.hint?.intent }, in: term)
            case .kept(let intent): take(intent, in: term)
            }
            return intentRead.set(term.token)
        }
    }

    /// Before it is known what operators want, nothing is placed anew: a check that is paused would run. A mirror tells
    /// it, too.
    ///
    /// Not for ever: a check that nobody wants is better than none at all.
    private func waitForIntent(in term: Term) async throws {
        guard state.withLock({ $0.adoption == nil && !$0.dispatcher.store.isDispatching }) else { return }
        let end = clock.now() + Self.intentPatience
        var seen = intentRead.current
        while seen.value != term.token {
            try Task.checkCancellation()
            guard clock.now() < end else {
                return log.error(
                    "checks are placed without what operators want, which could not be read",
                    ["waited_seconds": Self.intentPatience.seconds])
            }
            await intentRead.change(after: seen.version, until: end, clock: clock)
            seen = intentRead.current
        }
    }

    private func take(_ intent: OperatorIntent?, in term: Term) {
        guard let intent else { return }
        let applied = state.withLock { state -> Applied? in
            guard state.term == term else { return nil }
            state.dispatcher.adopt(intent)
            return drainChanges(&state)
        }
        publish(applied)
    }

    private func warmUp(in term: Term) async throws {
        while true {
            try await waitUntilValid(term)
            let now = clock.now()
            let (remaining, targets) = state.withLock { state in
                if term.isValid(at: now) { state.dispatcher.listen(at: now) }
                return (state.dispatcher.remainingWarmUp, state.dispatcher.nodesToAsk())
            }
            guard remaining > .zero else { return }
            if !targets.isEmpty { askForRunning(targets, until: now + remaining) }
            // It may end early.
            try await clock.sleep(until: now + min(remaining, options.expiryInterval))
        }
    }

    /// Asks nodes that do not list what they run for their statistics, which name it.
    private func askForRunning(_ targets: [StatisticsTarget], until end: Instant) {
        succession.ask(targets, end) { [self] readings in
            state.withLock { $0.dispatcher.recordRunning(readings, of: targets) }
            log.debug(
                "nodes were asked which checks they run",
                ["nodes": targets.count, "answered": readings.count { $0.statistics != nil }])
        }
    }

    /// - Returns: the version from which to ask for changes next.
    private func reconcile(_ batch: Reconciliation.Batch) -> UInt64 {
        let limit = options.maximumConfigs
        let start = clock.now()
        defer { durations.reconciling.observe(clock.now() - start) }
        let (refused, version, applied) = state.withLock { state in
            let refused = state.dispatcher.reconcile(batch.changes)
            let hasRoom = state.dispatcher.store.totalCount < limit
            state.reconciliation.commit(batch, refused: refused, hasRoom: hasRoom)
            return (refused, state.reconciliation.version, drainChanges(&state))
        }
        if !refused.isEmpty {
            log.error("configs over the limit are not dispatched", ["limit": limit, "refused": refused.count])
        }
        publish(applied)
        return version
    }

    private func logProblems(of batch: Reconciliation.Batch) {
        for (key, problem) in batch.unsharded {
            log.warning("config cannot be sharded as requested", ["config": key, "reason": problem])
        }
        for (key, reason) in batch.invalid.sorted(by: { $0.key < $1.key }) {
            log.warning("config cannot be dispatched", ["config": key, "reason": reason])
        }
    }

    private func expireNodes(in term: Term) async throws {
        var next = clock.now() + options.expiryInterval
        while true {
            try await clock.sleep(until: next)
            let now = clock.now()
            next = now + options.expiryInterval
            // Once its term has expired this replica does not listen, and that time does not count.
            guard term.isValid(at: now) else { continue }
            let (overdue, expiry, applied) = state.withLock { state in
                let overdue = state.dispatcher.expire(now: now)
                return (overdue, state.dispatcher.nextExpiry(now: now), drainChanges(&state))
            }
            if let expiry { next = max(now + .milliseconds(1), min(next, expiry)) }
            publish(applied)
            if let keys = overdue?.keys, let first = keys.first {
                log.warning(
                    "configs have had no node for longer than the threshold", ["configs": keys.count, "first": first])
            }
        }
    }

    /// A term whose renewal is late is not valid for a while, and may become valid again.
    private func waitUntilValid(_ term: Term) async throws {
        try Task.checkCancellation()
        while !term.isValid(at: clock.now()) { try await clock.sleep(until: clock.now() + options.expiryInterval) }
    }
}
