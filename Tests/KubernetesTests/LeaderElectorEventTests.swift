import Platform
import Synchronization
import TestKit
import Testing

@testable import Kubernetes

/// What the elector tells about itself: Events, the age of its last attempt, metrics.
@Suite struct LeaderElectorEventTests {
    /// An elector with client-go's timing of this vector: 15, 2 and 1 s.
    private static func make(
        _ clock: VirtualClock
    ) throws -> (LeaseServer, LeaderElector, EventRecorder, EventShelf) {
        let (server, shelf) = (LeaseServer(clock: clock), EventShelf(clock: clock))
        let recorder = EventRecorder(
            events: shelf, component: "c", instance: "pod-1", clock: clock, entropy: SeededEntropy(seed: 1),
            log: Log(sink: NoLog()))
        let options = LeaderElectionOptions(
            identity: "a", leaseDuration: .seconds(15), renewDeadline: .seconds(3), retryPeriod: .seconds(1))
        let elector = try LeaderElector(
            options: options, leases: server.client("a"), recorder: recorder, clock: clock,
            entropy: SeededEntropy(seed: 2), log: Log(sink: NoLog()))
        return (server, elector, recorder, shelf)
    }

    /// After the acquisition renewals take two requests, a reading and a writing, because the Lease was edited; the
    /// cancellation comes while one of them is under way.
    @Test(arguments: [("PUT", 1100), ("GET", 1300), ("PUT after GET", 1500)])
    func `cancellation releases the Lease and records both changes once`(during: String, milliseconds: Int) throws {
        try virtually { clock in
            let (server, elector, recorder, shelf) = try Self.make(clock)
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await elector.run() }
                await clock.sleep(.milliseconds(500))
                var slow = LeaseServer.Conditions()
                slow.latency = .milliseconds(100)
                server.set("a", slow)
                server.edit { $0.edit { $0.merge(labels: ["x": "y"]) } }
                await clock.sleep(.milliseconds(milliseconds - 500))
                group.cancelAll()
            }
            server.set("a", .init())
            await elector.release()
            await recorder.finish()
            #expect(server.lease?.spec.holder == "", "\(during)")
            #expect(shelf.told == ["a became leader ×1", "a stopped leading ×1"], "\(during)")
            for event in shelf.events {
                #expect(event.note.about.kind == "Lease")
                #expect(event.note.about.uid == "uid-1")
                #expect(event.note.reason == "LeaderElection")
                #expect(event.note.type == .normal)
            }
        }
    }

    @Test func `a leader that is cut off records that it stopped and later that it leads again`() throws {
        try virtually { clock in
            let (server, elector, recorder, shelf) = try Self.make(clock)
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await elector.run() }
                group.addTask { await recorder.run() }
                await clock.sleep(.seconds(5))
                var cut = LeaseServer.Conditions()
                cut.isCut = true
                server.set("a", cut)
                await clock.sleep(.seconds(5))
                #expect(shelf.told == ["a became leader ×1", "a stopped leading ×1"])
                server.set("a", .init())
                await clock.sleep(.seconds(5))
                #expect(shelf.told == ["a became leader ×2", "a stopped leading ×1"])
                group.cancelAll()
            }
        }
    }

    @Test func `the metrics show holder, deadline and renewals`() throws {
        try virtually { clock in
            let (server, elector, _, _) = try Self.make(clock)
            func page() -> [Substring] {
                var page = MetricsWriter()
                elector.collect(into: &page)
                return page.text.split(separator: "\n")
            }
            let before = page()
            #expect(before.contains("leader_election_is_leader{join_leader=\"true\",is_leader=\"false\"} 1"))
            #expect(!before.contains { $0.hasPrefix("leader_election_holder_info") })
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await elector.run() }
                await clock.sleep(.milliseconds(3500))
                let leading = page()
                // One acquisition, a renewal for what the watch showed first, and the renewals: 2 ms each.
                let expected = [
                    "leader_election_master_status{name=\"bar\"} 1",
                    "leader_election_slowpath_total{name=\"bar\"} 0",
                    "leader_election_is_leader{join_leader=\"true\",is_leader=\"true\"} 1",
                    "leader_election_transitions{name=\"bar\"} 1",
                    "leader_election_holder_info{name=\"bar\",holder=\"a\"} 1",
                    "leader_election_renew_duration_seconds_bucket{name=\"bar\",le=\"0.005\"} 4",
                    "leader_election_renew_duration_seconds_bucket{name=\"bar\",le=\"+Inf\"} 4",
                    "leader_election_renew_duration_seconds_count{name=\"bar\"} 4",
                ]
                for line in expected { #expect(leading.contains { $0 == line }, "\(line)") }
                let left = leading.first { $0.hasPrefix("leader_election_deadline_seconds") }?.split(separator: " ")
                    .last
                #expect((2.0...3.0).contains(Double(left ?? "") ?? 0))
                var cut = LeaseServer.Conditions()
                cut.isCut = true
                server.set("a", cut)
                await clock.sleep(.seconds(5))
                #expect(page().contains("leader_election_deadline_seconds{name=\"bar\"} 0"))
                #expect(page().contains("leader_election_is_leader{join_leader=\"true\",is_leader=\"false\"} 1"))
                group.cancelAll()
            }
        }
    }
}

/// A liveness probe may restart a replica whose loop hangs, and never one whose API server is away.
@Suite struct LeaderElectorLivenessTests {
    private static func oldest(_ conditions: LeaseServer.Conditions) throws -> Duration {
        try virtually { clock in
            let server = LeaseServer(clock: clock)
            server.edit { $0.put(held(by: "z", for: 30)) }
            let replica = try Replica("a", server)
            let oldest = Mutex(Duration.zero)
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await replica.elector.run() }
                for second in 0..<3600 {
                    if second == 600 { server.set("a", conditions) }
                    await clock.sleep(.seconds(1))
                    let age = clock.now() - replica.elector.lastAttempt
                    oldest.withLock { $0 = max($0, age) }
                }
                group.cancelAll()
            }
            // Three requests of 5 s each and a pause of at most 2.2 × 2 s.
            #expect(abs(replica.elector.longestAttempt.seconds - 19.4) < 0.001)
            return oldest.withLock { $0 }
        }
    }

    @Test func `an outage of the API server does not stop the attempts`() throws {
        var cut = LeaseServer.Conditions()
        cut.isCut = true
        #expect(try Self.oldest(cut) <= .milliseconds(19_400))
        var slow = LeaseServer.Conditions()
        slow.latency = .milliseconds(2400)
        slow.lostShare = 0.3
        #expect(try Self.oldest(slow) <= .milliseconds(19_400))
    }

    @Test func `a hanging loop is noticed`() throws {
        try virtually { clock in
            let elector = try LeaderElector(
                options: LeaderElectionOptions(identity: "a"), leases: HangingLeases(clock: clock), clock: clock,
                entropy: SeededEntropy(seed: 1), log: Log(sink: NoLog()))
            let start = clock.now()
            #expect(elector.lastAttempt == start)
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await elector.run() }
                await clock.sleep(.seconds(100))
                #expect(clock.now() - elector.lastAttempt > elector.longestAttempt)
                group.cancelAll()
            }
        }
    }

    /// Breaks the promise to return by the deadline.
    private struct HangingLeases: LeaseClient {
        let clock: VirtualClock
        let namespace = "foo"
        let name = "bar"

        func get(deadline: Instant) async -> LeaseResult {
            await clock.sleep(.seconds(100_000))
            return .notFound
        }

        func create(_ lease: Lease, deadline: Instant) async -> LeaseResult { .notFound }
        func update(_ lease: Lease, deadline: Instant) async -> LeaseResult { .notFound }

        func watch(deadline: Instant, onEvent: @escaping @Sendable (LeaseEvent) -> Void) async -> KubernetesError? {
            await clock.sleep(.seconds(100_000))
            return nil
        }
    }
}
