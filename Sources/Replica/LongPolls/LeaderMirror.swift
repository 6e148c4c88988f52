import Leadership
import Platform

/// What a follower knows of the revisions that nodes should have: what the leader said, in answer to one call after the other, of which there is one
/// under way while anybody waits. A value: what happens goes in, what to ask next comes out.
struct LeaderMirror: Sendable {
    /// What it knows of a node.
    enum Knowledge: Hashable, Sendable {
        /// The revision that it should have.
        case revision(Int64)
        /// The leader did not name it.
        case unknown
        /// Nothing yet: the answer to the call under way will say.
        case pending
        /// Nothing, and the leader did not answer a moment ago.
        case broken
    }

    /// What an answer was good for.
    enum Outcome: Hashable, Sendable {
        /// It is not that to the call under way.
        case ignored
        /// It adds to what is not known: no leader answers so. As a failure.
        case refused
        /// Look after those who wait for these nodes; nil for all.
        case applied(Set<String>?)
    }

    /// A call to the leader.
    struct Call: Hashable, Sendable {
        let number: UInt64
        let leader: LeaderEndpoint
        let request: FollowRequest
    }

    /// No more nodes than this are named as heard in one call; the rest in the next one.
    private static let heardAtOnce = 2_000
    /// Calls are not made more often for the sake of those whose time is over.
    private static let shortestWait = Duration.milliseconds(100)
    /// How much later than due somebody may be told, for the sake of a call that is under way.
    private static let slack = Duration.milliseconds(500)
    private static let longestBackoff = Duration.seconds(5)

    private var leader: LeaderEndpoint?
    private var term = ""
    private var version: UInt64 = 0
    private var revisions: [String: Int64] = [:]
    private var isWhole = false
    private var heard: Set<String> = []
    /// The nodes of those who came while no call was under way, so that what is known is from a while ago.
    private var pending: Set<String> = []
    private var underWay: UInt64?
    /// When the leader answers it at the latest.
    private var answeredBy = Instant.distantPast
    private var calls: UInt64 = 0
    private var failures = 0
    private var retryAt = Instant.distantPast

    init() {}

    /// What it knows of a node of which `leader` decides, for somebody who has just come.
    mutating func knowledge(of node: String, by leader: LeaderEndpoint, now: Instant) -> Knowledge {
        reset(to: leader)
        if failures > 0, underWay == nil, now < retryAt { return .broken }
        // Its heartbeat goes with the next call. That of somebody who is sent away would be old by then.
        heard.insert(node)
        guard isWhole, underWay != nil, pending.isEmpty else {
            pending.insert(node)
            return .pending
        }
        return revisions[node].map(Knowledge.revision) ?? .unknown
    }

    /// The revision that a node should have; nil if it is not known.
    func revision(of node: String) -> Int64? {
        revisions[node]
    }

    /// The call to make now; nil while one is under way, or nothing is to be asked or said. One that would be answered too late for somebody's
    /// due is replaced by another.
    ///
    /// - Parameters:
    ///   - isWaitedFor: whether anybody waits.
    ///   - due: when the first of those who wait is to be told that nothing has changed; the leader's answer has to be there by then.
    ///   - longest: how long a call may take at most.
    mutating func nextCall(
        to leader: LeaderEndpoint, isWaitedFor: Bool, due: Instant?, longest: Duration, now: Instant
    ) -> Call? {
        reset(to: leader)
        // Only by one that is answered earlier, and so never again and again while no answer comes.
        let isTooLate = max(now, due ?? .distantFuture) + Self.slack < answeredBy
        guard underWay == nil || isTooLate, isWaitedFor || !heard.isEmpty, now >= retryAt else { return nil }
        let named = heard.sorted().prefix(Self.heardAtOnce)
        heard.subtract(named)
        var wait = max(Self.shortestWait, min(longest, (due ?? .distantFuture) - now))
        if !heard.isEmpty || !pending.isEmpty || !isWaitedFor { wait = .zero }
        calls += 1
        underWay = calls
        answeredBy = now + wait
        return Call(
            number: calls, leader: leader,
            request: FollowRequest(since: version, term: term, wait: wait, heard: Array(named)))
    }

    /// Takes the answer to a call.
    mutating func apply(_ answer: FollowAnswer, term: String, to call: Call, now: Instant) -> Outcome {
        guard underWay == call.number else { return .ignored }
        // What is not whole adds to what was known in that term only.
        guard answer.isWhole || isWhole && term == self.term else {
            _ = fail(call, now: now)
            return .refused
        }
        underWay = nil
        failures = 0
        retryAt = .distantPast
        (self.term, version, isWhole) = (term, answer.version, true)
        if answer.isWhole { revisions = [:] }
        for (node, revision) in answer.revisions { revisions[node] = revision }
        defer { pending = [] }
        return .applied(answer.isWhole ? nil : pending.union(answer.revisions.keys))
    }

    /// A call failed. Returns whether it was the one under way, without which nothing happened.
    mutating func fail(_ call: Call, now: Instant) -> Bool {
        guard underWay == call.number else { return false }
        underWay = nil
        forget()
        heard = []
        failures += 1
        retryAt = now + min(Self.longestBackoff, .milliseconds(500) * (1 << min(failures - 1, 4)))
        return true
    }

    /// Nobody waits any more for what this leader says.
    mutating func reset(to leader: LeaderEndpoint?) {
        guard self.leader != leader else { return }
        self.leader = leader
        forget()
        heard = []
        underWay = nil
        answeredBy = .distantPast
        failures = 0
        retryAt = .distantPast
    }

    private mutating func forget() {
        isWhole = false
        version = 0
        term = ""
        revisions = [:]
        pending = []
    }
}
