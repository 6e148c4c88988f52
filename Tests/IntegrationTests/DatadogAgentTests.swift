import Glibc
import Platform
import TestKit
import TestSupport
import Testing

extension RealClusterTests {
    /// Three node agents, written from the protocol's description alone, behind a Service of three replicas.
    @Suite(.timeLimit(.minutes(10))) struct DatadogAgentTests {
        /// A node that is heard of now and then is not lost.
        private static let longerThanAnyFault = 25
        private let clock = SystemClock()

        @Test func `agents keep every check whatever happens to the replicas`() async throws {
            let plane = try await ControlPlane.start()
            let cluster = try await FrontedCluster(
                plane, replicas: 3, agents: ["a", "b", "c"], expirationSeconds: Self.longerThanAnyFault)
            for number in 0..<9 { try await cluster.want(number) }
            try cluster.start()
            for number in 0..<3 { try await cluster.awaitReady(number) }
            try await cluster.settle("the warm-up")
            for agent in cluster.agents { #expect(agent.running.count == 3, "\(agent.id): \(agent.running)") }

            try await followerAlone(cluster)
            try await leaderChanges(cluster)
            for number in 0..<3 {
                // A pod that terminates is taken out of its Service, and its connections stay until it closes them.
                try await cluster.serve(without: number)
                try await cluster.restart(number, by: SIGTERM)
                try await cluster.serve()
            }
            try await cluster.settle("the rolling restart of all replicas")
            try await storm(cluster)
            try await eventually(within: .seconds(60), "every agent to have built its client three times") {
                cluster.agents.allSatisfy { $0.events.count { $0.kind == "client" } >= 3 }
            }
            try await cluster.settle("the clients that were built again")

            let violations = cluster.violations(mayMove: false)
            #expect(violations.isEmpty, "\(violations)")
            report(cluster, try await cluster.service.counts())
            try await cluster.stop()
        }

        /// What moves checks, one after the other: a removal before a change of the leader, as a new leader places anew
        /// by what there is then; an agent that joins; and a Service that is down for so long that every agent counts
        /// as lost.
        @Test func `a moving check is run by nobody or by two agents only for a moment`() async throws {
            let plane = try await ControlPlane.start()
            let expirationSeconds = 6
            let cluster = try await FrontedCluster(
                plane, replicas: 2, agents: ["a", "b", "c"], expirationSeconds: expirationSeconds)
            for number in 0..<9 { try await cluster.want(number) }
            try cluster.start()
            for number in 0..<2 { try await cluster.awaitReady(number) }
            try await cluster.settle("the warm-up")
            try await cluster.dismiss(0)
            try await cluster.settle("a removal")
            #expect(cluster.moves == 0)
            try await cluster.restart(try await cluster.leader(), by: SIGTERM)
            try await cluster.settle("a leader that was asked to go after a removal")
            let byLeader = cluster.moves

            try cluster.join("d")
            try await eventually(within: .seconds(60), "the share of an agent that joined") {
                !cluster.agents[3].running.isEmpty
            }
            try await cluster.settle("an agent that joined")
            let byJoining = cluster.moves
            #expect(byJoining - byLeader <= 2, "more than its share of eight")

            try await cluster.service.set(.down)
            try await clock.sleep(until: clock.now() + .seconds(expirationSeconds + 3))
            try await cluster.service.set(.none)
            try await cluster.settle("an outage longer than the expiration timeout")
            print(
                "moves by a leader change \(byLeader), by joining \(byJoining - byLeader), by an outage \(cluster.moves - byJoining)"
            )
            let violations = cluster.violations(mayMove: true)
            #expect(violations.isEmpty, "\(violations)")
            try await cluster.stop()
        }

        /// Every call goes through a follower; an edit and a removal reach the agents that have the checks.
        ///
        /// What is removed here is what is placed last, so that a new leader, which places anew, comes to the same.
        private func followerAlone(_ cluster: FrontedCluster) async throws {
            let leader = try await cluster.leader()
            try await cluster.serve(only: (leader + 1) % 3)
            try await cluster.settle("a follower alone")
            try await cluster.want(0, edition: 1)
            try await cluster.settle("an edit through a follower")
            try await cluster.dismiss(8)
            try await cluster.settle("a removal through a follower")
            #expect(try await cluster.leader() == leader)
            try await cluster.serve()
        }

        /// The leader is asked to go, and the next one is killed and stays away for a while, with its connections still
        /// coming.
        private func leaderChanges(_ cluster: FrontedCluster) async throws {
            try await cluster.restart(try await cluster.leader(), by: SIGTERM)
            try await cluster.settle("a leader that was asked to go")
            try await cluster.restart(try await cluster.leader(), by: SIGKILL, absence: .seconds(8))
            try await cluster.settle("a leader that was killed")
        }

        /// Half of the requests never arrive, of the others half the answers do not; what changes meanwhile arrives at
        /// the latest afterwards.
        private func storm(_ cluster: FrontedCluster) async throws {
            try await cluster.service.set(.storm)
            try await clock.sleep(until: clock.now() + .seconds(4))
            try await cluster.want(1, edition: 1)
            try await cluster.dismiss(7)
            try await clock.sleep(until: clock.now() + .seconds(6))
            try await cluster.service.set(.none)
            try await cluster.settle("a storm of 5xx")
            try await cluster.service.set(.down)
            try await clock.sleep(until: clock.now() + .seconds(5))
            try await cluster.service.set(.none)
            try await cluster.settle("a Service that was down")
        }

        private func report(_ cluster: FrontedCluster, _ counts: [ExactText: Int]) {
            print("| agent | answers | errors | scheduled | unscheduled | clients |\n|---|---|---|---|---|---|")
            for agent in cluster.agents {
                let kinds = Dictionary(grouping: agent.events, by: \.kind).mapValues(\.count)
                let columns = ["answer", "error", "schedule", "unschedule", "client"].map { "\(kinds[$0] ?? 0)" }
                print("| \(agent.id) | \(columns.joined(separator: " | ")) |")
            }
            print("what became of the requests: \(counts.sorted { $0.key < $1.key }.map { "\($0.value) × \($0.key)" })")
        }
    }
}
