import CheckModel
package import Platform

/// What an agent knows of one instance that it runs, by its own clock.
package struct InstanceResult: Sendable, Equatable {
    /// The check ID.
    @ExactText package private(set) var id: String
    /// Whether the last run succeeded.
    package let isUp: Bool
    /// The kind of failure; empty while it is up.
    @ExactText private(set) var kind: String
    /// Why it failed, without secrets; empty while it is up.
    @ExactText private(set) var reason: String
    /// Since when it has been up, or down.
    let since: Instant
    /// When it last succeeded; nil if it never has.
    let lastSuccess: Instant?
    /// How long the last run took.
    let duration: Duration
    /// When it runs next; nil if that is not known.
    let nextRun: Instant?

    /// A result.
    package init(
        id: String, isUp: Bool, kind: String = "", reason: String = "", since: Instant, lastSuccess: Instant? = nil,
        duration: Duration = .zero, nextRun: Instant? = nil
    ) {
        self.isUp = isUp
        self.since = since
        self.lastSuccess = lastSuccess
        self.duration = duration
        self.nextRun = nextRun
        self.id = id
        self.kind = kind
        self.reason = reason
    }

    /// The same, as it is said at `now`.
    func said(at now: Instant) -> CheckResult {
        CheckResult(
            id: id, isUp: isUp, kind: kind, reason: reason, lasted: now - since,
            lastSuccess: lastSuccess.map { now - $0 },
            duration: duration, nextRun: nextRun.map { max(.zero, $0 - now) })
    }
}
