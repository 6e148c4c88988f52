import Glibc
import Platform
import TestKit
import TestSupport
import Testing

extension RealClusterTests {
    /// A leader that is killed just when it places a config, again and again: ten times, or as many as
    /// `TEST_TAKEOVERS` says. In each fifth round the follower is frozen meanwhile.
    @Suite(.timeLimit(.minutes(40))) struct TakeoverTests {
        private static let rounds = processEnvironment()["TEST_TAKEOVERS"].flatMap { Int($0) } ?? 10

        @Test func `a leader that is killed while it places a config moves nothing`() async throws {
            var services = 6
            let clock = SystemClock()
            try await ReplicatedCluster.run(replicas: 2, services: services) { cluster in
                try await cluster.settle(configs: services)
                for round in 0..<Self.rounds {
                    try await Self.untilNamed(cluster)
                    let leader = try await cluster.leader()
                    let before = cluster.nodes.map { $0.sets.last ?? [] }
                    let fetches = cluster.nodes.map(\.sets.count)
                    let isFrozen = round % 5 == 4
                    if isFrozen { cluster.replica(1 - leader).process.signal(SIGSTOP) }
                    try await cluster.plane.apply(annotatedServices: services..<services + 1)
                    services += 1
                    try await clock.sleep(until: clock.now() + .milliseconds(10 * (round % 10)))
                    cluster.replica(leader).process.signal(SIGKILL)
                    if isFrozen {
                        try await clock.sleep(until: clock.now() + .milliseconds(500))
                        cluster.replica(1 - leader).process.signal(SIGCONT)
                    }
                    try await cluster.replica(leader).process.wait(within: .seconds(30))
                    try cluster.restart(leader)
                    try await cluster.settle(configs: services)
                    // One that was frozen may have been struck off; then it places anew what it does not know.
                    guard !isFrozen else { continue }
                    for (index, node) in cluster.nodes.enumerated() {
                        let after = Set(node.sets.last ?? [])
                        #expect(after.isSuperset(of: before[index]), "round \(round): \(node.id) lost a config")
                        // It fetches for the new config, or not at all.
                        #expect(node.sets.count - fetches[index] == (after.count > before[index].count ? 1 : 0))
                    }
                }
            }
        }

        private static func untilNamed(_ cluster: ReplicatedCluster) async throws {
            try await eventually(within: .seconds(60), "a follower that the Lease names") {
                let lease = try await cluster.plane.kubectl(
                    "--namespace=cluster-agent", "get", "lease", "cluster-agent",
                    "--output=jsonpath={.metadata.annotations}")
                return lease.contains("cluster-agent/mirrored-by") ? true : nil
            }
        }
    }
}
