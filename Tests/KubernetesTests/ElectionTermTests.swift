import Kubernetes
import Platform
import Testing

/// How a term is kept, lost and given back.
@Suite struct ElectionTermTests {
    private static func leading() -> ElectionBench {
        let bench = ElectionBench()
        bench.attempt()
        bench.calls = []
        _ = bench.drainNotices()
        return bench
    }

    @Test func `a renewal needs one request`() {
        let bench = Self.leading()
        bench.pass(.seconds(2))
        #expect(bench.attempt())
        bench.pass(.seconds(2))
        #expect(bench.attempt())
        #expect(bench.calls == ["update", "update"])
        #expect(bench.spec?.acquireTime == "1970-01-01T00:16:40.000000Z")
        #expect(bench.spec?.renewTime == "1970-01-01T00:16:44.000000Z")
        #expect(bench.termNumber == 1)
    }

    @Test func `an edit by somebody else costs one read`() {
        let bench = Self.leading()
        bench.attempt()
        bench.shelf.edit { $0.replaceAnnotations(prefix: "x", with: ["x": "y"]) }
        #expect(bench.attempt())
        #expect(bench.attempt())
        #expect(bench.calls == ["update", "update", "get", "update", "update"])
        #expect(bench.election.slowRenewals == 1)
        #expect(bench.termNumber == 1)
        #expect(bench.shelf.lease?.annotations == ["x": "y"])
    }

    @Test func `the term counts from when the renewal was sent`() {
        let bench = Self.leading()
        #expect(bench.election.held?.validUntil == bench.now + .seconds(8))
        bench.pass(.seconds(2))
        let sent = bench.now
        bench.faults = [.late(.seconds(4))]
        #expect(bench.attempt())
        #expect(bench.election.held?.validUntil == sent + .seconds(8))
    }

    @Test func `the term ends when no renewal succeeds`() {
        let bench = Self.leading()
        bench.pass(.nanoseconds(7_999_999_999))
        #expect(bench.isLeading)
        bench.pass(.nanoseconds(1))
        #expect(!bench.isLeading)
        bench.election.expire(bench.now)
        #expect(bench.election.held == nil)
        guard case .lost(_, .notRenewed)? = bench.drainNotices().first else {
            Issue.record("the loss is not told")
            return
        }
    }

    @Test func `a renewal whose answer was lost is repeated in the same term`() {
        let bench = Self.leading()
        bench.pass(.seconds(2))
        bench.faults = [.answerLost]
        #expect(bench.attempt())
        #expect(bench.calls == ["update", "get", "update"])
        #expect(bench.termNumber == 1)
    }

    @Test func `an answer after the end does not revive the term`() {
        let bench = Self.leading()
        bench.pass(.seconds(6))
        bench.faults = [.late(.seconds(3))]
        let first = bench.election.held
        #expect(bench.attempt())
        let second = bench.election.held
        #expect(bench.termNumber == 2)
        #expect(second?.continued != nil)
        #expect(second?.resourceVersion == bench.shelf.lease?.resourceVersion)
        #expect(second?.resourceVersion != first?.resourceVersion)
    }

    @Test func `an answer older than the renew deadline begins no term`() {
        let bench = ElectionBench()
        bench.faults = [nil, .late(.seconds(8))]
        #expect(!bench.attempt())
        #expect(bench.spec?.holder == "baz")
        #expect(bench.election.wake <= bench.now)
        #expect(bench.attempt())
        #expect(bench.calls == ["get", "create", "update"])
    }

    @Test func `after a pause without another leader a new term continues the old one`() {
        let bench = Self.leading()
        let first = bench.election.held
        bench.pass(.seconds(30))
        #expect(bench.election.wake <= bench.now)
        #expect(bench.attempt())
        #expect(bench.calls == ["get", "update"])
        #expect(bench.termNumber == 2)
        #expect(bench.election.held?.continued != nil)
        #expect(bench.election.held?.resourceVersion != first?.resourceVersion)
        #expect(bench.spec?.leaseTransitions == 0)
    }

    @Test func `after a pause with another leader nothing is continued`() {
        let bench = Self.leading()
        bench.pass(.seconds(30))
        bench.shelf.put(held(by: "bing", transitions: 1))
        #expect(!bench.attempt())
        #expect(bench.followed == "bing")
        bench.shelf.put(held(by: "", renewed: "t2", transitions: 1))
        #expect(bench.attempt())
        #expect(bench.spec?.leaseTransitions == 2)
        #expect(bench.election.held?.continued == nil)
    }

    @Test func `a Lease released by a holder that counts no transitions is not continued`() {
        let bench = Self.leading()
        bench.pass(.seconds(30))
        bench.shelf.put(held(by: "", transitions: -1))
        #expect(bench.attempt())
        #expect(bench.spec?.leaseTransitions == 0)
        #expect(bench.election.held?.continued == nil)
    }

    @Test func `another holder ends the term at once`() {
        let bench = Self.leading()
        bench.pass(.seconds(1))
        bench.shelf.put(held(by: "bing", transitions: 1))
        #expect(!bench.attempt())
        #expect(bench.election.held == nil)
        #expect(bench.followed == "bing")
        guard case .lost(_, .taken(by: "bing"))? = bench.drainNotices().last else {
            Issue.record("the loss is not told last")
            return
        }
    }

    @Test func `a Lease deleted while leading is created again in a new term`() {
        let bench = ElectionBench()
        bench.shelf.put(held(by: "", transitions: 4))
        bench.attempt()
        let acquired = bench.spec?.acquireTime
        bench.shelf.delete()
        bench.pass(.seconds(2))
        bench.calls = []
        #expect(bench.attempt())
        #expect(bench.calls == ["update", "get", "create"])
        #expect(bench.termNumber == 2)
        #expect(bench.election.held?.leaseUID == "uid-2")
        #expect(bench.election.held?.continued == nil)
        #expect(bench.spec?.leaseTransitions == 5)
        #expect(bench.spec?.acquireTime == acquired)
    }

    @Test func `a Lease recreated by another is not taken for ours`() {
        let bench = Self.leading()
        bench.shelf.delete()
        bench.shelf.put(held(by: "bing"))
        #expect(!bench.attempt())
        #expect(bench.election.held == nil)
    }

    @Test func `requests never outlive the term`() {
        let bench = Self.leading()
        #expect(bench.election.deadline(now: bench.now) == bench.now + .seconds(4))
        bench.pass(.seconds(6))
        #expect(bench.election.deadline(now: bench.now) == bench.now + .seconds(2))
        let candidate = ElectionBench(leaseDuration: .seconds(3), renewDeadline: .milliseconds(1500))
        #expect(candidate.election.deadline(now: candidate.now) == candidate.now + .seconds(1))
    }

    @Test func `retirement ends the term and never writes again`() {
        let bench = Self.leading()
        bench.election.retire()
        #expect(bench.election.held == nil)
        #expect(!bench.attempt())
        #expect(bench.calls == ["get"])
        bench.shelf.delete()
        bench.pass(.seconds(60))
        #expect(!bench.attempt())
        bench.shelf.put(held(by: "", transitions: 1))
        #expect(!bench.attempt())
        #expect(bench.calls == ["get", "get", "get"])
        bench.shelf.put(held(by: "bing", transitions: 2))
        bench.attempt()
        #expect(bench.followed == "bing")
    }

    @Test func `a write in flight at retirement begins no term`() {
        let bench = ElectionBench()
        let read = bench.election.begin(bench.moment())
        guard let write = bench.receive(answerTo: read) else { return }
        bench.election.retire()
        #expect(bench.receive(answerTo: write) == nil)
        #expect(!bench.isLeading)
        #expect(bench.spec?.holder == "baz")
    }

    @Test func `the release clears the holder and only our annotations`() throws {
        let bench = ElectionBench()
        bench.annotations = ["cluster-agent/address": "h:1", "cluster-agent/nodes": "3"]
        bench.shelf.put(held(by: "", transitions: 6), annotations: ["a.b/c": "kept"])
        bench.attempt()
        #expect(bench.shelf.lease?.annotations["cluster-agent/address"] == "h:1")
        bench.pass(.seconds(1))
        #expect(bench.release())
        let released = try #require(bench.shelf.lease)
        #expect(released.spec.holderIdentity == "")
        #expect(released.spec.leaseDurationSeconds == 1)
        #expect(released.spec.renewTime == "1970-01-01T00:16:41.000000Z")
        #expect(released.spec.acquireTime == released.spec.renewTime)
        #expect(released.spec.leaseTransitions == 7)
        #expect(released.annotations == ["a.b/c": "kept"])
        #expect(bench.drainNotices().last == .released)
        #expect(bench.election.isKnown && !bench.isLeading && bench.followed == nil)
    }

    @Test func `a Lease of another is not released`() {
        let bench = Self.leading()
        bench.shelf.put(held(by: "bing", transitions: 1))
        #expect(bench.release())
        #expect(bench.calls == ["get"])
        #expect(bench.spec?.holder == "bing")
        #expect(bench.followed == "bing")
    }

    @Test func `a replica that never claimed the Lease releases without a request`() {
        let bench = ElectionBench()
        bench.shelf.put(held(by: "bing"))
        bench.attempt()
        #expect(bench.release())
        #expect(bench.calls == ["get"])
        #expect(bench.election.isRetired)
    }

    @Test func `a release without an answer is repeated`() {
        let bench = Self.leading()
        bench.faults = [.lost, nil, .answerLost]
        #expect(bench.release())
        #expect(bench.calls == ["get", "get", "update", "get"])
        #expect(bench.spec?.holder == "")
    }

    @Test(arguments: [(403, false), (500, true), (429, true)])
    func `a refused release is repeated only if it may succeed later`(code: Int, isRepeated: Bool) {
        let bench = Self.leading()
        guard let get = bench.election.beginRelease() else { Issue.record("nothing to release"); return }
        let error = KubernetesError.status(Status(code: code))
        switch bench.election.receivedDuringRelease(.failed(error), to: get, bench.moment()) {
        case .askLater(.get, error): #expect(isRepeated)
        case .failed(error): #expect(!isRepeated)
        default: Issue.record("neither repeated nor failed")
        }
    }

    @Test func `a failure and its end are each reported once`() {
        let bench = Self.leading()
        for _ in 0..<3 {
            bench.pass(.seconds(1))
            bench.faults = [.lost, .lost]
            bench.attempt()
        }
        #expect(bench.drainNotices() == [.failing(.transport("lost"), leading: true)])
        bench.attempt()
        bench.attempt()
        #expect(bench.drainNotices() == [.recovered])
    }
}

/// When the next attempt is due, and what a watch changes about it.
@Suite struct ElectionTimingTests {
    @Test func `a leader renews a retry period after each success`() {
        let bench = ElectionBench()
        bench.attempt()
        #expect(bench.election.wake == bench.now + .seconds(2))
        bench.pass(.seconds(2))
        bench.faults = [.late(.seconds(1))]
        bench.attempt()
        #expect(bench.election.wake == bench.now + .seconds(2))
    }

    @Test func `a leader retries a retry period after the start of a failed attempt`() {
        let bench = ElectionBench()
        bench.attempt()
        bench.pass(.seconds(2))
        let start = bench.now
        bench.faults = [.lost, .lost]
        bench.attempt()
        #expect(bench.election.wake == start + .seconds(2))
        bench.pass(.seconds(5))
        bench.faults = [.lost, .lost]
        bench.attempt()
        #expect(bench.election.wake == bench.election.held?.validUntil)
    }

    @Test(arguments: [(0.0, 2.0), (0.5, 3.2), (0.999, 4.3976)])
    func `a candidate jitters its retries`(fraction: Double, seconds: Double) {
        let bench = ElectionBench(leaseDuration: .seconds(15), renewDeadline: .seconds(10))
        bench.shelf.put(held(by: "bing", for: 15))
        bench.attempt(fraction: fraction)
        let pause = bench.election.wake - bench.now
        #expect(abs(pause.seconds - seconds) < 0.001)
    }

    @Test func `a candidate tries exactly at the observed expiry`() {
        let bench = ElectionBench()
        bench.shelf.put(held(by: "bing", for: 3))
        bench.attempt(fraction: 0.9)
        #expect(bench.election.wake == bench.now + .seconds(3))
        bench.pass(.seconds(3))
        bench.faults = [.lost]
        bench.attempt(fraction: 0.9)
        #expect(bench.election.wake > bench.now + .seconds(3))
    }

    @Test func `an event of the watch sets the time of observation`() throws {
        let bench = ElectionBench()
        bench.shelf.put(held(by: "bing", for: 3))
        bench.attempt(fraction: 0.9)
        bench.pass(.seconds(2))
        bench.shelf.put(held(by: "bing", for: 3, renewed: "t2"))
        bench.watch()
        bench.pass(.seconds(1))
        #expect(!bench.attempt(fraction: 0.9))
        #expect(bench.election.wake == bench.now + .seconds(2))
        bench.pass(.seconds(2))
        #expect(bench.attempt())
    }

    @Test func `a release seen in the watch is tried at once`() throws {
        let bench = ElectionBench()
        bench.shelf.put(held(by: "bing"))
        bench.attempt()
        bench.shelf.put(held(by: "", transitions: 1))
        bench.watch()
        #expect(bench.election.wake <= bench.now)
        #expect(bench.attempt())
    }

    @Test func `a deletion seen in the watch is tried at once by the holder only`() {
        let leader = ElectionBench()
        leader.attempt()
        leader.election.watched(.deleted, now: leader.now)
        #expect(leader.election.wake <= leader.now)
        let follower = ElectionBench()
        follower.shelf.put(held(by: "bing"))
        follower.attempt()
        follower.election.watched(.deleted, now: follower.now)
        #expect(follower.election.wake > follower.now)
    }

    @Test func `an old event of another holder does not end the term`() throws {
        let bench = ElectionBench()
        bench.shelf.put(held(by: "bing"))
        let old = try #require(bench.shelf.lease)
        bench.shelf.put(held(by: ""))
        bench.attempt()
        bench.calls = []
        bench.election.watched(.changed(old), now: bench.now)
        #expect(bench.isLeading)
        #expect(bench.election.wake <= bench.now)
        #expect(bench.attempt())
        #expect(bench.calls == ["update"])
        #expect(bench.termNumber == 1)
        #expect(bench.election.wake == bench.now + .seconds(2))
    }

    @Test func `a retired replica ignores the watch`() throws {
        let bench = ElectionBench()
        bench.shelf.put(held(by: "bing"))
        bench.attempt()
        bench.election.retire()
        bench.shelf.put(held(by: ""))
        bench.watch()
        #expect(bench.election.wake > bench.now)
    }
}
