import Platform
import TestSupport

/// All writes of one Lease, as the proxies saw them, and what they say about who may have led when.
///
/// A write counts as sent when all of it had reached the proxy (its sender cannot have sent it later), and as committed
/// between the moment at which the proxy passed it on and the one at which it had read the answer. So the rules below
/// hold without any margin.
struct LeaseHistory {
    /// One leadership: the write that acquired the Lease, and the renewals.
    struct Term {
        let holder: String
        let duration: Duration
        /// The version of the acquiring write, which is the term's number.
        let version: Int
        /// It was not acquired before.
        let earliestStart: Instant
        /// It was acquired by then.
        let latestStart: Instant
        /// When the last write that was taken had been sent.
        var lastSent: Instant
        /// When that was passed on: it was not committed before.
        var lastForwarded: Instant
        /// When it was given back.
        var released: Instant?
    }

    /// The terms in the order of the API server's commits.
    let terms: [Term]
    private let renewDeadline: Duration

    /// The history that `writes` tell, which are all there are, in the API server's order.
    init(_ writes: [APIProxy.Request], renewDeadline: Duration) {
        self.renewDeadline = renewDeadline
        var terms: [Term] = []
        for write in writes {
            guard let lease = write.lease, let forwarded = write.forwarded, let answered = write.answered else {
                continue
            }
            if lease.holder.isEmpty {
                if !terms.isEmpty { terms[terms.count - 1].released = answered }
            } else if let last = terms.last, last.holder == lease.holder, last.released == nil {
                terms[terms.count - 1].lastSent = max(last.lastSent, write.received)
                terms[terms.count - 1].lastForwarded = forwarded
            } else {
                terms.append(
                    Term(
                        holder: lease.holder, duration: lease.duration, version: lease.version,
                        earliestStart: forwarded, latestStart: answered, lastSent: write.received,
                        lastForwarded: forwarded))
            }
        }
        self.terms = terms
    }

    /// What the writes, and the answers of the replicas, say against the rules; empty when they keep them.
    ///
    /// - Who takes the Lease from another, unless it was given back, waited for its whole duration since the last
    ///   renewal.
    /// - Nobody answers under a term before its Lease was acquired, nor a request that was sent after its time was
    ///   over: the renew deadline after its last renewal was sent, or its release, or the acquisition by another.
    func violations(_ answers: [LeaderProber.Answer]) -> [String] {
        var found: [String] = []
        for (before, after) in zip(terms, terms.dropFirst()) where before.released == nil {
            let waited = after.earliestStart - before.lastForwarded
            if waited < before.duration {
                found.append(
                    "\(after.holder) took the Lease \(waited.seconds) s after a renewal by \(before.holder)")
            }
        }
        for answer in answers where answer.status == 200 {
            // A holder that lost its term and renewed its Lease later began another term, with a version of its own.
            guard let index = terms.lastIndex(where: { $0.version <= answer.termNumber }) else {
                found.append("an answer under the term \(answer.termNumber), which no write began")
                continue
            }
            let term = terms[index]
            var end = min(term.lastSent + renewDeadline, term.released ?? .distantFuture)
            if index + 1 < terms.count { end = min(end, terms[index + 1].latestStart) }
            if answer.received < term.earliestStart {
                found.append("an answer under the term \(answer.termNumber) before \(term.holder) had the Lease")
            }
            if answer.sent > end {
                let late = (answer.sent - end).seconds
                found.append("an answer under the term \(answer.termNumber) to a request sent \(late) s after its end")
            }
        }
        return found
    }
}
