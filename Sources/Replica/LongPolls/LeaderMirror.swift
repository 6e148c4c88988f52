import ClusterChecks
import Leadership
import Platform

/// What a follower knows of the revisions that nodes should run, from the leader's answers: while anybody waits here,
/// one call to the leader is in flight. A value: events go in, the next call comes out.
struct LeaderMirror: Sendable {
    /// What is known of a node.
    enum Knowledge: Hashable, Sendable {
        /// The revision that it should run.
        case revision(Int64)
        /// The leader did not name it.
        case unknown
        /// Nothing yet: the call in flight will tell.
        case pending
        /// Nothing: the last call failed a moment ago.
        case broken
    }

    /// What became of an answer.
    enum Outcome: Hashable, Sendable {
        /// It belongs to no call in flight.
        case ignored
        /// It adds to a version that is not known here, as no leader does. Counts as a failure.
        case refused
        /// It was applied: these nodes may have changed; nil for all.
        case applied(Set<ExactText>?)
    }

    /// A call to the leader.
    struct Call: Hashable, Sendable {
        let number: UInt64
        let leader: LeaderEndpoint
        let request: FollowRequest
    }

    /// The least time between two calls for the sake of what agents have started or stopped: others may wait to be told
    /// what they may start.
    private static let newsInterval = Duration.milliseconds(250)
    /// At most this many heartbeats go with one call; the rest go with the next.
    private static let heardAtOnce = 2_000
    /// The least time between two calls for the sake of waits that end.
    private static let shortestWait = Duration.milliseconds(100)
    /// How long past its end a wait may last while a call is in flight.
    private static let slack = Duration.milliseconds(500)
    private static let freshBackoff = Backoff(initial: .milliseconds(500), limit: .seconds(5))

    private var leader: LeaderEndpoint?
    private var term = ""
    private var version: UInt64 = 0
    private var revisions: [ExactText: Int64] = [:]
    private var isWhole = false
    /// The nodes whose heartbeats go with the next call, with what they run.
    private var heard: [ExactText: Int64] = [:]
    /// What nodes ran when that was last said.
    private var said: [ExactText: Int64] = [:]
    /// Whether a node runs something else than was said.
    private var hasNews = false
    private var newsSentAt = Instant.distantPast
    /// The nodes that began to wait while no call was in flight: what is known of them may be old.
    private var pending: Set<ExactText> = []
    private var inFlight: UInt64?
    /// When the leader answers the call in flight at the latest.
    private var answeredBy = Instant.distantPast
    private var calls: UInt64 = 0
    private var backoff = Self.freshBackoff
    private var retryAt = Instant.distantPast

    init() {}

    /// What is known of the node of a call that has just come, if `leader` leads.
    ///
    /// - Parameter running: the revision that its agent runs.
    mutating func knowledge(
        of node: String, running: Int64, by leader: LeaderEndpoint, now: Instant
    ) -> Knowledge {
        reset(to: leader)
        if inFlight == nil, now < retryAt { return .broken }
        // Its heartbeat goes with the next call. A refused call's would be old by then.
        heard[ExactText(node)] = running
        if said.updateValue(running, forKey: ExactText(node)) != running { hasNews = true }
        guard isWhole, inFlight != nil, pending.isEmpty else {
            pending.insert(node)
            return .pending
        }
        return revisions[node].map(Knowledge.revision) ?? .unknown
    }

    /// The revision that a node should run; nil if that is not known.
    func revision(of node: String) -> Int64? {
        revisions[node]
    }

    /// The call to make now; nil while one is in flight or there is no reason for one. A call in flight that would be
    /// answered too late for a wait that ends is superseded.
    ///
    /// - Parameters:
    ///   - isWaitedFor: whether anybody waits.
    ///   - due: when the first wait ends, by which time the leader's answer is needed.
    ///   - longest: how long the leader may hold a call.
    mutating func nextCall(
        to leader: LeaderEndpoint, isWaitedFor: Bool, due: Instant?, longest: Duration, now: Instant
    ) -> Call? {
        reset(to: leader)
        // Superseded only by a call that is answered earlier, so never in a loop while no answer comes.
        let isTooLate = max(now, due ?? .distantFuture) + Self.slack < answeredBy
        let isNews = hasNews && now >= newsSentAt + Self.newsInterval
        guard inFlight == nil || isTooLate || isNews, isWaitedFor || !heard.isEmpty, now >= retryAt else { return nil }
        let named = heard.sorted { $0.key < $1.key }.prefix(Self.heardAtOnce)
        for (node, _) in named { heard[node] = nil }
        (hasNews, newsSentAt) = (hasNews && !heard.isEmpty, now)
        var wait = max(Self.shortestWait, min(longest, (due ?? .distantFuture) - now))
        if !heard.isEmpty || !pending.isEmpty || !isWaitedFor { wait = .zero }
        calls += 1
        inFlight = calls
        answeredBy = now + wait
        return Call(
            number: calls, leader: leader,
            request: FollowRequest(
                since: version, term: term, wait: wait,
                heard: named.map { NodeHeartbeat(id: $0.key.text, revision: $0.value) }))
    }

    /// Applies the answer to a call.
    mutating func apply(_ answer: FollowAnswer, term: String, to call: Call, now: Instant) -> Outcome {
        guard inFlight == call.number else { return .ignored }
        // A partial answer adds only to what was known in the same term.
        guard answer.isWhole || isWhole && term == self.term else {
            _ = fail(call, now: now)
            return .refused
        }
        inFlight = nil
        (backoff, retryAt) = (Self.freshBackoff, .distantPast)
        (self.term, version, isWhole) = (term, answer.version, true)
        if answer.isWhole { revisions = [:] }
        for (node, revision) in answer.revisions { revisions[node] = revision }
        defer { pending = [] }
        return .applied(answer.isWhole ? nil : pending.union(answer.revisions.keys))
    }

    /// Notes that a call failed.
    ///
    /// - Returns: whether it was the one in flight; otherwise nothing changed.
    mutating func fail(_ call: Call, now: Instant) -> Bool {
        guard inFlight == call.number else { return false }
        inFlight = nil
        forget()
        retryAt = now + backoff.pause(now: now)
        return true
    }

    /// Starts over with another leader, or none.
    mutating func reset(to leader: LeaderEndpoint?) {
        guard self.leader != leader else { return }
        self.leader = leader
        forget()
        inFlight = nil
        answeredBy = .distantPast
        (backoff, retryAt) = (Self.freshBackoff, .distantPast)
    }

    private mutating func forget() {
        isWhole = false
        version = 0
        term = ""
        revisions = [:]
        pending = []
        (heard, said, hasNews) = ([:], [:], false)
    }
}
