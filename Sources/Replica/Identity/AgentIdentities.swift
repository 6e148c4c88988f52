import Kubernetes
import Platform
import Synchronization

/// Finds out which agent a ServiceAccount's token is of: asks the API server, and remembers what it says.
///
/// - A good token is asked about again after two minutes. While the API server gives no answer, what it said last
///   counts for up to ten minutes, but never past the end of the token.
/// - A token that it refused stays refused for ten seconds.
/// - After three failures in a row it is left alone for five seconds.
/// - What is evident from the token itself, such as another audience, is not asked about. Of the rest, agents are asked
///   about in turn by their addresses, and each refusal costs a pause, so that whoever sends forged tokens delays
///   others by no more than that, and the API server is asked about at most 80 forged ones a second.
final class AgentIdentities: Sendable {
    /// What is found of a token.
    enum Finding: Hashable, Sendable {
        /// It is this agent's.
        case identity(AgentIdentity)
        /// It is no agent's: why.
        case refused(String)
        /// It cannot be known now: why.
        case unknown(String)
    }

    /// How long a token counts without being asked about again.
    static let fresh = Duration.seconds(120)
    /// How long it counts while the API server gives no answer.
    static let toleratedOutage = Duration.seconds(600)
    /// How long a refused token stays refused.
    static let refusedFor = Duration.seconds(10)
    /// How long the API server is left alone after it gave no answer.
    static let pauseAfterFailure = Duration.seconds(5)
    /// How long who asks waits after a refusal.
    private static let pauseAfterRefusal = Duration.milliseconds(100)
    /// How many failures in a row it takes: one may be due to the token.
    static let failuresInARow = 3
    /// How long an answer is waited for: an agent waits at most 5 s for its own.
    private static let patience = Duration.seconds(2)
    /// How many are asked about at the same time.
    private static let reviewers = 8
    /// How many tokens may wait to be asked about.
    static let maximumWaiting = 1024
    /// How many good and how many refused tokens are remembered: about 1 kB each.
    private static let maximumGood = 16_384
    private static let maximumRefused = 1024

    private struct Good {
        let identity: AgentIdentity
        let expiry: WallTime?
        let reviewed: Instant
    }

    private struct Refused {
        let reason: String
        let until: Instant
    }

    private typealias Completion = @Sendable (Finding) -> Void

    private struct State {
        var good: [ExactText: Good] = [:]
        var refused: [ExactText: Refused] = [:]
        /// Who waits for what is found of a token.
        var waiting: [ExactText: [Completion]] = [:]
        var queue = TurnQueue()
        var purged = Instant.distantPast
        /// How many reviews have failed since the last one that did not.
        var failures = 0
        /// Until when the API server is left alone, and what is found of tokens that are not known.
        var silence: (until: Instant, finding: Finding)?
        var isTold = false
        var isClosed = false
        var reviews = (accepted: 0, refused: 0, failed: 0)

        /// What need not be asked about now.
        func known(_ key: ExactText, _ now: Instant, _ wallTime: WallTime, isOutage: Bool = false) -> Finding? {
            if let good = good[key], good.expiry.map({ $0 > wallTime }) ?? true {
                let isSilent = silence.map { now < $0.until } ?? false
                let limit = isOutage || isSilent ? AgentIdentities.toleratedOutage : AgentIdentities.fresh
                if now - good.reviewed < limit { return .identity(good.identity) }
            }
            if let refused = refused[key], now < refused.until { return .refused(refused.reason) }
            return nil
        }

        /// Takes out everybody who waits for a token.
        mutating func takeWaiting(for key: ExactText) -> [Completion] { waiting.removeValue(forKey: key.text) ?? [] }

        /// Forgets what counts no more, at most once in ten seconds unless there is no room.
        mutating func purge(_ now: Instant, _ wallTime: WallTime) {
            let isFull = good.count >= AgentIdentities.maximumGood
            guard isFull || now - purged >= .seconds(10) else { return }
            purged = now
            good = good.filter { _, good in
                now - good.reviewed < AgentIdentities.toleratedOutage && good.expiry.map { $0 > wallTime } ?? true
            }
            refused = refused.filter { now < $0.value.until }
            guard good.count >= AgentIdentities.maximumGood else { return }
            let oldest = good.sorted { $0.value.reviewed < $1.value.reviewed }.prefix(AgentIdentities.maximumGood / 4)
            for (key, _) in oldest { good[key] = nil }
        }
    }

    private let reviewer: any TokenReviewing
    private let clock: any Clock
    private let log: Log
    private let state = Mutex(State())
    private let nudges = Watched<Void>(())

    /// - Parameter reviewer: asks the API server.
    init(reviewer: any TokenReviewing, clock: any Clock, log: Log) {
        self.reviewer = reviewer
        self.clock = clock
        self.log = log.named("identity")
    }

    /// Finds out whose token it is, and calls `completion` once: at once if that is known, else on another thread.
    ///
    /// - Parameter peer: the address that it came from.
    func identify(_ token: String, from peer: String, completion: @escaping @Sendable (Finding) -> Void) {
        let (key, now, wallTime) = (ExactText(token), clock.now(), clock.wallTime())
        let known = state.withLock { $0.known(key, now, wallTime) }
        if let known { return completion(known) }
        guard let claims = ServiceAccountToken(token) else { return completion(.refused("it is no token")) }
        if let problem = reviewer.evidentProblem(of: claims, now: wallTime) { return completion(.refused(problem)) }
        let (refusals, finding, isTaken) = state.withLock { state -> ([Completion], Finding, Bool) in
            guard !state.isClosed else { return ([completion], .unknown("this replica stops"), false) }
            if let silence = state.silence, now < silence.until { return ([completion], silence.finding, false) }
            let tooMany = Finding.unknown("too many tokens wait to be asked about")
            if state.waiting[key] != nil {
                state.waiting[key, default: []].append(completion)
                return ([], tooMany, false)
            }
            guard let out = state.queue.add(key, of: peer, limit: Self.maximumWaiting) else {
                return ([completion], tooMany, false)
            }
            state.waiting[key] = [completion]
            return (out.flatMap { state.takeWaiting(for: $0) }, tooMany, true)
        }
        for completion in refusals { completion(finding) }
        if isTaken { nudges.set(()) }
    }

    /// Asks about tokens until cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            for _ in 0..<Self.reviewers {
                group.addTask { await self.review() }
            }
        }
    }

    /// Answers everybody who waits; nobody waits after that.
    func close() {
        let waiting = state.withLock { state in
            state.isClosed = true
            defer { (state.waiting, state.queue) = ([:], TurnQueue()) }
            return state.waiting.sorted { $0.key < $1.key }.flatMap(\.value)
        }
        for completion in waiting { completion(.unknown("this replica stops")) }
    }

    /// Writes the metrics.
    func collect(into writer: inout MetricsWriter) {
        let (reviews, known) = state.withLock { ($0.reviews, $0.good.count) }
        writer.family(
            "cluster_agent_token_reviews_total", .counter,
            help: "What the API server said of agents' ServiceAccount tokens, by result.",
            [
                (["result": "accepted"], Double(reviews.accepted)), (["result": "refused"], Double(reviews.refused)),
                (["result": "failed"], Double(reviews.failed)),
            ])
        writer.gauge(
            "cluster_agent_known_agent_tokens", help: "Agents' ServiceAccount tokens that are remembered as good.",
            Double(known))
    }

    private func review() async {
        while !Task.isCancelled {
            let seen = nudges.current.version
            guard let key = state.withLock({ $0.queue.next() }) else {
                _ = try? await nudges.next(after: seen)
                continue
            }
            let start = clock.now()
            do throws(KubernetesError) {
                let verdict = try await reviewer.review(key.text, deadline: start + Self.patience)
                note(verdict, of: key, asked: start)
                guard case .refused = verdict else { continue }
                try? await clock.sleep(until: clock.now() + Self.pauseAfterRefusal)
            } catch {
                guard !Task.isCancelled else { return }
                note(error, about: key)
            }
        }
    }

    private func note(_ verdict: TokenVerdict, of key: ExactText, asked: Instant) {
        let now = clock.now()
        let (waiting, finding, isBack) = state.withLock { state -> ([Completion], Finding, Bool) in
            state.purge(now, clock.wallTime())
            let finding: Finding
            switch verdict {
            case .pod(let pod):
                let identity = AgentIdentity(pod)
                state.reviews.accepted += 1
                state.refused[key] = nil
                state.good[key] = Good(
                    identity: identity, expiry: ServiceAccountToken(key.text)?.expiry, reviewed: asked)
                finding = .identity(identity)
            case .refused(let reason):
                state.reviews.refused += 1
                state.good[key] = nil
                if state.refused.count < Self.maximumRefused {
                    state.refused[key] = Refused(reason: reason, until: now + Self.refusedFor)
                }
                finding = .refused(reason)
            }
            defer { (state.silence, state.failures, state.isTold) = (nil, 0, false) }
            return (state.takeWaiting(for: key), finding, state.isTold)
        }
        if isBack { log.info("ServiceAccount tokens are reviewed again") }
        for completion in waiting { completion(finding) }
    }

    private func note(_ error: KubernetesError, about key: ExactText) {
        let (now, wallTime) = (clock.now(), clock.wallTime())
        // Without the permission an agent that has the shared token, too, presents that one: it is refused, not asked
        // to wait. What the API server says is for the log: the caller may be anybody.
        let isForbidden = if case .status(let status) = error { status.code == 403 } else { false }
        let found: Finding =
            isForbidden ? .refused("this replica may not review tokens") : .unknown("the API server gives no answer")
        let (answers, isNew) = state.withLock { state -> ([(Completion, Finding)], Bool) in
            state.reviews.failed += 1
            state.failures += 1
            var (keys, isNew) = ([key], false)
            if isForbidden || state.failures >= Self.failuresInARow {
                state.silence = (now + Self.pauseAfterFailure, found)
                // Whoever waits would wait for as long as it is silent.
                keys = state.waiting.keys.sorted()
                state.queue = TurnQueue()
                (isNew, state.isTold) = (!state.isTold, true)
            }
            let answers = keys.flatMap { key in
                let finding = state.known(key, now, wallTime, isOutage: true) ?? found
                return state.takeWaiting(for: key).map { ($0, finding) }
            }
            return (answers, isNew)
        }
        if isNew {
            log.warning(
                "cannot review ServiceAccount tokens: known ones stay valid for a while, others must wait",
                ["reason": error, "counts_for": durationText(Self.toleratedOutage)])
        }
        for (completion, finding) in answers { completion(finding) }
    }
}
