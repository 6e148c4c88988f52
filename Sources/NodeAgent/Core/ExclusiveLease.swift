import Platform

/// For how long this agent may run its exclusive checks: those that must never run on two agents.
///
/// Each answer of a leader extends it, counted from when the request was sent: the leader does not give the checks to
/// another agent sooner. Once it has ended, only a list of configs renews it, because a status does not say whether the
/// checks still belong to this agent.
struct ExclusiveLease: Sendable {
    /// For how long after a request the answer counts.
    let limit: Duration
    /// When the newest request that a leader answered was sent.
    private(set) var answered = Instant.distantPast
    /// Whether it has ended, and no list has renewed it.
    private(set) var hasEnded = false

    /// When it ends.
    var end: Instant {
        hasEnded || answered == .distantPast ? .distantFuture : answered + limit
    }

    /// Extends it by the answer to a request.
    mutating func extend(sentAt: Instant) {
        answered = max(answered, sentAt)
    }

    /// Renews it by a list of configs, or by the word that the last one still holds, also if it has ended. A list that
    /// comes too late ends it.
    ///
    /// - Parameter sentAt: when the request was sent, if it is a heartbeat for the leader; nil for any other, which
    ///   extends nothing.
    mutating func renew(sentAt: Instant?, _ now: Instant) {
        if let sentAt { extend(sentAt: sentAt) }
        hasEnded = now >= answered + limit
    }

    /// Ends it if its time has come.
    ///
    /// - Returns: whether it ended just now.
    mutating func expire(_ now: Instant) -> Bool {
        guard now >= end else { return false }
        hasEnded = true
        return true
    }
}
