/// What happened in an election and is worth a log line.
package enum ElectionNotice: Hashable, Sendable {
    /// Why a term ended.
    package enum Loss: Hashable, Sendable {
        /// No renewal succeeded within the renew deadline, or this process was not running.
        case notRenewed
        /// Somebody else holds the Lease, or nobody (empty).
        case taken(by: String)
        /// The Lease is gone.
        case deleted
        /// We stopped it ourselves.
        case stopped
    }

    /// A term of ours began.
    case acquired(Election.HeldLease)
    /// A term of ours ended.
    case lost(Election.HeldLease, Loss)
    /// The Lease was given back.
    case released
    /// Another holder was seen, or none (empty).
    case holder(String)
    /// Requests fail, in a way that was not reported yet.
    case failing(KubernetesError, leading: Bool)
    /// Requests succeed again.
    case recovered
    /// The holder recorded a duration (seconds) that is beyond the limit, which is used instead.
    case durationCapped(Int, limit: Duration)
    /// The Lease has a strategy of coordinated election, which is ignored and overwritten.
    case strategyIgnored(String)
}

/// Collects notices, each thing once and not at every try.
struct ElectionDiary: Sendable {
    private var notices: [ElectionNotice] = []
    private var problem: KubernetesError?
    private var holder: String?
    private var cappedDuration: Int?
    private var strategy: String?

    mutating func take() -> [ElectionNotice] {
        defer { notices = [] }
        return notices
    }

    mutating func acquired(_ term: Election.HeldLease) {
        notices.append(.acquired(term))
    }

    mutating func lost(_ term: Election.HeldLease, _ reason: ElectionNotice.Loss) {
        notices.append(.lost(term, reason))
    }

    mutating func released() {
        notices.append(.released)
    }

    mutating func failed(_ error: KubernetesError, leading: Bool) {
        guard error != problem else { return }
        problem = error
        notices.append(.failing(error, leading: leading))
    }

    mutating func answered() {
        guard problem != nil else { return }
        problem = nil
        notices.append(.recovered)
    }

    mutating func observed(_ spec: LeaseSpec, limit: Duration) {
        if spec.holder != holder {
            holder = spec.holder
            notices.append(.holder(spec.holder))
        }
        if let seconds = spec.leaseDurationSeconds, .seconds(seconds) > limit, seconds != cappedDuration {
            cappedDuration = seconds
            notices.append(.durationCapped(seconds, limit: limit))
        }
        if let strategy = spec.strategy, !strategy.isEmpty, strategy != self.strategy {
            self.strategy = strategy
            notices.append(.strategyIgnored(strategy))
        }
    }
}
