package import Leadership
package import Platform

/// The timing and the identity of a leader election.
package struct LeaderElectionOptions: Sendable {
    /// client-go's jitter: a candidate pauses for the retry period times 1 to 2.2.
    package static let jitterFactor = 1.2
    /// Every annotation under this prefix belongs to the holder of the Lease: written by it, and removed by the next.
    package static let annotationPrefix = "cluster-agent/"
    /// The annotation with the host and port at which the holder serves.
    package static let addressAnnotation = annotationPrefix + "address"
    /// The annotation with the pin of the holder's public key.
    package static let publicKeyAnnotation = annotationPrefix + "public-key"
    /// The annotation with the token of the term whose mirrors are named. Unlike the others, it and the next one
    /// outlast a release.
    package static let termAnnotation = annotationPrefix + "term"
    /// The annotation with the identities of the replicas whose mirror of that term is complete, joined by commas.
    package static let mirroredByAnnotation = annotationPrefix + "mirrored-by"
    /// How much longer a candidate that the Lease does not name waits for it, while it names others: those should get
    /// it first, for they can go on where the term ended.
    package static let headStart = Duration.seconds(1)

    /// Who we are: unique for each incarnation of a process, such as `<pod name>_<uuid>`.
    package var identity: String
    /// How long others wait after the last change that they observed. Written in whole seconds, rounded up.
    package var leaseDuration: Duration
    /// How long after it *sent* its last successful renewal a leader may act.
    package var renewDeadline: Duration
    /// The pause between two attempts.
    package var retryPeriod: Duration
    /// Labels that each of our writes sets on the Lease; other labels are kept.
    package var labels: [ExactText: ExactText]
    /// What the leader publishes in the Lease, read before each write. Keys begin with `annotationPrefix`.
    package var annotations: @Sendable () -> [ExactText: ExactText]
    /// Whom to name as mirrors of the term that we hold, given its token; nil for nobody. Asked right before each write
    /// that renews the term; mirrors of another term are not written.
    package var mirrors: @Sendable (_ term: String) -> NamedMirrors?
    /// Told whom the stored Lease names, after each write of ours that was stored and by which we hold a term.
    package var published: @Sendable (NamedMirrors?) -> Void

    /// Options, by default with the timing that all core components of Kubernetes use: 15, 10 and 2 seconds.
    package init(
        identity: String, leaseDuration: Duration = .seconds(15), renewDeadline: Duration = .seconds(10),
        retryPeriod: Duration = .seconds(2), labels: [ExactText: ExactText] = [:],
        annotations: @escaping @Sendable () -> [ExactText: ExactText] = { [:] },
        mirrors: @escaping @Sendable (_ term: String) -> NamedMirrors? = { _ in nil },
        published: @escaping @Sendable (NamedMirrors?) -> Void = { _ in }
    ) {
        self.identity = identity
        self.leaseDuration = leaseDuration
        self.renewDeadline = renewDeadline
        self.retryPeriod = retryPeriod
        self.labels = labels
        self.annotations = annotations
        self.mirrors = mirrors
        self.published = published
    }

    /// The timeout of one request: half the renew deadline, so that one that hangs does not lose the Lease, but at
    /// least a second (client-go's choice).
    package var requestTimeout: Duration {
        max(.seconds(1), renewDeadline / 2)
    }

    /// The longest time between the starts of two attempts: three requests and the longest pause.
    var longestAttempt: Duration {
        requestTimeout * 3 + retryPeriod * (1 + Self.jitterFactor)
    }

    /// The lease duration as it is recorded in the Lease (seconds): rounded up, so that others never wait shorter than
    /// we think.
    var recordedDuration: Int {
        let (seconds, attoseconds) = leaseDuration.components
        return Int(clamping: attoseconds > 0 ? seconds + 1 : seconds)
    }

    /// Checks what client-go checks, in its order and with its texts.
    ///
    /// - Throws: `KubernetesError.configuration`.
    package func validate() throws(KubernetesError) {
        if leaseDuration <= renewDeadline {
            throw .configuration("leaseDuration must be greater than renewDeadline")
        }
        if renewDeadline <= retryPeriod * Self.jitterFactor {
            throw .configuration("renewDeadline must be greater than retryPeriod*JitterFactor")
        }
        if leaseDuration < .nanoseconds(1) { throw .configuration("leaseDuration must be greater than zero") }
        if renewDeadline < .nanoseconds(1) { throw .configuration("renewDeadline must be greater than zero") }
        if retryPeriod < .nanoseconds(1) { throw .configuration("retryPeriod must be greater than zero") }
        if identity.isEmpty { throw .configuration("Lock identity is empty") }
    }
}

extension LeaderEndpoint {
    /// The endpoint that a holder published in the Lease's annotations; nil without an address.
    init?(annotations: [ExactText: ExactText]) {
        guard let address = annotations[LeaderElectionOptions.addressAnnotation] else { return nil }
        self.init(address: address.text, publicKeyPin: annotations[LeaderElectionOptions.publicKeyAnnotation]?.text)
    }
}
