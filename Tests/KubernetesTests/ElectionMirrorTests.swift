import Kubernetes
import Leadership
import Platform
import Testing

/// The annotations that name mirrors of the term of `token`.
func naming(_ replicas: String, of token: String = "100.uid-1") -> [ExactText: ExactText] {
    ["cluster-agent/term": ExactText(token), "cluster-agent/mirrored-by": ExactText(replicas)]
}

@Suite struct NamedMirrorsTests {
    @Test func `mirrors are written as two annotations and read back`() {
        let mirrors = NamedMirrors(term: "7.u", replicas: ["b", "a", "b", "é"])
        #expect(mirrors.replicas == ["a", "b", "é"])
        #expect(mirrors.annotations == naming("a,b,é", of: "7.u"))
        #expect(NamedMirrors(annotations: mirrors.annotations) == mirrors)
        #expect(NamedMirrors(annotations: naming("b,é,a", of: "7.u").merging(["x": "y"]) { $1 }) == mirrors)
        #expect(mirrors.contains("b") && !mirrors.contains("a,b") && !mirrors.contains("e\u{301}"))
    }

    @Test(arguments: [
        [:], ["cluster-agent/term": "7.u"], ["cluster-agent/mirrored-by": "a"], naming("", of: "7.u"),
        naming("a", of: ""), naming(",", of: "7.u"), naming("a,", of: "7.u"), naming(",a", of: "7.u"),
        naming("a,,b", of: "7.u"),
    ])
    func `annotations that are not whole name nobody`(annotations: [ExactText: ExactText]) {
        #expect(NamedMirrors(annotations: annotations) == nil)
    }

    @Test(arguments: [
        NamedMirrors(term: "", replicas: ["a"]), NamedMirrors(term: "7.u", replicas: []),
        NamedMirrors(term: "7.u", replicas: ["", "a"]), NamedMirrors(term: "7.u", replicas: ["a,b"]),
    ])
    func `mirrors that would not be read back are not written`(mirrors: NamedMirrors) {
        #expect(mirrors.annotations == [:])
    }

    @Test func `a comma before an accent separates`() {
        let mirrors = NamedMirrors(annotations: naming("a,\u{301}b", of: "7.u"))
        #expect(mirrors?.replicas == ["a", "\u{301}b"])
    }
}

/// Whom the Lease names, and what follows for whoever acquires it.
@Suite struct ElectionMirrorTests {
    /// A leader of a created Lease who names `b`.
    private static func leading() -> ElectionBench {
        let bench = ElectionBench()
        bench.mirrors = ["b"]
        bench.attempt()
        _ = bench.election.drainPublished()
        bench.calls = []
        return bench
    }

    private static func named(_ bench: ElectionBench) -> [ExactText: ExactText]? {
        bench.shelf.lease?.annotations.filter { naming("")[$0.key] != nil }
    }

    /// An attempt that reads what `annotations` say, with the Lease held by nobody unless `holder` does.
    private static func reading(_ annotations: [ExactText: ExactText], holder: String = "") -> ElectionBench {
        let bench = ElectionBench()
        bench.shelf.put(held(by: holder), annotations: annotations)
        bench.attempt()
        return bench
    }

    // MARK: Naming

    @Test func `the acquiring write names nobody and each renewal names who was asked for`() {
        let bench = ElectionBench()
        bench.mirrors = ["c", "b"]
        #expect(bench.attempt())
        #expect(Self.named(bench) == [:])
        let token = bench.election.held?.token ?? ""
        #expect(bench.attempt())
        #expect(Self.named(bench) == naming("b,c", of: token))
        bench.mirrors = ["c"]
        bench.shelf.edit { $0.merge(labels: ["x": "y"]) }
        #expect(bench.attempt())
        #expect(bench.calls == ["get", "create", "update", "update", "get", "update"])
        #expect(Self.named(bench) == naming("c", of: token))
        bench.mirrors = []
        #expect(bench.attempt())
        #expect(Self.named(bench) == [:])
        #expect(bench.termNumber == 1)
        let published = bench.election.drainPublished()
        let expected = [[], ["b", "c"], ["c"], []] as [[ExactText]]
        #expect(published.map { $0?.replicas ?? [] } == expected)
        #expect(published.allSatisfy { $0.map { $0.term == token } ?? true })
        #expect(bench.election.drainPublished().isEmpty)
    }

    @Test(arguments: ["", "baz", "bing"])
    func `an update that acquires the Lease removes the names`(holder: String) {
        let bench = ElectionBench()
        bench.mirrors = ["c"]
        bench.shelf.put(held(by: holder), annotations: naming("baz,c"))
        if !bench.attempt() {
            bench.pass(.seconds(10))
            bench.attempt()
        }
        #expect(bench.termNumber == 1)
        #expect(Self.named(bench) == [:])
        #expect(bench.election.drainPublished() == [nil])
    }

    @Test func `mirrors of another term are not named`() {
        let bench = Self.leading()
        let other = NamedMirrors(term: "1.uid-1", replicas: ["b"])
        let moment = bench.moment()
        let request = bench.election.begin(
            Election.Moment(
                now: moment.now, wallTime: moment.wallTime, fraction: 0, annotations: [:], mirrors: other,
                hastenings: moment.hastenings))
        #expect(bench.receive(answerTo: request) == nil)
        #expect(Self.named(bench) == [:])
        #expect(bench.isLeading)
    }

    @Test func `the first write after an expiry names nobody and begins a term`() {
        let bench = Self.leading()
        #expect(bench.attempt())
        #expect(Self.named(bench) != [:])
        // Past the renew deadline, within the lease duration: the fast path.
        bench.pass(.seconds(9))
        bench.calls = []
        #expect(bench.attempt())
        #expect(bench.calls == ["update"])
        #expect(bench.termNumber == 2)
        #expect(Self.named(bench) == [:])
    }

    @Test func `a term that expires during a slow renewal is followed by one that names nobody`() {
        let bench = Self.leading()
        bench.attempt()
        bench.pass(.seconds(6))
        bench.shelf.edit { $0.merge(labels: ["x": "y"]) }
        bench.faults = [nil, .late(.seconds(3))]
        bench.calls = []
        #expect(bench.attempt())
        #expect(bench.calls == ["update", "get", "update"])
        #expect(bench.termNumber == 2)
        #expect(Self.named(bench) == [:])
    }

    @Test func `a write with names whose answer comes after the end begins no term`() {
        let bench = Self.leading()
        let first = bench.election.held?.token ?? ""
        bench.pass(.seconds(6))
        bench.faults = [.late(.seconds(3))]
        #expect(!bench.attempt())
        #expect(bench.election.held == nil)
        #expect(Self.named(bench) == naming("b", of: first))
        #expect(bench.election.drainPublished().isEmpty)
        #expect(bench.election.wake <= bench.now)
        #expect(bench.attempt())
        #expect(bench.calls == ["update", "update"])
        #expect(Self.named(bench) == [:])
        #expect(bench.termNumber == 2)
        #expect(bench.election.held?.resourceVersion == bench.shelf.lease?.resourceVersion)
        #expect(bench.election.held?.continued != nil)
        #expect(bench.election.held?.adoptable == nil)
        #expect(bench.election.drainPublished() == [nil])
    }

    @Test func `a write whose answer was lost is not published`() {
        let bench = Self.leading()
        bench.faults = [.answerLost, .lost]
        bench.attempt()
        #expect(Self.named(bench) != [:])
        #expect(bench.election.drainPublished().isEmpty)
    }

    @Test func `a release keeps the names and removes the rest`() {
        let bench = Self.leading()
        bench.annotations = ["cluster-agent/address": "h:1"]
        let token = bench.election.held?.token ?? ""
        bench.attempt()
        bench.mirrors = ["c"]
        #expect(bench.release())
        #expect(bench.spec?.holder == "")
        #expect(bench.shelf.lease?.annotations == naming("b", of: token))
    }

    // MARK: Adopting

    @Test(
        arguments: [
            (naming("b,baz"), "100.uid-1"), (naming("baz", of: "9.uid-1"), "9.uid-1"), (naming("b"), nil),
            (naming("bazz"), nil), (naming("baz", of: "100.uid-2"), nil), (naming("baz", of: "100uid-1"), nil),
            (naming("baz", of: ".uid-1"), nil), (naming("baz", of: "100."), nil), (naming("baz", of: "1.x.uid-1"), nil),
            (["cluster-agent/mirrored-by": "baz"], nil), ([:], nil),
        ] as [([ExactText: ExactText], String?)])
    func `who was named in the replaced version may adopt`(annotations: [ExactText: ExactText], token: String?) {
        for holder in ["", "bing"] {
            let bench = Self.reading(annotations, holder: holder)
            if !bench.isLeading {
                bench.pass(.seconds(11))
                bench.attempt()
            }
            #expect(bench.isLeading)
            #expect(bench.election.held?.adoptable?.text == token)
            // It belongs to the term, not to its renewals.
            bench.attempt()
            #expect(bench.election.held?.adoptable?.text == token)
        }
    }

    @Test func `the version that was just read decides, not one observed before`() {
        let bench = Self.reading(naming("baz"), holder: "bing")
        bench.shelf.put(held(by: "bing"), annotations: naming("b"))
        bench.pass(.seconds(11))
        #expect(bench.attempt())
        #expect(bench.election.held?.adoptable == nil)
        let later = Self.reading(naming("b"), holder: "bing")
        later.shelf.put(held(by: "bing"), annotations: naming("baz", of: "100.uid-1"))
        later.pass(.seconds(10))
        #expect(later.attempt())
        #expect(later.election.held?.adoptable == "100.uid-1")
    }

    @Test func `a created Lease lets nobody adopt`() {
        let bench = Self.reading(naming("baz"), holder: "bing")
        bench.shelf.delete()
        bench.attempt()
        bench.pass(.seconds(10))
        #expect(bench.attempt())
        #expect(bench.calls.last == "create")
        #expect(bench.election.held?.adoptable == nil)
    }

    @Test func `a conflict leaves nothing to adopt`() {
        let bench = ElectionBench()
        bench.shelf.put(held(by: ""), annotations: naming("baz"))
        let read = bench.election.begin(bench.moment())
        guard let write = bench.receive(answerTo: read) else { Issue.record("no write"); return }
        bench.shelf.put(held(by: "", renewed: "t2"))
        #expect(bench.receive(answerTo: write) == nil)
        #expect(bench.attempt())
        #expect(bench.election.held?.adoptable == nil)
    }

    @Test func `an acquisition whose answer was lost leaves nothing to adopt`() {
        let bench = ElectionBench()
        bench.shelf.put(held(by: ""), annotations: naming("baz"))
        bench.faults = [nil, .answerLost]
        #expect(!bench.attempt())
        #expect(bench.attempt())
        #expect(bench.election.held?.adoptable == nil)
    }

    @Test func `a term that follows another of ours adopts only what named us`() {
        let bench = Self.reading(naming("baz"))
        #expect(bench.election.held?.adoptable != nil)
        bench.pass(.seconds(9))
        #expect(bench.attempt())
        #expect(bench.termNumber == 2)
        #expect(bench.election.held?.adoptable == nil)
    }

    // MARK: Head start

    @Test func `who is not named takes a released Lease a second after the release was observed`() {
        let bench = Self.reading(naming("b"), holder: "bing")
        bench.pass(.seconds(1))
        bench.shelf.put(held(by: "", transitions: 1), annotations: naming("b"))
        bench.watch()
        #expect(bench.election.wake == bench.now + .seconds(1))
        bench.pass(.milliseconds(400))
        #expect(!bench.attempt(fraction: 0.9))
        #expect(bench.election.wake == bench.now + .milliseconds(600))
        bench.pass(.milliseconds(600) - .nanoseconds(1))
        #expect(!bench.attempt(fraction: 0.9))
        #expect(bench.election.wake == bench.now + .nanoseconds(1))
        bench.pass(.nanoseconds(1))
        #expect(bench.attempt())
        #expect(bench.calls == ["get", "get", "get", "get", "update"])
    }

    @Test func `who is not named takes an expired Lease a second after the expiry`() {
        let bench = Self.reading(naming("b,c"), holder: "bing")
        let expiry = bench.now + .seconds(10)
        bench.pass(.seconds(9))
        bench.shelf.edit { $0.merge(labels: ["x": "y"]) }
        bench.attempt(fraction: 0.9)
        #expect(bench.election.wake == expiry + .seconds(1))
        #expect(bench.election.foreignHolder(at: expiry - .nanoseconds(1)) == "bing")
        #expect(bench.election.foreignHolder(at: expiry) == nil)
        bench.now = expiry + .seconds(1) - .nanoseconds(1)
        #expect(!bench.attempt(fraction: 0.9))
        #expect(bench.election.wake == bench.now + .nanoseconds(1))
        bench.pass(.nanoseconds(1))
        #expect(bench.attempt())
    }

    @Test(arguments: [[:], naming("baz"), naming("b,baz"), naming(","), ["cluster-agent/mirrored-by": "b"]])
    func `who is named, or where nobody is, waits for nobody`(annotations: [ExactText: ExactText]) {
        let bench = Self.reading(annotations, holder: "bing")
        bench.pass(.seconds(9))
        bench.attempt(fraction: 0.9)
        #expect(bench.election.wake == bench.now + .seconds(1))
        bench.pass(.seconds(1))
        #expect(bench.attempt())
        let released = Self.reading(annotations, holder: "bing")
        released.shelf.put(held(by: "", transitions: 1), annotations: annotations)
        released.watch()
        #expect(released.election.wake <= released.now)
        #expect(released.attempt())
    }

    @Test func `the newest annotations decide, also when the record is as before`() {
        let bench = Self.reading([:], holder: "bing")
        let expiry = bench.now + .seconds(10)
        bench.pass(.seconds(9))
        bench.shelf.put(held(by: "bing"), annotations: naming("b"))
        bench.watch()
        #expect(bench.election.wake <= expiry)
        bench.attempt(fraction: 0.9)
        #expect(bench.election.wake == expiry + .seconds(1))
        bench.shelf.put(held(by: "bing"), annotations: naming("baz"))
        bench.watch()
        #expect(bench.election.wake == expiry)
        bench.now = expiry
        #expect(bench.attempt())
        #expect(bench.election.held?.adoptable == "100.uid-1")
    }

    @Test func `names that are struck off a released Lease end the wait`() {
        let bench = Self.reading(naming("b"))
        #expect(!bench.isLeading)
        bench.shelf.put(held(by: ""))
        bench.watch()
        #expect(bench.election.wake <= bench.now)
        #expect(bench.attempt())
    }

    @Test func `a missing Lease is waited for as before`() {
        let bench = Self.reading(naming("b"), holder: "bing")
        bench.shelf.delete()
        bench.attempt()
        bench.pass(.seconds(9))
        bench.attempt(fraction: 0.9)
        #expect(bench.election.wake == bench.now + .seconds(1))
        bench.pass(.seconds(1))
        #expect(bench.attempt())
    }

    @Test func `the holder gives nobody a head start on its own Lease`() {
        let bench = Self.leading()
        bench.attempt()
        bench.pass(.seconds(30))
        #expect(bench.election.wake <= bench.now)
        #expect(bench.attempt())
        #expect(bench.termNumber == 2)
    }

    // MARK: Hastening

    @Test func `a leader renews at once when hastened, and once for many calls`() {
        let bench = Self.leading()
        for _ in 0..<100 { bench.election.hasten(bench.now) }
        #expect(bench.election.wake <= bench.now)
        #expect(bench.attempt())
        #expect(bench.calls == ["update"])
        #expect(bench.election.wake == bench.now + .seconds(2))
    }

    @Test func `an attempt under way is followed by another when hastened`() {
        let bench = Self.leading()
        let request = bench.election.begin(bench.moment())
        bench.election.hasten(bench.now)
        #expect(bench.receive(answerTo: request) == nil)
        #expect(bench.election.wake <= bench.now)
        #expect(bench.attempt())
        #expect(bench.election.wake > bench.now)
    }

    @Test func `an attempt whose moment is older than the hastening is followed by another`() {
        let bench = Self.leading()
        let moment = bench.moment()
        bench.election.hasten(bench.now)
        let request = bench.election.begin(moment)
        #expect(bench.receive(answerTo: request) == nil)
        #expect(bench.election.wake <= bench.now)
        #expect(bench.attempt())
        #expect(bench.election.wake > bench.now)
    }

    @Test func `who does not hold the Lease is not hastened`() {
        let follower = Self.reading([:], holder: "bing")
        follower.election.hasten(follower.now)
        #expect(follower.election.wake > follower.now)
        let late = Self.leading()
        late.pass(.seconds(8))
        late.election.hasten(late.now)
        #expect(late.election.hastenings == 0)
        let retired = Self.leading()
        retired.election.retire()
        retired.election.hasten(retired.now)
        #expect(retired.election.hastenings == 0)
    }
}
