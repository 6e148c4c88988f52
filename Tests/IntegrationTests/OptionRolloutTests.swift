import Glibc
import Platform
import TestKit
import TestSupport
import Testing

extension RealClusterTests {
    /// Replicas are replaced one by one by others with changed options.
    @Suite(.timeLimit(.minutes(5))) struct OptionRolloutTests {
        /// Which node has which checks, by the checks' names: their IDs change with the bytes.
        private func names(_ nodes: [String: [String]]) -> [String: [String]] {
            nodes.mapValues { ids in ids.map { $0.split(separator: ":").dropLast().joined(separator: ":") }.sorted() }
        }

        @Test func `other tags for all checks change every check's bytes, and move none`() async throws {
            try await ReplicatedCluster.run(replicas: 2, services: 9) { cluster in
                try await cluster.settle(configs: 9)
                let before = try await cluster.placements()
                for number in [0, 1] {
                    cluster.replica(number).process.signal(SIGTERM)
                    #expect(try await cluster.replica(number).process.wait(within: .seconds(60)) == .exited(0))
                    try cluster.restart(number, ["--cluster_checks.extra_tags=team:shop"])
                    try await cluster.settle(configs: 9)
                }
                let after = try await cluster.placements()
                #expect(names(after) == names(before))
                #expect(Set(after.values.joined()).isDisjoint(with: before.values.joined()))
                for number in [0, 1] {
                    let output = cluster.replica(number).process.output
                    #expect(!output.contains("moved check"), "\(output)")
                }
            }
        }
    }
}
