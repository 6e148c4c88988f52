package import Platform

/// The leader as its Lease shows it.
package struct LeaderRecord: Hashable, Sendable {
    /// The holder's identity; never empty.
    package let identity: String
    /// The annotations that it published: those under `LeaderElectionOptions.annotationPrefix`.
    package let annotations: [String: String]

    /// A record.
    package init(identity: String, annotations: [String: String]) {
        self.identity = identity
        self.annotations = annotations
    }

    /// Host and port at which the leader serves, from `cluster-agent/address`.
    package var address: String? {
        annotations[LeaderElectionOptions.annotationPrefix + "address"]
    }

    /// The pin of the leader's public key, from `cluster-agent/public-key`.
    package var publicKeyPin: String? {
        annotations[LeaderElectionOptions.annotationPrefix + "public-key"]
    }
}

/// One leadership of this process.
package struct LeaderTerm: Sendable {
    /// The resourceVersion of the write that acquired the Lease: grows from term to term.
    package let resourceVersion: String
    /// The Lease's uid.
    package let leaseUID: String
    /// Until when this process may act: extended at each renewal to the time that was sent at plus the renew deadline;
    /// ended for good by a loss or a stop.
    package let validUntil: Deadline
    /// Whether this process led before and nobody else did since: it held the Lease all along, but could not renew it in
    /// time. What it knew as the leader is then still the newest.
    package let continuesOwn: Bool

    /// A term.
    package init(resourceVersion: String, leaseUID: String, validUntil: Deadline, continuesOwn: Bool) {
        self.resourceVersion = resourceVersion
        self.leaseUID = leaseUID
        self.validUntil = validUntil
        self.continuesOwn = continuesOwn
    }

    /// The fencing token: `<resourceVersion>.<uid>`.
    package var token: String {
        "\(resourceVersion).\(leaseUID)"
    }
}

/// What an elector knows.
package enum ElectionState: Sendable {
    /// The Lease was not read yet.
    case unknown
    /// Not leading. The leader, while its Lease is valid by our clock; nil when nobody is known to lead.
    case following(LeaderRecord?)
    /// Leading, until the term's `validUntil`: check it before each act, for this value may be late.
    case leading(LeaderTerm)
}
