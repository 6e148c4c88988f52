import Platform
import Testing

@testable import Replica

/// Whom the Lease may name, and what may be told when.
@Suite struct InSyncReplicasTests {
    private static let (one, two) = (ExactText("a_1"), ExactText("b_2"))

    private func at(_ seconds: Double) -> Instant { Instant(nanoseconds: 1_000_000_000) + .seconds(seconds) }

    /// One follower, in sync and named.
    private func named() -> Subject {
        let replicas = Subject()
        #expect(replicas.acknowledge(Self.one, 5, now: at(0)))
        #expect(replicas.nominate(now: at(0), silence: .seconds(7)) == [Self.one])
        replicas.stored([Self.one])
        return replicas
    }

    @Test func `without followers everything may be told`() {
        let replicas = Subject()
        #expect(replicas.admit(1_000))
        #expect(replicas.nominate(now: at(0), silence: .seconds(7)).isEmpty)
    }

    @Test func `a follower that has acknowledged everything told is named, and waited for`() {
        let replicas = named()
        #expect(replicas.named == [Self.one])
        #expect(replicas.admit(5))
        #expect(!replicas.admit(6))
        #expect(replicas.acknowledge(Self.one, 6, now: at(1)))
        #expect(replicas.admit(6))
    }

    @Test func `a follower that joins is waited for, and named once it knows what was told before`() {
        let replicas = Subject()
        #expect(replicas.admit(9))
        #expect(replicas.acknowledge(Self.one, 7, now: at(0)))
        #expect(replicas.nominate(now: at(0), silence: .seconds(7)).isEmpty)
        #expect(!replicas.admit(8))
        #expect(replicas.acknowledge(Self.one, 9, now: at(0)))
        #expect(replicas.nominate(now: at(0), silence: .seconds(7)) == [Self.one])
    }

    @Test func `one that is named holds up what it has not acknowledged until the Lease no longer names it`() {
        let replicas = named()
        #expect(!replicas.admit(6))
        #expect(replicas.strikeOff(behind: 6, now: at(1)))
        #expect(!replicas.admit(6))
        // A write that failed may have been stored, or a former one: it may still be named.
        #expect(replicas.nominate(now: at(1), silence: .seconds(7)).isEmpty)
        #expect(!replicas.admit(6))
        replicas.stored([])
        #expect(replicas.admit(6))
    }

    @Test func `one that is proposed in a write of unknown outcome is waited for`() {
        let replicas = Subject()
        #expect(replicas.acknowledge(Self.one, 5, now: at(0)))
        #expect(replicas.nominate(now: at(0), silence: .seconds(7)) == [Self.one])
        // Never stored, as far as is known.
        #expect(replicas.strikeOff(behind: 6, now: at(1)))
        #expect(!replicas.admit(6))
    }

    @Test func `one that only joins is given up without a write of the Lease`() {
        let replicas = Subject()
        #expect(replicas.admit(9))
        #expect(replicas.acknowledge(Self.one, 7, now: at(0)))
        #expect(!replicas.admit(10))
        #expect(!replicas.strikeOff(behind: 10, now: at(1)))
        #expect(replicas.admit(10))
    }

    @Test func `one that was struck off returns when it has caught up, later each time`() {
        let replicas = named()
        var now = 1.0
        for absence in [1.0, 2, 4, 8, 16, 32, 64, 64] {
            #expect(replicas.strikeOff(behind: 6, now: at(now)) || absence > 1)
            replicas.stored([])
            #expect(replicas.acknowledge(Self.one, 6, now: at(now + absence - 0.01)))
            #expect(replicas.nominate(now: at(now + absence), silence: .seconds(7)).isEmpty)
            #expect(replicas.acknowledge(Self.one, 6, now: at(now + absence)))
            #expect(replicas.nominate(now: at(now + absence), silence: .seconds(7)) == [Self.one])
            replicas.stored([Self.one])
            now += absence
            // It lags again.
            #expect(replicas.acknowledge(Self.one, 5, now: at(now)))
        }
    }

    @Test func `one that was struck off returns at once when the term is about to end, if it knows everything told`() {
        let replicas = named()
        #expect(replicas.strikeOff(behind: 6, now: at(1)))
        replicas.stored([])
        #expect(replicas.admit(6))
        #expect(replicas.recall(now: at(1.1), silence: .seconds(7)))
        #expect(replicas.nominate(now: at(1.1), silence: .seconds(7)).isEmpty)
        #expect(replicas.acknowledge(Self.one, 6, now: at(1.2)))
        #expect(replicas.recall(now: at(1.2), silence: .seconds(7)))
        #expect(!replicas.admit(7))
        #expect(replicas.nominate(now: at(1.2), silence: .seconds(7)) == [Self.one])
        replicas.stored([Self.one])
        #expect(!replicas.recall(now: at(1.3), silence: .seconds(7)))
        // Nobody waits for one that is gone.
        #expect(!Subject().recall(now: at(0), silence: .seconds(7)))
        replicas.stored([])
        #expect(!replicas.recall(now: at(30), silence: .seconds(7)))
    }

    @Test func `a follower that lies about an older version holds up nothing for long`() {
        let replicas = named()
        #expect(replicas.admit(5))
        #expect(replicas.acknowledge(Self.one, 0, now: at(1)))
        #expect(!replicas.admit(5))
        #expect(replicas.strikeOff(behind: 5, now: at(1.1)))
        replicas.stored([])
        #expect(replicas.admit(5))
    }

    @Test func `a silent follower is not named again`() {
        let replicas = named()
        #expect(replicas.acknowledge(Self.two, 5, now: at(20)))
        #expect(replicas.nominate(now: at(20), silence: .seconds(7)) == [Self.two])
        replicas.stored([Self.two])
        #expect(replicas.leastAcknowledged(heardSince: at(10)) == 5)
        #expect(replicas.leastAcknowledged(heardSince: at(30)) == nil)
    }

    @Test func `there is a limit to followers, and silent ones make room`() {
        let replicas = Subject()
        for number in 0..<InSyncReplicas.limit {
            #expect(replicas.acknowledge(ExactText("r\(number)"), 1, now: at(0)))
        }
        #expect(!replicas.acknowledge(Self.one, 1, now: at(1)))
        #expect(replicas.acknowledge(Self.one, 1, now: at(100)))
    }
}

/// `#expect` takes no mutating calls.
private final class Subject {
    private var replicas = InSyncReplicas()

    var named: Set<ExactText> { replicas.named }

    func acknowledge(_ replica: ExactText, _ version: UInt64, now: Instant) -> Bool {
        replicas.acknowledge(replica, version, now: now)
    }

    func admit(_ version: UInt64) -> Bool { replicas.admit(version) }

    func strikeOff(behind version: UInt64, now: Instant) -> Bool { replicas.strikeOff(behind: version, now: now) }

    func nominate(now: Instant, silence: Duration) -> [ExactText] { replicas.nominate(now: now, silence: silence) }

    func recall(now: Instant, silence: Duration) -> Bool { replicas.recall(now: now, silence: silence) }

    func stored(_ names: [ExactText]) { replicas.stored(names) }

    func leastAcknowledged(heardSince: Instant) -> UInt64? { replicas.leastAcknowledged(heardSince: heardSince) }
}
