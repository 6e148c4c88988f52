import Platform

/// How the Lease is given back: as an attempt is, one request after the other, until a step ends it.
///
/// It begins with a reading, for the last renewal may have been committed without our knowing; a conflict means the
/// same, or that somebody edited the Lease, and begins it again (client-go's issues 1289 and 1417 are about releases
/// that did neither).
extension Election {
    /// What follows from an answer during a release.
    package enum ReleaseStep: Sendable {
        /// Ask this.
        case ask(Request)
        /// Ask this after a pause: no answer came.
        case askLater(Request, KubernetesError)
        /// The Lease is nobody's now, or not ours, or gone.
        case over
        /// It is still ours, and will expire.
        case failed(KubernetesError)
    }

    /// Ends the term and our part in the race, and gives the first request of a release; nil if we never tried to get
    /// the Lease: then a stop during an outage of the API need not wait for it.
    package mutating func beginRelease() -> Request? {
        retire()
        return hasClaimed ? .get : nil
    }

    /// Handles the answer to `request`.
    package mutating func receivedDuringRelease(
        _ result: LeaseResult, to request: Request, _ moment: Moment
    ) -> ReleaseStep {
        switch (request, result) {
        case (.get, .lease(let lease)):
            guard lease.spec.holder == options.identity else {
                observe(lease, moment.now)
                return .over
            }
            return .ask(.update(vacated(lease, moment)))
        case (_, .lease(let stored)):
            observe(stored, moment.now)
            notices.released()
            return .over
        case (_, .notFound):
            return .over
        case (_, .conflict):
            return .ask(.get)
        case (_, .failed(.transport(let reason))):
            return .askLater(.get, .transport(reason))
        case (_, .failed(.status(let status))) where status.isTransient:
            return .askLater(.get, .status(status))
        case (_, .failed(let error)):
            return .failed(error)
        }
    }

    /// `lease` with no holder, and without what we published in it, except whose mirrors may be adopted.
    private func vacated(_ lease: Lease, _ moment: Moment) -> Lease {
        var vacated = lease
        let time = MicroTime.text(moment.wallTime)
        // The API demands a positive duration; nobody waits for it, since the holder is empty.
        vacated.spec = LeaseSpec(
            holderIdentity: "", leaseDurationSeconds: 1, acquireTime: time, renewTime: time,
            leaseTransitions: lease.spec.leaseTransitions)
        vacated.replaceAnnotations(
            prefix: LeaderElectionOptions.annotationPrefix, with: lease.namedMirrors?.annotations ?? [:])
        return vacated
    }
}
