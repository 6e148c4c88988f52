import ClusterChecks
import HTTPServer
import Leadership
import Platform
import Synchronization

/// The leader's side of the mirrors: tells followers every change of the store, and lets nothing be told to an agent
/// that a follower named in the Lease does not know.
///
/// What may not be told yet is held: it is told when the followers have acknowledged it, or those that have not
/// within `patience` have been struck off by a write of the Lease. While that cannot be written, nothing is told: the
/// calls fail after `longestHold`, and agents keep running what they run.
final class MirrorServer: Sendable {
    /// A follower's call that waits for a change.
    private struct Parked: Sendable {
        let request: MirrorRequest
        let arrival: Instant
        let until: Instant
        let responder: Responder
        let api: API
    }

    /// What became of a call that was to be parked.
    private enum Parking {
        /// It waits; another one of the same follower no longer does.
        case parked(insteadOf: Parked?)
        /// It knows nothing of this term, or a version that was never told.
        case unknown
        /// There are too many followers.
        case full
    }

    /// Something to tell, which may not be told yet.
    private struct Hold: Sendable {
        let version: UInt64
        let since: Instant
        /// Tells it, or why that cannot be.
        let tell: @Sendable (APIError?) -> Void
    }

    /// A snapshot that a follower reads page by page.
    private struct Transfer: Sendable {
        let version: UInt64
        let changes: [StoreChange]
        let made: Instant
    }

    private struct State {
        /// The term that has begun and not ended.
        var term: Term?
        /// Whom the Lease may name after the term has ended, until another one begins: whoever knew everything at the
        /// end.
        var last: NamedMirrors?
        var log = MirrorLog(version: 0)
        var replicas = InSyncReplicas()
        var transfers: [ExactText: Transfer] = [:]
        var parked: [ExactText: Parked] = [:]
        /// The followers that were told that the Lease names them.
        var toldNamed: Set<ExactText> = []
        /// In the order in which they came.
        var holds: [Hold] = []
        var strikes: UInt64 = 0
        /// When the Lease was last to be written for a strike, which has not come about.
        var strikingSince: Instant?

        /// Forgets all but the count of strikes.
        mutating func restart() {
            let strikes = strikes
            self = State()
            self.strikes = strikes
        }

        /// Whom a write of the Lease that is made now should name; nil for nobody.
        mutating func nominate(_ now: Instant, _ silence: Duration) -> NamedMirrors? {
            let names = replicas.nominate(now: now, silence: silence)
            return names.isEmpty ? nil : term.map { NamedMirrors(term: $0.token, replicas: names) }
        }

        /// A mistake, for tests of the simulation: all followers.
        var laggards: NamedMirrors? { term.map { NamedMirrors(term: $0.token, replicas: replicas.all) } }

        /// Forgets the changes that no live follower needs any more.
        mutating func trim(_ now: Instant) {
            guard transfers.isEmpty else { return }
            log.forget(through: replicas.leastAcknowledged(heardSince: now - .seconds(30)) ?? log.version)
        }

        mutating func admits(_ version: UInt64, in term: Term) -> Bool {
            self.term != term || replicas.admit(version)
        }

        /// Takes out the holds that may be told now.
        mutating func takeAdmitted() -> [Hold] {
            guard !holds.isEmpty else { return [] }
            var admitted: [Hold] = []
            holds.removeAll { hold in
                guard replicas.admit(hold.version) else { return false }
                admitted.append(hold)
                return true
            }
            return admitted
        }
    }

    /// How long a follower may take to acknowledge what an agent waits for.
    private static let patience = Duration.milliseconds(100)
    /// How long a call may be held when the Lease cannot be written.
    private static let longestHold = Duration.seconds(5)
    /// The changes in one answer.
    private static let pageSize = 1_000
    private static let heldAtMost = 20_000
    /// How long a follower may take to read a snapshot.
    private static let longestTransfer = Duration.seconds(30)
    /// How long a term that is about to end waits for followers to be named.
    private static let lastCall = Duration.seconds(1)

    private let clock: any Clock
    private let longestWait: Duration
    private let bugs: DeliberateBugs
    private let state = Mutex(State())
    private let nudges = Watched<Void>(())

    /// A follower that has been silent for longer than this is gone.
    private var silence: Duration { longestWait + .seconds(2) }

    /// - Parameter longestWait: how long a follower's call may wait.
    init(clock: any Clock, longestWait: Duration, bugs: DeliberateBugs = DeliberateBugs()) {
        self.clock = clock
        self.longestWait = longestWait
        self.bugs = bugs
    }

    /// Ends waits that are over, and strikes off who lags, until cancelled.
    ///
    /// - Parameter renew: has the Lease written soon.
    func run(renew: @Sendable () -> Void) async {
        while !Task.isCancelled {
            let seen = nudges.current.version
            let next = look(at: clock.now(), renew)
            await nudges.change(after: seen, until: next, clock: clock)
        }
    }

    /// What happened to the store, in order. Called for one event after the other.
    func handle(_ event: StoreEvent) {
        let now = clock.now()
        switch event {
        case .termBegan(let term, _, let version):
            let former = state.withLock { state in
                defer {
                    state.restart()
                    state.term = term
                    state.log = MirrorLog(version: version)
                }
                return state
            }
            end(former)
        case .changed(let changes, _, let version):
            state.withLock { state in
                state.log.append(changes, version: version, now: now)
                state.trim(now)
            }
            answerParked(now)
        case .termEnded:
            let former = state.withLock { state in
                defer {
                    // A renewal that is written before the release must not forget them.
                    let last = state.nominate(now, silence)
                    state.restart()
                    state.last = last
                }
                return state
            }
            end(former)
        }
    }

    private func end(_ former: State) {
        for (_, parked) in former.parked.sorted(by: { $0.key < $1.key }) {
            parked.responder.respond(APIError.termEnded.response)
        }
        for hold in former.holds { hold.tell(.termEnded) }
    }

    /// The followers that mirror the store, and whether the Lease names them; sorted by name.
    var followers: [(name: String, isNamed: Bool)] {
        let (known, named) = state.withLock { ($0.replicas.known, $0.replicas.named) }
        return known.map { ($0.text, named.contains($0)) }
    }

    /// Writes how many replicas are in sync, and what waits for them.
    func collect(into writer: inout MetricsWriter) {
        let (isLeading, named, holds, strikes) = state.withLock {
            ($0.term != nil, $0.replicas.named.count, $0.holds.count, $0.strikes)
        }
        guard isLeading else { return }
        writer.family(
            "mirror_replicas_named", .gauge, help: "Followers that the Lease names: they may take over without a move.",
            [([:], Double(named))])
        writer.family(
            "mirror_holds", .gauge, help: "Calls that wait until followers have acknowledged what they ask for.",
            [([:], Double(holds))])
        writer.family(
            "mirror_strikes_total", .counter, help: "How often followers that lagged were struck off the Lease.",
            [([:], Double(strikes))])
    }
}

// What agents may be told.
extension MirrorServer {
    /// Whether an agent may be told now what has been so since a version of the store.
    func admits(_ version: UInt64, in term: Term) -> Bool {
        state.withLock { $0.admits(version, in: term) } || bugs.has(.tellUnacknowledged)
    }

    /// Waits until an agent may be told what has been so since a version of the store.
    ///
    /// An answer of another term is left to its gate: it is told only while that term lasts, and then nobody mirrors
    /// the store yet.
    ///
    /// - Parameter tell: called once, at once if possible, on any thread: to tell it, or with why that cannot be.
    func whenAdmitted(_ version: UInt64, in term: Term, _ tell: @escaping @Sendable (APIError?) -> Void) {
        let hold = Hold(version: version, since: clock.now(), tell: tell)
        let (isOver, error): (Bool, APIError?) = state.withLock { state in
            if bugs.has(.tellUnacknowledged) || state.admits(version, in: term) { return (true, nil) }
            guard state.holds.count < Self.heldAtMost else { return (true, .notMirrored) }
            state.holds.append(hold)
            return (false, nil)
        }
        if isOver { tell(error) } else { nudges.set(()) }
    }

    /// Does what is due.
    ///
    /// - Returns: when to look again.
    private func look(at now: Instant, _ renew: () -> Void) -> Instant {
        let (isStriking, resumed, failed) = state.withLock { state in
            var failed: [Hold] = []
            state.holds.removeAll { hold in
                guard now - hold.since >= Self.longestHold else { return false }
                failed.append(hold)
                return true
            }
            var isStriking = false
            let overdue = state.holds.lazy.filter { now - $0.since >= Self.patience }.map(\.version).max()
            if let overdue {
                let isNeeded = state.replicas.strikeOff(behind: overdue, now: now)
                let isTold = bugs.has(.tellBeforeStrike)
                if isTold { state.replicas.stored([]) }
                isStriking = isNeeded && !isTold && state.strikingSince.map { now - $0 >= .seconds(1) } ?? true
                if isStriking { (state.strikes, state.strikingSince) = (state.strikes + 1, now) }
            }
            state.transfers = state.transfers.filter { now - $0.value.made < Self.longestTransfer }
            return (isStriking, state.takeAdmitted(), failed)
        }
        if isStriking { renew() }
        answerParked(now)
        for hold in failed { hold.tell(.notMirrored) }
        for hold in resumed { hold.tell(nil) }
        return state.withLock { state in
            let holds = state.holds.map { hold in
                let strike = hold.since + Self.patience
                // One strike is enough: its write is under way.
                return now < strike ? strike : min(hold.since + Self.longestHold, now + Self.patience)
            }
            let transfers = state.transfers.values.map { $0.made + Self.longestTransfer }
            return (holds + transfers + state.parked.values.map(\.until)).min() ?? .distantFuture
        }
    }

    private func resumeAdmitted() {
        let resumed = state.withLock { $0.takeAdmitted() }
        for hold in resumed { hold.tell(nil) }
    }
}

// The Lease.
extension MirrorServer {
    /// Whom a write of the Lease in this term should name, which is made now; nil for nobody.
    func nominate(inTerm token: String) -> NamedMirrors? {
        let now = clock.now()
        return state.withLock { state in
            guard state.term != nil else { return state.last?.term == token ? state.last : nil }
            let named = bugs.has(.nameLaggards) ? state.laggards : state.nominate(now, silence)
            return named?.term == token ? named : nil
        }
    }

    /// Has the Lease name every follower that could take over, since the term is about to end: one that was struck off
    /// a moment ago would have to warm up. Waits a second at most, and not at all if all are named.
    ///
    /// - Parameter renew: has the Lease written soon.
    func nameBeforeEnd(renew: @Sendable () -> Void) async {
        let end = clock.now() + Self.lastCall
        while clock.now() < end {
            let now = clock.now()
            guard state.withLock({ $0.term != nil && $0.replicas.recall(now: now, silence: silence) }) else { return }
            renew()
            guard (try? await clock.sleep(until: now + Self.patience)) != nil else { return }
        }
    }

    /// The Lease was stored in our term, and names these.
    func stored(_ named: NamedMirrors?) {
        state.withLock { state in
            state.replicas.stored(bugs.has(.nameLaggards) ? [] : named?.replicas ?? [])
            state.strikingSince = nil
        }
        resumeAdmitted()
        answerParked(clock.now())
    }
}

// Followers.
extension MirrorServer {
    /// Answers a follower's call: at once, or when something changes.
    func handle(_ request: MirrorRequest, _ responder: Responder, _ api: API, _ now: Instant) {
        let token = state.withLock { $0.term?.token }
        guard let token, request.term == token else { return begin(request, responder, api, now) }
        switch request.known {
        case .nothing:
            begin(request, responder, api, now)
        case .pages(let page, let version):
            guard let transfer = state.withLock({ $0.transfers[ExactText(request.replica)] }),
                transfer.version == version, page <= (transfer.changes.count - 1) / Self.pageSize
            else { return begin(request, responder, api, now) }
            respond(with: page, of: transfer, responder, api, now)
        case .version(let version):
            park(request, upTo: version, responder, api, now)
        }
    }

    /// Tells the store from its beginning.
    private func begin(_ request: MirrorRequest, _ responder: Responder, _ api: API, _ now: Instant) {
        do throws(ClusterChecksError) {
            // What is told before the beginning of the term was heard of here does not count as told, and so must be in
            // the snapshot.
            let term = state.withLock { $0.term }
            let snapshot = try api.handler.storeSnapshot(now: now)
            guard term == snapshot.term else { return responder.respond(APIError.termEnded.response) }
            let transfer = Transfer(version: snapshot.value.version, changes: snapshot.value.changes, made: now)
            let replica = ExactText(request.replica)
            let error: APIError? = state.withLock { state in
                guard state.term == snapshot.term else { return .termEnded }
                let limit = InSyncReplicas.limit
                guard state.transfers[replica] != nil || state.transfers.count < limit else {
                    return .tooManyWait(limit: limit)
                }
                state.transfers[replica] = transfer
                // Whoever begins anew is told anew whether the Lease names it.
                state.toldNamed.remove(replica)
                return nil
            }
            if let error { return responder.respond(error.response) }
            nudges.set(())
            respond(with: 0, of: transfer, responder, api, now)
        } catch {
            responder.respond(APIError.clusterChecks(error).response)
        }
    }

    private func respond(
        with page: Int, of transfer: Transfer, _ responder: Responder, _ api: API, _ now: Instant
    ) {
        let start = page * Self.pageSize
        let end = min(start + Self.pageSize, transfer.changes.count)
        var answer = MirrorAnswer(
            version: transfer.version, nextPage: end < transfer.changes.count ? page + 1 : nil, isFirst: page == 0,
            held: .zero, isNamed: false, changes: Array(transfer.changes[start..<end]))
        // As of the snapshot: what happened since comes with the changes since.
        if page == 0 { answer.history = api.handler.knownHistory.entries(through: transfer.version) }
        let age = now - transfer.made
        let body = answer.encoded { max(.zero, $1 - age) }
        guard let term = state.withLock({ $0.term }) else { return responder.respond(APIError.termEnded.response) }
        responder.respond(api.inTerm(term, [body]))
    }

    private func park(
        _ request: MirrorRequest, upTo version: UInt64, _ responder: Responder, _ api: API, _ now: Instant
    ) {
        let replica = ExactText(request.replica)
        let parking = state.withLock { state -> Parking in
            // Events of the newest changes may not have come here yet, and a snapshot be newer.
            let newest = max(state.log.version, state.transfers[replica]?.version ?? 0)
            guard state.term?.token == request.term, version <= newest else { return .unknown }
            guard state.replicas.acknowledge(replica, version, now: now) else { return .full }
            state.transfers[replica] = nil
            state.trim(now)
            let parked = Parked(
                request: request, arrival: now, until: now + min(request.wait, longestWait), responder: responder,
                api: api)
            return .parked(insteadOf: state.parked.updateValue(parked, forKey: replica))
        }
        switch parking {
        case .unknown:
            begin(request, responder, api, now)
        case .full:
            responder.respond(APIError.tooManyWait(limit: InSyncReplicas.limit).response)
        case .parked(let former):
            former?.responder.respond(APIError.termEnded.response)
            resumeAdmitted()
            answer(replica, now)
            nudges.set(())
        }
    }

    private func answerParked(_ now: Instant) {
        for replica in state.withLock({ $0.parked.keys.sorted() }) { answer(replica, now) }
    }

    /// Answers a follower's call if something has changed for it, or its wait is over.
    private func answer(_ replica: ExactText, _ now: Instant) {
        let found = state.withLock { state -> (Parked, Term, [MirrorLog.Entry]?, UInt64, Bool)? in
            guard let parked = state.parked[replica], let term = state.term,
                case .version(let known) = parked.request.known
            else { return nil }
            let changes = state.log.changes(since: known, atMost: Self.pageSize)
            let isNamed = state.replicas.named.contains(replica)
            let isNews = isNamed != state.toldNamed.contains(replica)
            guard changes?.isEmpty != true || isNews || now >= parked.until else { return nil }
            state.parked[replica] = nil
            if isNamed { state.toldNamed.insert(replica) } else { state.toldNamed.remove(replica) }
            return (parked, term, changes.map(Array.init), known, isNamed)
        }
        guard let (parked, term, changes, known, isNamed) = found else { return }
        guard let changes else {
            // It lags too far behind, and begins anew.
            return parked.responder.respond(APIError.mirrorForgotten.response)
        }
        var answer = MirrorAnswer(
            version: known + UInt64(changes.count), held: max(.zero, now - parked.arrival) * 99 / 100, isNamed: isNamed,
            changes: changes.map(\.change))
        answer.history = parked.api.handler.knownHistory.entries(after: known, through: answer.version)
        let body = answer.encoded { max(.zero, $1 - (now - changes[$0].made)) }
        parked.responder.respond(parked.api.inTerm(term, [body]))
    }
}
