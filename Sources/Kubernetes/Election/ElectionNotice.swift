import Platform

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
    /// There is no Lease, and it is free only after this long.
    case missing(for: Duration)
    /// Requests fail, in a way that was not reported yet.
    case failing(KubernetesError, leading: Bool)
    /// Requests succeed again.
    case recovered
    /// The holder recorded a duration (seconds) that is beyond the limit, which is used instead.
    case durationCapped(Int, limit: Duration)
    /// The Lease has a strategy of coordinated election, which is ignored and overwritten.
    case strategyIgnored(String)
}

extension ElectionNotice {
    /// The term that began or ended, and how an Event says so (client-go's words); nil if none did.
    var change: (term: Election.HeldLease, what: String)? {
        switch self {
        case .acquired(let term): (term, "became leader")
        case .lost(let term, _): (term, "stopped leading")
        default: nil
        }
    }

    /// Writes it as one line.
    func write(to log: Log, lease: String, identity: String) {
        switch self {
        case .acquired(let term):
            log.info(
                "became leader",
                [
                    "lease": lease, "identity": identity, "resource_version": term.resourceVersion,
                    "continues_own": term.continued != nil,
                ])
        case .lost(_, let reason):
            reason.write(to: log, lease: lease)
        case .released:
            log.info("released the Lease", ["lease": lease])
        case .holder(let holder):
            log.info("the Lease's holder changed", ["lease": lease, "holder": holder])
        case .missing(let wait):
            log.info(
                "found no Lease; waiting as long as a holder of a deleted one could still lead",
                ["lease": lease, "wait_seconds": wait.seconds])
        case .failing(let error, leading: true):
            log.warning("cannot renew the Lease", ["lease": lease, "reason": error])
        case .failing(let error, leading: false):
            log.warning("cannot read or acquire the Lease", ["lease": lease, "reason": error])
        case .recovered:
            log.info("the Lease can be read and written again", ["lease": lease])
        case .durationCapped(let seconds, let limit):
            log.warning(
                "the recorded lease duration is not believed; a limit is used instead",
                ["lease": lease, "recorded_seconds": seconds, "limit_seconds": limit.seconds])
        case .strategyIgnored(let strategy):
            log.warning(
                "the Lease asks for coordinated election, which is not supported and is ignored",
                ["lease": lease, "strategy": strategy])
        }
    }
}

extension ElectionNotice.Loss {
    fileprivate func write(to log: Log, lease: String) {
        switch self {
        case .notRenewed:
            log.error("stopped leading: the Lease was not renewed in time", ["lease": lease])
        case .taken(let holder):
            log.error("stopped leading: the Lease changed hands", ["lease": lease, "holder": holder])
        case .deleted:
            log.error("stopped leading: the Lease was deleted", ["lease": lease])
        case .stopped:
            log.info("stopped leading", ["lease": lease])
        }
    }
}
