import Kubernetes
import Leadership
import Platform

/// What an API server does with one Lease, without time or transport.
struct LeaseShelf {
    private(set) var lease: Lease?
    private var version = 100
    private var created = 0

    /// Puts a Lease there as somebody else would, with a new version; the same object if there is one.
    mutating func put(_ spec: LeaseSpec, annotations: [ExactText: ExactText] = [:]) {
        var next = lease ?? newLease()
        next.spec = spec
        next.replaceAnnotations(prefix: "", with: annotations)
        store(next)
    }

    /// Changes what is there in another way.
    mutating func edit(_ change: (inout Lease) -> Void) {
        guard var next = lease else { return }
        change(&next)
        store(next)
    }

    mutating func delete() {
        lease = nil
        version += 1
    }

    mutating func answer(_ request: Election.Request) -> LeaseResult {
        switch request {
        case .get:
            return lease.map { .lease($0) } ?? .notFound
        case .create(let new):
            guard lease == nil else { return .conflict }
            created += 1
            var new = new
            new.uid = "uid-\(created)"
            return .lease(store(new))
        case .update(let next):
            guard let lease, next.resourceVersion == lease.resourceVersion, next.uid == lease.uid else {
                return .conflict
            }
            return .lease(store(next))
        }
    }

    @discardableResult
    private mutating func store(_ next: Lease) -> Lease {
        version += 1
        var next = next
        next.resourceVersion = String(version)
        lease = next
        return next
    }

    private mutating func newLease() -> Lease {
        created += 1
        var lease = Lease(namespace: "foo", name: "bar")
        lease.uid = "uid-\(created)"
        return lease
    }
}

/// One `Election` on a `LeaseShelf`, with time moved by hand. Identity `baz`, Lease `foo/bar`, as in client-go's tests.
final class ElectionBench {
    /// What becomes of one request.
    enum Fault {
        /// The server never gets it.
        case lost
        /// The server does it, and the answer is lost.
        case answerLost
        /// The server does it at once, and the answer comes late.
        case late(Duration)
    }

    var shelf = LeaseShelf()
    var election: Election {
        didSet {
            if let token = election.held?.token, token != tokens.last { tokens.append(token) }
        }
    }
    /// The tokens of the terms so far, each once.
    private(set) var tokens: [String] = []
    var now = Instant(nanoseconds: 1_000_000_000_000)
    var calls: [String] = []
    /// What becomes of the next requests; nil for no fault.
    var faults: [Fault?] = []
    var annotations: [ExactText: ExactText] = [:]
    /// Whom each moment names as mirrors of the term that is held then.
    var mirrors: [ExactText] = []

    /// A bench on an empty shelf.
    ///
    /// - Parameter hasWaited: whether the machine has seen for a lease duration that there is no Lease, so that its
    ///   first attempt creates one.
    init(
        leaseDuration: Duration = .seconds(10), renewDeadline: Duration = .seconds(8), identity: String = "baz",
        labels: [ExactText: ExactText] = [:], hasWaited: Bool = true
    ) {
        let options = LeaderElectionOptions(
            identity: identity, leaseDuration: leaseDuration, renewDeadline: renewDeadline, retryPeriod: .seconds(2),
            labels: labels)
        election = Election(options: options, namespace: "foo", name: "bar")
        guard hasWaited else { return }
        now = now - leaseDuration
        attempt()
        _ = drainNotices()
        calls = []
        now = now + leaseDuration
    }

    func moment(fraction: Double = 0) -> Election.Moment {
        Election.Moment(
            now: now, wallTime: WallTime(nanoseconds: now.nanoseconds), fraction: fraction, annotations: annotations,
            mirrors: election.held.map { NamedMirrors(term: $0.token, replicas: mirrors) },
            hastenings: election.hastenings)
    }

    /// One attempt from its first request to its end; whether it ends leading.
    @discardableResult
    func attempt(fraction: Double = 0) -> Bool {
        var request: Election.Request? = election.begin(moment(fraction: fraction))
        while let current = request {
            request = election.received(perform(current), moment(fraction: fraction))
        }
        return isLeading
    }

    /// A release from its first request to its end; whether it ended with nothing of ours left. `between` happens after
    /// each request.
    @discardableResult
    func release(between: (ElectionBench) -> Void = { _ in }) -> Bool {
        guard var request = election.beginRelease() else { return true }
        for _ in 0..<20 {
            let asked = request
            let answer = perform(asked)
            between(self)
            switch election.receivedDuringRelease(answer, to: asked, moment()) {
            case .ask(let next), .askLater(let next, _): request = next
            case .over: return true
            case .failed: return false
            }
        }
        return false
    }

    private func perform(_ request: Election.Request) -> LeaseResult {
        switch request {
        case .get: calls.append("get")
        case .create: calls.append("create")
        case .update: calls.append("update")
        }
        let fault = faults.isEmpty ? nil : faults.removeFirst()
        if case .lost? = fault { return .failed(.transport("lost")) }
        let answer = shelf.answer(request)
        if case .answerLost? = fault { return .failed(.transport("lost")) }
        if case .late(let delay)? = fault { now = now + delay }
        return answer
    }

    func drainNotices() -> [ElectionNotice] {
        election.drainNotices()
    }

    /// Gives the machine the shelf's answer to `request`.
    func receive(answerTo request: Election.Request) -> Election.Request? {
        election.received(shelf.answer(request), moment())
    }

    /// Tells the machine that a watch shows the Lease as it is on the shelf.
    func watch() {
        guard let lease = shelf.lease else { return election.watched(.deleted, now: now) }
        election.watched(.changed(lease), now: now)
    }

    func pass(_ duration: Duration) {
        now = now + duration
    }

    /// The number of the present term, counted from 1; nil while we do not lead.
    var termNumber: Int? {
        election.held.map { _ in tokens.count }
    }

    var isLeading: Bool {
        election.leads(at: now)
    }

    /// The identity of the leader that is followed.
    var followed: String? {
        election.foreignHolder(at: now)
    }

    var spec: LeaseSpec? {
        shelf.lease?.spec
    }
}

/// A record of another holder.
func held(by holder: String, for seconds: Int? = 10, renewed time: String = "t1", transitions: Int? = 0) -> LeaseSpec {
    LeaseSpec(
        holderIdentity: holder, leaseDurationSeconds: seconds, acquireTime: "t0", renewTime: time,
        leaseTransitions: transitions)
}
