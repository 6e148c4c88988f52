import Kubernetes
import Leadership
import Platform

/// Two candidates on one Lease, event by event: requests that come late, get lost or are committed unheard, processes
/// that stand still or are replaced, watches that tell or do not. Only the pure machines, one thread and one seed.
struct ElectionDuel {
    /// A request on its way: it is committed at `arrival`, unless it gets lost, and answered at `answer`.
    private struct Flight {
        let number: Int
        let request: Election.Request
        var answer: Instant
        var result: LeaseResult
        let isRelease: Bool
    }

    private struct Arrival {
        let candidate: Int
        let flight: Int
        let request: Election.Request
        let time: Instant
        let isAnswered: Bool
    }

    private struct Candidate {
        var election: Election
        var flight: Flight?
        /// Until when its process stands still.
        var frozenUntil = Instant.distantPast
        var incarnation = 0
        /// Its current term and when it began.
        var term: (token: String, began: Instant, validUntil: Instant)?
    }

    private let entropy: SeededEntropy
    private let renewDeadline: Duration
    private var shelf = LeaseShelf()
    private var candidates: [Candidate]
    private var arrivals: [Arrival] = []
    private var now = Instant(nanoseconds: 1_000_000_000_000)
    private var flights = 0
    /// All terms that are over: whose, and `[acquired, validUntil)`.
    private var terms: [(holder: String, began: Instant, end: Instant)] = []

    init(seed: UInt64, renewDeadline: Duration = .seconds(8)) {
        entropy = SeededEntropy(seed: seed)
        self.renewDeadline = renewDeadline
        candidates = (0..<2).map { Candidate(election: Self.election($0, 0, renewDeadline)) }
    }

    /// How often another incarnation led than before.
    private(set) var handOvers = 0
    /// How many terms could adopt a mirror.
    private(set) var adoptions = 0
    /// Terms that began with named mirrors, or could adopt another mirror than that of the term before.
    private(set) var wrongTerms: [String] = []
    private var lastToken: String?
    private var namingVersions: Set<String> = []

    /// Pairs of terms that overlap.
    var overlaps: [String] {
        let ordered = terms.sorted { $0.began < $1.began }
        return zip(ordered, ordered.dropFirst()).filter { $1.began < $0.end }.map {
            "\($0.holder) until \($0.end), \($1.holder) from \($1.began)"
        }
    }

    mutating func run(handOvers wanted: Int) {
        var steps = 0
        while handOvers < wanted, steps < 1_000_000 {
            steps += 1
            step()
            if steps % 20 == 0 { trouble() }
        }
        for index in candidates.indices { endTerm(of: index) }
    }

    private static func election(_ index: Int, _ incarnation: Int, _ renewDeadline: Duration) -> Election {
        let options = LeaderElectionOptions(
            identity: "c\(index)-\(incarnation)", leaseDuration: .seconds(10), renewDeadline: renewDeadline,
            retryPeriod: .seconds(2))
        return Election(options: options, namespace: "foo", name: "bar")
    }

    /// A moment of a candidate that names the other's present incarnation.
    private func moment(_ index: Int) -> Election.Moment {
        let election = candidates[index].election
        let other: ExactText = "c\(1 - index)-\(candidates[1 - index].incarnation)"
        return Election.Moment(
            now: now, wallTime: WallTime(nanoseconds: now.nanoseconds), fraction: entropy.fraction(), annotations: [:],
            mirrors: election.held.map { NamedMirrors(term: $0.token, replicas: [other]) },
            hastenings: election.hastenings)
    }

    /// Does what is due first: a request arrives, or a candidate goes on.
    private mutating func step() {
        let arrival = arrivals.indices.min { arrivals[$0].time < arrivals[$1].time }
        let candidate = candidates.indices.min { due($0) < due($1) } ?? 0
        if let arrival, arrivals[arrival].time <= due(candidate) {
            now = max(now, arrivals[arrival].time)
            commit(arrivals.remove(at: arrival))
        } else {
            now = max(now, due(candidate))
            proceed(candidate)
        }
    }

    private func due(_ index: Int) -> Instant {
        let candidate = candidates[index]
        return max(candidate.flight?.answer ?? candidate.election.wake, candidate.frozenUntil)
    }

    private mutating func commit(_ arrival: Arrival) {
        let result = shelf.answer(arrival.request)
        if arrival.isAnswered, candidates[arrival.candidate].flight?.number == arrival.flight {
            candidates[arrival.candidate].flight?.result = result
        }
        guard case .lease(let lease) = result, arrival.request != .get else { return }
        if lease.namedMirrors != nil, let version = lease.resourceVersion { namingVersions.insert(version) }
        for index in candidates.indices where now >= candidates[index].frozenUntil && entropy.next() % 2 == 0 {
            candidates[index].election.watched(.changed(lease), now: now)
            note(index)
        }
    }

    private mutating func proceed(_ index: Int) {
        candidates[index].election.expire(now)
        note(index)
        guard let flight = candidates[index].flight else {
            return send(candidates[index].election.begin(moment(index)), index)
        }
        candidates[index].flight = nil
        if flight.isRelease {
            switch candidates[index].election.receivedDuringRelease(flight.result, to: flight.request, moment(index)) {
            case .ask(let next), .askLater(let next, _): send(next, index, isRelease: true)
            case .over, .failed: replace(index)
            }
        } else if let next = candidates[index].election.received(flight.result, moment(index)) {
            send(next, index)
        }
        note(index)
    }

    private mutating func send(_ request: Election.Request, _ index: Int, isRelease: Bool = false) {
        flights += 1
        let deadline = candidates[index].election.deadline(now: now)
        let (there, back) = (travel(), travel())
        let isLost = entropy.next() % 20 == 0
        let isAnswered = !isLost && now + there + back <= deadline
        // What nobody waits for any more may still arrive.
        if !isLost {
            arrivals.append(
                Arrival(
                    candidate: index, flight: flights, request: request, time: now + there, isAnswered: isAnswered))
        }
        candidates[index].flight = Flight(
            number: flights, request: request, answer: isAnswered ? now + there + back : deadline,
            result: .failed(.transport("lost")), isRelease: isRelease)
    }

    private func travel() -> Duration {
        entropy.next() % 10 == 0 ? .seconds(5) * entropy.fraction() : .milliseconds(20) * entropy.fraction()
    }

    private mutating func trouble() {
        let index = Int(entropy.next() % 2)
        switch entropy.next() % 4 {
        case 0:
            candidates[index].frozenUntil = now + .seconds(25) * entropy.fraction()
        case 1:
            guard candidates[index].flight == nil else { return }
            let request = candidates[index].election.beginRelease()
            endTerm(of: index)
            if let request { send(request, index, isRelease: true) } else { replace(index) }
        case 2:
            // Killed: nobody counts on its term any more, but the Lease is still held.
            endTerm(of: index)
            replace(index)
        default:
            shelf.edit { $0.merge(labels: ["x": "\(entropy.next())"]) }
        }
    }

    private mutating func replace(_ index: Int) {
        let incarnation = candidates[index].incarnation + 1
        candidates[index] = Candidate(
            election: Self.election(index, incarnation, renewDeadline), incarnation: incarnation)
    }

    /// Keeps the books on the term of one candidate.
    private mutating func note(_ index: Int) {
        let term = candidates[index].election.held
        if let known = candidates[index].term, known.token == term?.token {
            candidates[index].term?.validUntil = max(known.validUntil, term?.validUntil ?? known.validUntil)
            return
        }
        // A machine that lost its term only finds out when it runs: until then, whoever reads `validUntil` may act by
        // it.
        if let known = candidates[index].term { close(index, known, end: known.validUntil) }
        candidates[index].term = term.map { ($0.token, now, $0.validUntil) }
        guard let term else { return }
        if namingVersions.contains(term.resourceVersion) { wrongTerms.append("\(term.token) names mirrors") }
        if let adoptable = term.adoptable?.text {
            adoptions += 1
            if adoptable != lastToken { wrongTerms.append("\(term.token) adopts \(adoptable)") }
        }
        lastToken = term.token
    }

    /// The term ends now, by a release or the end of the process.
    private mutating func endTerm(of index: Int) {
        guard let known = candidates[index].term else { return }
        close(index, known, end: min(now, known.validUntil))
        candidates[index].term = nil
    }

    private mutating func close(
        _ index: Int, _ term: (token: String, began: Instant, validUntil: Instant), end: Instant
    ) {
        let holder = "c\(index)-\(candidates[index].incarnation)"
        if let last = terms.last, last.holder != holder { handOvers += 1 }
        terms.append((holder, term.began, end))
    }
}
