package import Leadership
package import Platform

/// A leader election as a pure state machine: client-go's algorithm (tools/leaderelection), and stricter.
///
/// One attempt runs at a time. `begin` returns its first request; `received` handles each answer and returns the next
/// request, or nil when the attempt is over; `wake` says when the next attempt is due. A request counts as sent when
/// the machine returns it, so a term never appears longer than it is.
///
/// Stricter than client-go: a term ends `renewDeadline` after its last successful renewal was *sent*, or as soon as
/// another holder is observed; a write whose answer arrives after that begins a new term instead of reviving the old
/// one; a Lease that is missing is free only after a lease duration, when a holder of it would have expired.
///
/// Beyond client-go: the Lease names the mirrors of the holder's term (`NamedMirrors`). Only renewals name any, so that
/// what a version of the Lease names is complete for the term up to that version. Who acquires the Lease and was named
/// in the version that its write replaced may adopt its mirror; candidates that are not named give those a head start.
package struct Election: Sendable {
    /// The request that the shell must send to the API server now.
    package enum Request: Hashable, Sendable {
        /// Read the Lease.
        case get
        /// Create it.
        case create(Lease)
        /// Replace it.
        case update(Lease)
    }

    /// The inputs of each event.
    package struct Moment: Sendable {
        /// Monotonic time.
        package let now: Instant
        /// Wall time, to be written into the Lease.
        package let wallTime: WallTime
        /// A random number in `[0, 1)`, for the jitter.
        package let fraction: Double
        /// What to publish in the Lease.
        package let annotations: [ExactText: ExactText]
        /// Whom to name in the Lease, as asked for the term held at `now`; without effect if it is no longer held.
        package let mirrors: NamedMirrors?
        /// `Election.hastenings` before that was asked.
        package let hastenings: UInt64

        /// A moment.
        package init(
            now: Instant, wallTime: WallTime, fraction: Double, annotations: [ExactText: ExactText],
            mirrors: NamedMirrors?, hastenings: UInt64
        ) {
            self.now = now
            self.wallTime = wallTime
            self.fraction = fraction
            self.annotations = annotations
            self.mirrors = mirrors
            self.hastenings = hastenings
        }
    }

    /// The Lease while we hold it, from which a term is made.
    package struct HeldLease: Hashable, Sendable {
        /// The resourceVersion of the write that acquired the Lease.
        @ExactText package private(set) var resourceVersion: String
        /// The Lease's uid.
        @ExactText package private(set) var leaseUID: String
        /// The token of our term before, if there was no other holder since.
        package let continued: ExactText?
        /// The Lease's count of transitions, which does not change while we hold it.
        package let transitions: Int
        /// The token of the term whose mirror we may adopt (`Term.adoptable`).
        package let adoptable: ExactText?
        /// The send time of the last successful write plus the renew deadline.
        package internal(set) var validUntil: Instant

        /// The fencing token of the term: `<resourceVersion>.<uid>`.
        package var token: String { "\(resourceVersion).\(leaseUID)" }
    }

    private enum Step {
        /// The fast path: an update of the last known Lease, without reading it first, with what we may adopt by it.
        case renewing(adoptable: ExactText?)
        case reading
        /// A create, or an update of the Lease just read, with whether we already held it and what we may adopt by it.
        case writing(wasOurs: Bool, adoptable: ExactText?)
    }

    private struct Attempt {
        let start: Instant
        var step: Step
        var sent: Instant
    }

    let options: LeaderElectionOptions
    private let namespace: String
    private let name: String

    /// The Lease as we last read or stored it; nil once it was found missing.
    private var lease: Lease?
    /// The last observed record, and when it was first observed.
    private var observed: LeaseSpec?
    private var observedTime = Instant.distantPast
    /// These may be newer than `observedTime`, which is about the record alone.
    private var observedAnnotations: [ExactText: ExactText] = [:]
    private var observedMirrors: NamedMirrors?
    /// Whether the Lease has been read, or found missing, at least once.
    package private(set) var isKnown = false
    /// When the Lease was first found missing, while it still is.
    private var missingSince: Instant?

    /// The Lease while we hold it and may act as the leader.
    package private(set) var held: HeldLease?
    private var lastHeld: HeldLease?
    /// Set by `retire` and never reset: from then on this process only observes.
    package private(set) var isRetired = false

    /// Whether a write that makes us the holder was ever requested.
    private(set) var hasClaimed = false

    private var attempt: Attempt?
    private var lastStart = Instant.distantPast
    private var nextAttempt = Instant.distantPast
    private var isHinted = false
    /// How often a renewal of the held term was asked for at once.
    package private(set) var hastenings: UInt64 = 0

    /// How often a leader had to read the Lease because the fast path failed.
    package private(set) var slowRenewals: UInt64 = 0
    var notices = ElectionNotices()
    private var published: [NamedMirrors?] = []

    /// A machine that has observed nothing. The options must be valid.
    package init(options: LeaderElectionOptions, namespace: String, name: String) {
        self.options = options
        self.namespace = namespace
        self.name = name
    }

    // MARK: State

    /// When to call `begin` next: at the time of the next try, and exactly at the end of our term, of the leader's
    /// Lease, of the head start of others, or of the wait for a holder whose Lease is missing.
    package var wake: Instant {
        if isHinted { return .distantPast }
        if let held { return min(nextAttempt, held.validUntil) }
        if let free = missingUntil ?? freeFrom, free > lastStart { return min(nextAttempt, free) }
        return nextAttempt
    }

    /// The deadline of a request sent at `now`, which never outlives the term.
    package func deadline(now: Instant) -> Instant {
        min(now + options.requestTimeout, held?.validUntil ?? .distantFuture)
    }

    /// Whether we may act as the leader at `now`.
    package func leads(at now: Instant) -> Bool {
        held.map { now < $0.validUntil } ?? false
    }

    /// The identity of another replica that holds the Lease at `now`; nil if none is known.
    package func foreignHolder(at now: Instant) -> String? {
        guard !leads(at: now), let observed, let expiry = foreignExpiry, now < expiry else { return nil }
        return observed.holder
    }

    /// The endpoint of another replica that holds the Lease at `now`; nil if none is known or it published no address.
    package func leader(at now: Instant) -> LeaderEndpoint? {
        foreignHolder(at: now) == nil ? nil : LeaderEndpoint(annotations: observedAnnotations)
    }

    /// The last observed record of the Lease; nil before the first observation.
    package var observedRecord: LeaseSpec? {
        observed
    }

    /// What happened since the last call and should be logged.
    package mutating func drainNotices() -> [ElectionNotice] {
        notices.drain()
    }

    /// Whom the Lease names by each write since the last call that was stored and by which we hold a term.
    package mutating func drainPublished() -> [NamedMirrors?] {
        defer { published = [] }
        return published
    }

    // MARK: An attempt

    /// Starts an attempt and returns its first request.
    package mutating func begin(_ moment: Moment) -> Request {
        expire(moment.now)
        // Whoever asked for a renewal after we asked whom to name means the next one.
        isHinted = hastenings != moment.hastenings
        lastStart = moment.now
        if !isRetired, let lease, let observed, observed.holder == options.identity, moment.now < expiry(of: observed) {
            let step = Step.renewing(adoptable: lease.adoptable(by: options.identity))
            attempt = Attempt(start: moment.now, step: step, sent: moment.now)
            return .update(claim(lease, from: observed, isOurs: true, moment))
        }
        return read(start: moment.now, moment.now)
    }

    /// Handles the answer to the last request and returns the next request; nil when the attempt is over.
    package mutating func received(_ result: LeaseResult, _ moment: Moment) -> Request? {
        expire(moment.now)
        guard let attempt else { return nil }
        if case .failed(let error) = result { notices.failed(error, leading: held != nil) }
        switch (attempt.step, result) {
        case (.renewing(let adoptable), .lease(let lease)):
            return stored(lease, wasOurs: true, adoptable: adoptable, attempt, moment)
        case (.writing(let wasOurs, let adoptable), .lease(let lease)):
            return stored(lease, wasOurs: wasOurs, adoptable: adoptable, attempt, moment)
        case (.renewing, _):
            slowRenewals += 1
            return read(start: attempt.start, moment.now)
        case (.reading, .lease(let lease)):
            return found(lease, moment)
        case (.reading, .notFound):
            return missing(moment)
        case (.reading, _), (.writing, _):
            return finish(moment)
        }
    }

    /// Ends the term if it has expired. Call it first after every wait.
    package mutating func expire(_ now: Instant) {
        if let held, now >= held.validUntil { lose(.notRenewed) }
    }

    // MARK: Hints and the end

    /// Handles an event of the watch. It only brings an attempt forward, or tells a follower earlier what it would read
    /// anyway.
    package mutating func watched(_ event: LeaseEvent, now: Instant) {
        guard case .changed(let lease) = event else {
            isHinted = isHinted || held != nil
            return
        }
        let isOurs = lease.spec.holder == options.identity
        if held != nil {
            // The event may be older than our last write: the attempt will find out.
            isHinted = isHinted || !isOurs
        } else if !isOurs {
            observe(lease, now)
            isHinted = isHinted || (lease.spec.holder.isEmpty && !isRetired && !isYielding)
        }
    }

    /// Brings the next attempt forward, also while one is under way, if we hold the Lease at `now`.
    package mutating func hasten(_ now: Instant) {
        guard leads(at: now) else { return }
        hastenings += 1
        isHinted = true
    }

    /// Ends the term, and never acquires the Lease again.
    package mutating func retire() {
        isRetired = true
        lose(.stopped)
    }
}

extension Election {
    private mutating func read(start: Instant, _ now: Instant) -> Request {
        attempt = Attempt(start: start, step: .reading, sent: now)
        return .get
    }

    private mutating func found(_ lease: Lease, _ moment: Moment) -> Request? {
        self.lease = lease
        observe(lease, moment.now)
        let spec = lease.spec
        let isOurs = spec.holder == options.identity
        if let held, !isOurs || lease.uid != held.leaseUID || spec.leaseTransitions ?? 0 != held.transitions {
            lose(.taken(by: spec.holder))
        }
        let isFree = freeFrom.map { moment.now >= $0 } ?? true
        guard isFree, !isRetired else { return finishWaiting(moment) }
        return write(
            .update(claim(lease, from: spec, isOurs: isOurs, moment)), wasOurs: isOurs,
            adoptable: lease.adoptable(by: options.identity), moment.now)
    }

    private mutating func missing(_ moment: Moment) -> Request? {
        isKnown = true
        lease = nil
        if held != nil {
            lose(.deleted)
        } else {
            // A holder, which we may never have seen, may not know of the deletion yet: wait until it has found out or
            // its term has expired. A new installation cannot be told from a deletion, and waits too.
            if missingSince == nil { notices.missing(for: options.leaseDuration) }
            missingSince = missingSince ?? moment.now
            if let missingUntil, moment.now < missingUntil { return finishWaiting(moment) }
        }
        guard !isRetired else { return finishWaiting(moment) }
        let isOurs = observed?.holder == options.identity
        let new = Lease(namespace: namespace, name: name)
        return write(
            .create(claim(new, from: isOurs ? observed : nil, isOurs: isOurs, moment)), wasOurs: false, adoptable: nil,
            moment.now)
    }

    private mutating func write(
        _ request: Request, wasOurs: Bool, adoptable: ExactText?, _ now: Instant
    ) -> Request {
        attempt?.step = .writing(wasOurs: wasOurs, adoptable: adoptable)
        attempt?.sent = now
        return request
    }

    /// Handles a successful write: renews the term, or begins one.
    private mutating func stored(
        _ lease: Lease, wasOurs: Bool, adoptable: ExactText?, _ attempt: Attempt, _ moment: Moment
    ) -> Request? {
        guard let version = lease.resourceVersion, let uid = lease.uid, lease.spec.holder == options.identity else {
            let reason = "a stored Lease came back without resourceVersion or uid, or with another holder"
            notices.failed(.malformed(place: "Lease \(namespace)/\(name)", reason: reason), leading: held != nil)
            return finish(moment)
        }
        notices.answered()
        self.lease = lease
        observe(lease, moment.now)
        observedTime = moment.now
        self.attempt = nil
        let validUntil = attempt.sent + options.renewDeadline
        let mirrors = lease.namedMirrors
        guard !isRetired, moment.now < validUntil, held != nil || mirrors == nil else {
            // We hold it, but the answer came too late to act on: renew at once. A write that names the mirrors of the
            // term that ended cannot begin the next: they lack what that tells.
            nextAttempt = isRetired ? moment.now + options.retryPeriod : moment.now
            return nil
        }
        nextAttempt = moment.now + options.retryPeriod
        published.append(mirrors)
        if held != nil {
            held?.validUntil = validUntil
            return nil
        }
        let transitions = lease.spec.leaseTransitions ?? 0
        let isContinued = wasOurs && lastHeld?.leaseUID == uid && lastHeld?.transitions == transitions
        let begun = HeldLease(
            resourceVersion: version, leaseUID: uid,
            continued: isContinued ? lastHeld.map { ExactText($0.token) } : nil,
            transitions: transitions, adoptable: adoptable, validUntil: validUntil)
        held = begun
        lastHeld = begun
        notices.acquired(begun)
        return nil
    }

    /// Ends an attempt that had nothing to write.
    private mutating func finishWaiting(_ moment: Moment) -> Request? {
        notices.answered()
        return finish(moment)
    }

    /// Ends an attempt without success.
    private mutating func finish(_ moment: Moment) -> Request? {
        guard let attempt else { return nil }
        self.attempt = nil
        if held == nil {
            let stretch = 1 + moment.fraction * LeaderElectionOptions.jitterFactor
            nextAttempt = moment.now + options.retryPeriod * stretch
        } else {
            nextAttempt = max(moment.now, attempt.start + options.retryPeriod)
        }
        return nil
    }

    private mutating func lose(_ reason: ElectionNotice.Loss) {
        guard let held else { return }
        self.held = nil
        nextAttempt = .distantPast
        notices.lost(held, reason)
    }

    mutating func observe(_ lease: Lease, _ now: Instant) {
        isKnown = true
        missingSince = nil
        observedAnnotations = lease.annotations.filter { $0.key.hasPrefix(LeaderElectionOptions.annotationPrefix) }
        observedMirrors = NamedMirrors(annotations: observedAnnotations)
        guard lease.spec != observed else { return }
        observed = lease.spec
        observedTime = now
        notices.observed(lease.spec, limit: longestDuration)
    }

    /// `lease` with us as its holder. Names mirrors only if it renews the term that we hold.
    private mutating func claim(_ lease: Lease, from spec: LeaseSpec?, isOurs: Bool, _ moment: Moment) -> Lease {
        let time = MicroTime.text(moment.wallTime)
        let transitions = spec?.leaseTransitions ?? 0
        // The field has 32 bits. A count that cannot grow starts again at 0, so that no written value makes the Lease
        // unobtainable.
        let next = transitions < Int32.max ? transitions + 1 : 0
        hasClaimed = true
        var claimed = lease
        claimed.spec = LeaseSpec(
            holderIdentity: options.identity, leaseDurationSeconds: options.recordedDuration,
            acquireTime: isOurs ? spec?.acquireTime ?? time : time, renewTime: time,
            leaseTransitions: isOurs || spec == nil ? transitions : next)
        claimed.merge(labels: options.labels)
        var annotations = moment.annotations
        if let held, let mirrors = moment.mirrors, mirrors.term.hasSameBytes(as: held.token) {
            annotations.merge(mirrors.annotations) { $1 }
        }
        claimed.replaceAnnotations(prefix: LeaderElectionOptions.annotationPrefix, with: annotations)
        return claimed
    }

    /// The longest recorded duration that is honoured: one hostile write could otherwise pin the Lease for 68 years.
    private var longestDuration: Duration {
        max(options.leaseDuration * 10, .seconds(3600))
    }

    private func expiry(of spec: LeaseSpec) -> Instant {
        guard let seconds = spec.leaseDurationSeconds, seconds > 0 else { return observedTime + options.leaseDuration }
        return observedTime + min(.seconds(seconds), longestDuration)
    }

    /// When a missing Lease is free; nil while it is there.
    private var missingUntil: Instant? {
        missingSince.map { max($0 + options.leaseDuration, foreignExpiry ?? .distantPast) }
    }

    /// Whether others are named in the Lease and we are not.
    private var isYielding: Bool {
        guard !isRetired, let observedMirrors else { return false }
        return !observedMirrors.contains(options.identity)
    }

    /// From when on we may take the Lease, while it is there; nil for at once.
    private var freeFrom: Instant? {
        guard isYielding, let observed else { return foreignExpiry }
        let free = observed.holder.isEmpty ? observedTime : foreignExpiry
        return free.map { $0 + LeaderElectionOptions.headStart }
    }

    /// When the Lease of another holder expires; nil if there is none.
    private var foreignExpiry: Instant? {
        guard let observed, !observed.holder.isEmpty, observed.holder != options.identity else { return nil }
        return expiry(of: observed)
    }
}
