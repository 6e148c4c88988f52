/// Collects notices: each thing once, not at every try.
struct ElectionNotices: Sendable {
    private var pending: [ElectionNotice] = []
    private var problem: KubernetesError?
    private var holder: String?
    private var cappedDuration: Int?
    private var strategy: String?

    /// The notices since the last call.
    mutating func drain() -> [ElectionNotice] {
        defer { pending = [] }
        return pending
    }

    mutating func acquired(_ term: Election.HeldLease) {
        pending.append(.acquired(term))
    }

    mutating func lost(_ term: Election.HeldLease, _ reason: ElectionNotice.Loss) {
        pending.append(.lost(term, reason))
    }

    mutating func released() {
        pending.append(.released)
    }

    mutating func missing(for wait: Duration) {
        pending.append(.missing(for: wait))
    }

    mutating func failed(_ error: KubernetesError, leading: Bool) {
        guard error != problem else { return }
        problem = error
        pending.append(.failing(error, leading: leading))
    }

    mutating func answered() {
        guard problem != nil else { return }
        problem = nil
        pending.append(.recovered)
    }

    mutating func observed(_ spec: LeaseSpec, limit: Duration) {
        if spec.holder != holder {
            holder = spec.holder
            pending.append(.holder(spec.holder))
        }
        if let seconds = spec.leaseDurationSeconds, .seconds(seconds) > limit, seconds != cappedDuration {
            cappedDuration = seconds
            pending.append(.durationCapped(seconds, limit: limit))
        }
        if let strategy = spec.strategy, !strategy.isEmpty, strategy != self.strategy {
            self.strategy = strategy
            pending.append(.strategyIgnored(strategy))
        }
    }
}
