import Kubernetes
import Leadership
import Platform
import Testing

/// How the Lease is acquired: client-go's vectors, and ours.
@Suite struct ElectionAcquireTests {
    @Test func `a missing Lease is created once nobody can hold it, at the first installation too`() {
        let bench = ElectionBench(hasWaited: false)
        #expect(!bench.election.isKnown)
        #expect(!bench.attempt())
        #expect(bench.election.isKnown)
        #expect(bench.drainNotices() == [.missing(for: .seconds(10))])
        bench.pass(.seconds(10) - .nanoseconds(1))
        #expect(!bench.attempt())
        #expect(bench.election.wake == bench.now + .nanoseconds(1))
        bench.pass(.nanoseconds(1))
        bench.calls = []
        #expect(bench.attempt())
        #expect(bench.drainNotices().count == 2)
        #expect(bench.calls == ["get", "create"])
        #expect(bench.spec?.holder == "baz")
        #expect(bench.spec?.leaseTransitions == 0)
        #expect(bench.spec?.leaseDurationSeconds == 10)
        #expect(bench.spec?.renewTime == "1970-01-01T00:16:50.000000Z")
        #expect(bench.spec?.acquireTime == bench.spec?.renewTime)
    }

    @Test(arguments: [LeaseSpec(), held(by: ""), held(by: "", renewed: "long after now")])
    func `a Lease without a holder is acquired at once`(spec: LeaseSpec) {
        let bench = ElectionBench()
        bench.shelf.put(spec)
        #expect(bench.attempt())
        #expect(bench.calls == ["get", "update"])
        #expect(bench.spec?.holder == "baz")
        #expect(bench.spec?.leaseTransitions == 1)
    }

    @Test func `a fresh Lease of another is not acquired`() {
        let bench = ElectionBench()
        bench.shelf.put(held(by: "bing"))
        #expect(!bench.attempt())
        #expect(bench.calls == ["get"])
        #expect(bench.followed == "bing")
        #expect(bench.drainNotices() == [.holder("bing")])
    }

    @Test func `the duration in the Lease counts, not our own`() {
        let bench = ElectionBench()
        bench.shelf.put(held(by: "bing", for: 3))
        #expect(!bench.attempt())
        bench.pass(.nanoseconds(2_999_999_999))
        #expect(!bench.attempt())
        bench.pass(.nanoseconds(1))
        #expect(bench.attempt())
        #expect(bench.calls == ["get", "get", "get", "update"])
        #expect(bench.spec?.leaseTransitions == 1)
    }

    @Test(arguments: [nil, 0, -5])
    func `a Lease without a usable duration gets our own`(seconds: Int?) {
        let bench = ElectionBench()
        bench.shelf.put(held(by: "bing", for: seconds))
        #expect(!bench.attempt())
        bench.pass(.nanoseconds(9_999_999_999))
        #expect(!bench.attempt())
        bench.pass(.nanoseconds(1))
        #expect(bench.attempt())
    }

    @Test func `an absurd duration is capped at an hour and logged once`() {
        let bench = ElectionBench()
        bench.shelf.put(held(by: "bing", for: 2_147_483_647))
        #expect(!bench.attempt())
        bench.pass(.seconds(3599))
        #expect(!bench.attempt())
        let capped = ElectionNotice.durationCapped(2_147_483_647, limit: .seconds(3600))
        #expect(bench.drainNotices() == [.holder("bing"), capped])
        bench.pass(.seconds(1))
        #expect(bench.attempt())
    }

    @Test func `a renewal of the holder restarts the wait`() {
        let bench = ElectionBench()
        bench.shelf.put(held(by: "bing", renewed: "t1"))
        #expect(!bench.attempt())
        bench.pass(.seconds(9))
        bench.shelf.put(held(by: "bing", renewed: "t2"))
        #expect(!bench.attempt())
        bench.pass(.seconds(9))
        #expect(!bench.attempt())
        bench.pass(.seconds(1))
        #expect(bench.attempt())
    }

    @Test func `an edit of labels is not a renewal`() {
        let bench = ElectionBench()
        bench.shelf.put(held(by: "bing"))
        #expect(!bench.attempt())
        bench.pass(.seconds(9))
        bench.shelf.put(held(by: "bing"), annotations: ["someone": "was here"])
        #expect(!bench.attempt())
        bench.pass(.seconds(1))
        #expect(bench.attempt())
        #expect(bench.shelf.lease?.annotations["someone"] == "was here")
    }

    @Test func `a Lease that names us at start is renewed without a transition`() {
        let bench = ElectionBench()
        bench.shelf.put(held(by: "baz", transitions: 7))
        #expect(bench.attempt())
        #expect(bench.calls == ["get", "update"])
        #expect(bench.spec?.leaseTransitions == 7)
        #expect(bench.spec?.acquireTime == "t0")
        #expect(bench.election.held?.continued == nil)
    }

    @Test func `a faster candidate wins`() {
        let bench = ElectionBench()
        bench.shelf.put(held(by: ""))
        let read = bench.election.begin(bench.moment())
        let write = bench.receive(answerTo: read)
        bench.shelf.put(held(by: "bing"))
        guard let write else { Issue.record("no write"); return }
        #expect(bench.receive(answerTo: write) == nil)
        #expect(!bench.isLeading)
        #expect(!bench.attempt())
        #expect(bench.followed == "bing")
    }

    @Test func `a create that loses the race does not lead`() {
        let bench = ElectionBench()
        let read = bench.election.begin(bench.moment())
        let write = bench.receive(answerTo: read)
        bench.shelf.put(held(by: "bing"))
        guard case .create? = write, let write else { Issue.record("no create"); return }
        #expect(bench.receive(answerTo: write) == nil)
        #expect(!bench.isLeading)
    }

    @Test func `an acquisition whose answer was lost is found at the next attempt`() {
        let bench = ElectionBench()
        bench.shelf.put(held(by: "", transitions: 3))
        bench.faults = [nil, .answerLost]
        #expect(!bench.attempt())
        bench.pass(.seconds(3))
        #expect(bench.attempt())
        #expect(bench.spec?.leaseTransitions == 4)
        #expect(bench.election.held?.resourceVersion == bench.shelf.lease?.resourceVersion)
        #expect(bench.election.held?.continued == nil)
    }

    @Test func `the term's token is the resourceVersion of the acquiring write`() {
        let bench = ElectionBench()
        #expect(bench.attempt())
        let acquired = bench.shelf.lease?.resourceVersion
        bench.pass(.seconds(2))
        #expect(bench.attempt())
        #expect(bench.election.held?.resourceVersion == acquired)
        #expect(bench.election.held?.leaseUID == "uid-1")
        #expect(bench.shelf.lease?.resourceVersion != acquired)
    }

    @Test func `a write whose answer names another holder is not a success`() {
        let bench = ElectionBench()
        let read = bench.election.begin(bench.moment())
        _ = bench.receive(answerTo: read)
        bench.shelf.put(held(by: "bing"))
        guard let odd = bench.shelf.lease else { return }
        let next = bench.election.received(.lease(odd), bench.moment())
        #expect(next == nil)
        #expect(!bench.isLeading)
    }

    @Test(arguments: [(10, 10), (3, 10), (25, 25)])
    func `a deleted Lease is acquired only after a whole lease duration`(recorded: Int, waited: Int) {
        let bench = ElectionBench()
        bench.shelf.put(held(by: "bing", for: recorded))
        #expect(!bench.attempt())
        bench.shelf.delete()
        #expect(!bench.attempt())
        bench.pass(.seconds(waited) - .nanoseconds(1))
        #expect(!bench.attempt())
        bench.pass(.nanoseconds(1))
        #expect(bench.attempt())
        #expect(bench.spec?.leaseTransitions == 0)
    }

    @Test func `acquiring replaces our annotations and keeps others`() {
        let bench = ElectionBench()
        let before: [ExactText: ExactText] = [
            "cluster-agent/address": "old", "cluster-agent/public-key": "old", "a.b/c": "kept",
        ]
        bench.shelf.put(held(by: ""), annotations: before)
        bench.annotations = ["cluster-agent/address": "new"]
        #expect(bench.attempt())
        #expect(bench.shelf.lease?.annotations == ["cluster-agent/address": "new", "a.b/c": "kept"])
    }

    @Test func `a follower sees what the leader publishes`() {
        let bench = ElectionBench()
        let published: [ExactText: ExactText] = [
            "cluster-agent/address": "[::1]:5005", "cluster-agent/public-key": "sha256//x", "a.b/c": "no",
        ]
        bench.shelf.put(held(by: "bing"), annotations: published)
        bench.attempt()
        #expect(
            bench.election.leader(at: bench.now) == LeaderEndpoint(address: "[::1]:5005", publicKeyPin: "sha256//x"))
        #expect(bench.followed == "bing")
        #expect(bench.election.leader(at: bench.now + .seconds(10)) == nil)
        #expect(bench.election.foreignHolder(at: bench.now + .seconds(10)) == nil)
    }

    @Test func `a coordination strategy is logged once and overwritten`() {
        let bench = ElectionBench()
        var spec = held(by: "bing")
        spec.strategy = "OldestEmulationVersion"
        bench.shelf.put(spec)
        bench.attempt()
        bench.pass(.seconds(10))
        bench.attempt()
        #expect(bench.drainNotices().contains(.strategyIgnored("OldestEmulationVersion")))
        #expect(bench.spec?.strategy == nil)
    }
}
