import Platform

/// The pace of long polls: whether the cluster-agent supports them, how fast it answers, and when to send the next one.
struct ChangeWait: Sendable {
    /// What to do after an answer.
    enum Verdict: Sendable, Equatable {
        /// Send the next long poll at this time.
        case ask(at: Instant)
        /// The cluster-agent does not support long polls: it sent the same configs twice in a row, each time at once.
        case unsupported
    }

    /// An answer that comes sooner has not waited.
    static let quick: Duration = .milliseconds(500)
    /// How many answers in a row may come sooner, as in a burst of edits, before the next long poll is delayed.
    private static let quickInARow = 3

    /// When the last long poll was sent. Its arrival counts as a heartbeat.
    private(set) var began = Instant.distantPast
    /// False once the cluster-agent has shown that it does not support long polls.
    private(set) var isSupported = true
    /// What was last reported: that the agent uses long polls, that it does not, or nothing yet.
    var isReported: Bool?

    private var quickAnswers = 0
    private var quickRepeats = 0
    private var random: SplitMix64

    /// - Parameter name: agents of different names wait differently long, so that they do not all come at the same
    ///   moment.
    init(name: String) {
        random = SplitMix64(seed: FNV1a(name).value)
    }

    /// Records that a long poll was sent.
    mutating func begin(_ now: Instant) {
        began = now
    }

    /// Records a good answer.
    ///
    /// - Parameter isRepeat: whether it carries the configs that the agent has already.
    mutating func end(_ now: Instant, isRepeat: Bool) -> Verdict {
        let isQuick = now - began < Self.quick
        quickAnswers = isQuick ? quickAnswers + 1 : 0
        quickRepeats = isQuick && isRepeat ? quickRepeats + 1 : 0
        if quickRepeats >= 2 {
            isSupported = false
            return .unsupported
        }
        return .ask(at: quickAnswers >= Self.quickInARow ? now + Self.quick : now)
    }

    /// Starts over: a new connection may lead to another version of the cluster-agent.
    mutating func reset() {
        isSupported = true
        quickAnswers = 0
        quickRepeats = 0
    }

    /// A share in [0, 1) that differs from agent to agent and from call to call.
    mutating func fraction() -> Double {
        random.fraction()
    }
}
