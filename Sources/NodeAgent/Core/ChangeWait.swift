import Platform

/// How waiting for changes goes: whether the other side can do it, how fast it answers, and how long to wait next.
struct ChangeWait: Sendable {
    /// What there is to do after an answer.
    enum Verdict: Sendable, Equatable {
        /// Ask again at this moment.
        case ask(at: Instant)
        /// The other side does not know how to wait: it said the same twice in a row, each time at once.
        case unsupported
    }

    /// An answer that comes sooner did not wait.
    static let quick: Duration = .milliseconds(500)
    /// How many answers in a row may come sooner, as after a burst of edits, before the next call is put off.
    private static let quickInARow = 3

    /// When the newest call was sent. Its arrival is a heartbeat.
    private(set) var began = Instant.distantPast
    /// Whether it is worth trying.
    private(set) var isSupported = true
    /// What the operator was told last: that changes are waited for, that they are not, or nothing.
    var isReported: Bool?

    private var quickAnswers = 0
    private var quickRepeats = 0
    private var random: SplitMix64

    /// - Parameter name: agents of different names wait differently long, so that they do not all come at the same moment.
    init(name: String) {
        random = SplitMix64(seed: FNV1a(name).value)
    }

    /// Notes a call sent at `now`.
    mutating func begin(_ now: Instant) {
        began = now
    }

    /// Notes a good answer.
    ///
    /// - Parameters:
    ///   - isRepeat: whether it is a whole list and the one that the agent has.
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

    /// Connections are made anew, perhaps to another version.
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
