import Kubernetes
import Platform
import Testing

/// How a term is kept, lost and given back.
@Suite struct ElectionTermTests {
    private static func leading() -> ElectionBench {
        let bench = ElectionBench()
        bench.attempt()
        bench.calls = []
        _ = bench.takeNotices()
        return bench
    }

    @Test func renewalsNeedOneRequestEach() {
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

    @Test func anEditBySomebodyElseCostsOneReading() {
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

    @Test func theTermCountsFromTheSendingOfTheRenewal() {
        let bench = Self.leading()
        #expect(bench.election.held?.validUntil == bench.now + .seconds(8))
        bench.pass(.seconds(2))
        let sent = bench.now
        bench.faults = [.late(.seconds(4))]
        #expect(bench.attempt())
        #expect(bench.election.held?.validUntil == sent + .seconds(8))
    }

    @Test func theTermEndsWhenNoRenewalSucceeds() {
        let bench = Self.leading()
        bench.pass(.nanoseconds(7_999_999_999))
        #expect(bench.isLeading)
        bench.pass(.nanoseconds(1))
        #expect(!bench.isLeading)
        bench.election.expire(bench.now)
        #expect(bench.election.held == nil)
        guard case .lost(_, .notRenewed)? = bench.takeNotices().first else {
            Issue.record("the loss is not told")
            return
        }
    }

    @Test func aRenewalWhoseAnswerWasLostIsRepeatedInTheSameTerm() {
        let bench = Self.leading()
        bench.pass(.seconds(2))
        bench.faults = [.answerLost]
        #expect(bench.attempt())
        #expect(bench.calls == ["update", "get", "update"])
        #expect(bench.termNumber == 1)
    }

    @Test func anAnswerAfterTheEndDoesNotReviveTheTerm() {
        let bench = Self.leading()
        bench.pass(.seconds(6))
        bench.faults = [.late(.seconds(3))]
        let first = bench.election.held
        #expect(bench.attempt())
        let second = bench.election.held
        #expect(bench.termNumber == 2)
        #expect(second?.continuesPrevious == true)
        #expect(second?.resourceVersion == bench.shelf.lease?.resourceVersion)
        #expect(second?.resourceVersion != first?.resourceVersion)
    }

    @Test func anAnswerThatIsOlderThanTheRenewDeadlineBeginsNoTerm() {
        let bench = ElectionBench()
        bench.faults = [nil, .late(.seconds(8))]
        #expect(!bench.attempt())
        #expect(bench.spec?.holder == "baz")
        #expect(bench.election.wake <= bench.now)
        #expect(bench.attempt())
        #expect(bench.calls == ["get", "create", "update"])
    }

    @Test func afterAPauseWithNobodyInBetweenANewTermContinuesTheOld() {
        let bench = Self.leading()
        let first = bench.election.held
        bench.pass(.seconds(30))
        #expect(bench.election.wake <= bench.now)
        #expect(bench.attempt())
        #expect(bench.calls == ["get", "update"])
        #expect(bench.termNumber == 2)
        #expect(bench.election.held?.continuesPrevious == true)
        #expect(bench.election.held?.resourceVersion != first?.resourceVersion)
        #expect(bench.spec?.leaseTransitions == 0)
    }

    @Test func afterAPauseInWhichAnotherLedNothingIsContinued() {
        let bench = Self.leading()
        bench.pass(.seconds(30))
        bench.shelf.put(held(by: "bing", transitions: 1))
        #expect(!bench.attempt())
        #expect(bench.followed == "bing")
        bench.shelf.put(held(by: "", renewed: "t2", transitions: 1))
        #expect(bench.attempt())
        #expect(bench.spec?.leaseTransitions == 2)
        #expect(bench.election.held?.continuesPrevious == false)
    }

    @Test func aReleasedLeaseOfAnotherThatCountsNoTransitionsIsNotContinued() {
        let bench = Self.leading()
        bench.pass(.seconds(30))
        bench.shelf.put(held(by: "", transitions: -1))
        #expect(bench.attempt())
        #expect(bench.spec?.leaseTransitions == 0)
        #expect(bench.election.held?.continuesPrevious == false)
    }

    @Test func anotherHolderEndsTheTermAtOnce() {
        let bench = Self.leading()
        bench.pass(.seconds(1))
        bench.shelf.put(held(by: "bing", transitions: 1))
        #expect(!bench.attempt())
        #expect(bench.election.held == nil)
        #expect(bench.followed == "bing")
        guard case .lost(_, .taken(by: "bing"))? = bench.takeNotices().last else {
            Issue.record("the loss is not told last")
            return
        }
    }

    @Test func aLeaseDeletedWhileLeadingIsMadeAgainInANewTerm() {
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
        #expect(bench.election.held?.continuesPrevious == false)
        #expect(bench.spec?.leaseTransitions == 5)
        #expect(bench.spec?.acquireTime == acquired)
    }

    @Test func aLeaseMadeAnewByAnotherIsNotTakenForOurs() {
        let bench = Self.leading()
        bench.shelf.delete()
        bench.shelf.put(held(by: "bing"))
        #expect(!bench.attempt())
        #expect(bench.election.held == nil)
    }

    @Test func requestsNeverOutliveTheTerm() {
        let bench = Self.leading()
        #expect(bench.election.deadline(now: bench.now) == bench.now + .seconds(4))
        bench.pass(.seconds(6))
        #expect(bench.election.deadline(now: bench.now) == bench.now + .seconds(2))
        let candidate = ElectionBench(leaseDuration: .seconds(3), renewDeadline: .milliseconds(1500))
        #expect(candidate.election.deadline(now: candidate.now) == candidate.now + .seconds(1))
    }

    @Test func retirementEndsTheTermAndNeverWritesAgain() {
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

    @Test func aWriteThatWasUnderWayAtRetirementBeginsNoTerm() {
        let bench = ElectionBench()
        let read = bench.election.begin(bench.moment())
        guard let write = bench.receive(answerTo: read) else { return }
        bench.election.retire()
        #expect(bench.receive(answerTo: write) == nil)
        #expect(!bench.isLeading)
        #expect(bench.spec?.holder == "baz")
    }

    @Test func theReleaseEmptiesTheHolderAndOurAnnotationsOnly() throws {
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
        #expect(bench.takeNotices().last == .released)
        #expect(bench.election.isKnown && !bench.isLeading && bench.followed == nil)
    }

    @Test func whatIsNotOursIsNotReleased() {
        let bench = Self.leading()
        bench.shelf.put(held(by: "bing", transitions: 1))
        #expect(bench.release())
        #expect(bench.calls == ["get"])
        #expect(bench.spec?.holder == "bing")
        #expect(bench.followed == "bing")
    }

    @Test func whoNeverClaimedTheLeaseReleasesWithoutAsking() {
        let bench = ElectionBench()
        bench.shelf.put(held(by: "bing"))
        bench.attempt()
        #expect(bench.release())
        #expect(bench.calls == ["get"])
        #expect(bench.election.isRetired)
    }

    @Test func aReleaseIsRepeatedWhereNoAnswerCame() {
        let bench = Self.leading()
        bench.faults = [.lost, nil, .answerLost]
        #expect(bench.release())
        #expect(bench.calls == ["get", "get", "update", "get"])
        #expect(bench.spec?.holder == "")
    }

    @Test(arguments: [(403, false), (500, true), (429, true)])
    func aRefusedReleaseIsRepeatedOnlyIfItMaySucceedLater(code: Int, isRepeated: Bool) {
        let bench = Self.leading()
        guard let get = bench.election.beginRelease() else { Issue.record("nothing to release"); return }
        let error = KubernetesError.status(Status(code: code))
        switch bench.election.receivedDuringRelease(.failed(error), to: get, bench.moment()) {
        case .askLater(.get, error): #expect(isRepeated)
        case .failed(error): #expect(!isRepeated)
        default: Issue.record("neither repeated nor failed")
        }
    }

    @Test func aFailureIsToldOnceAndSoIsItsEnd() {
        let bench = Self.leading()
        for _ in 0..<3 {
            bench.pass(.seconds(1))
            bench.faults = [.lost, .lost]
            bench.attempt()
        }
        #expect(bench.takeNotices() == [.failing(.transport("lost"), leading: true)])
        bench.attempt()
        bench.attempt()
        #expect(bench.takeNotices() == [.recovered])
    }
}

/// When the next attempt is due, and what a watch changes about it.
@Suite struct ElectionTimingTests {
    @Test func aLeaderRenewsARetryPeriodAfterEachSuccess() {
        let bench = ElectionBench()
        bench.attempt()
        #expect(bench.election.wake == bench.now + .seconds(2))
        bench.pass(.seconds(2))
        bench.faults = [.late(.seconds(1))]
        bench.attempt()
        #expect(bench.election.wake == bench.now + .seconds(2))
    }

    @Test func aLeaderRetriesARetryPeriodAfterTheStartOfAFailure() {
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
    func aCandidateJittersItsRetries(fraction: Double, seconds: Double) {
        let bench = ElectionBench(leaseDuration: .seconds(15), renewDeadline: .seconds(10))
        bench.shelf.put(held(by: "bing", for: 15))
        bench.attempt(fraction: fraction)
        let pause = bench.election.wake - bench.now
        #expect(abs(pause.seconds - seconds) < 0.001)
    }

    @Test func aCandidateTriesAtTheObservedExpiryExactly() {
        let bench = ElectionBench()
        bench.shelf.put(held(by: "bing", for: 3))
        bench.attempt(fraction: 0.9)
        #expect(bench.election.wake == bench.now + .seconds(3))
        bench.pass(.seconds(3))
        bench.faults = [.lost]
        bench.attempt(fraction: 0.9)
        #expect(bench.election.wake > bench.now + .seconds(3))
    }

    @Test func theWatchSetsTheTimeOfObservation() throws {
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

    @Test func aReleasedLeaseInTheWatchIsTriedAtOnce() throws {
        let bench = ElectionBench()
        bench.shelf.put(held(by: "bing"))
        bench.attempt()
        bench.shelf.put(held(by: "", transitions: 1))
        bench.watch()
        #expect(bench.election.wake <= bench.now)
        #expect(bench.attempt())
    }

    @Test func aDeletedLeaseInTheWatchIsTriedAtOnceByItsHolderOnly() {
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

    @Test func anOldEventOfAnotherHolderDoesNotEndTheTerm() throws {
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

    @Test func aRetiredReplicaIsNotHinted() throws {
        let bench = ElectionBench()
        bench.shelf.put(held(by: "bing"))
        bench.attempt()
        bench.election.retire()
        bench.shelf.put(held(by: ""))
        bench.watch()
        #expect(bench.election.wake > bench.now)
    }
}
