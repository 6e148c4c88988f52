import Platform
import TestKit
import TestSupport
import Testing

extension RealClusterTests {
    /// Hand-overs between three replicas, by everything that may end a leader: one of each kind, or as many as
    /// `TEST_HANDOVERS` says.
    ///
    /// Nothing is taken from the replicas' own logs: the times are those at which the prober had an answer, the Lease's
    /// writes those that the proxy recorded.
    @Suite(.timeLimit(.minutes(40))) struct HandOverTests {
        private static let count = processEnvironment()["TEST_HANDOVERS"].flatMap { Int($0) } ?? HandOver.allCases.count
        private static let configs = 6

        @Test func `however a leader ends, no two terms answer and every config stays placed`() async throws {
            let clock = SystemClock()
            let began = clock.now()
            var times: [HandOver: [Duration]] = [:]
            try await ReplicatedCluster.run(replicas: 3, services: Self.configs) { cluster in
                try await cluster.settle(configs: Self.configs)
                for number in 0..<Self.count {
                    let kind = HandOver.allCases[number % HandOver.allCases.count]
                    let leader = try await cluster.leader()
                    let before = cluster.prober.newestTerm
                    let cause = clock.now()
                    try await kind.begin(cluster, leader)
                    let answer = try await eventually(within: kind.bound + .seconds(30), "a term after \(kind)") {
                        cluster.prober.firstAnswer(ofTermAfter: before, since: cause)
                    }
                    let time = answer.received - cause
                    #expect(time <= kind.bound, "\(kind.rawValue): \(time.seconds) s")
                    times[kind, default: []].append(time)
                    try await kind.end(cluster, leader)
                    try await cluster.settle(configs: Self.configs)
                }
                let violations = try cluster.prober.violations(expected: Self.configs)
                #expect(violations.isEmpty, "\(violations.count): \(violations.prefix(5))")
                Self.report(times, cluster, duration: clock.now() - began)
            }
        }

        private static func report(_ times: [HandOver: [Duration]], _ cluster: ReplicatedCluster, duration: Duration) {
            print("| what ended the leader | hand-overs | median s | longest s | bound s |\n|---|---|---|---|---|")
            for kind in HandOver.allCases {
                let sorted = (times[kind] ?? []).map(\.seconds).sorted()
                guard let longest = sorted.last else { continue }
                let median = rounded(sorted[sorted.count / 2])
                print(
                    "| \(kind.rawValue) | \(sorted.count) | \(median) | \(rounded(longest)) | "
                        + "\(rounded(kind.bound.seconds)) |")
            }
            let changes = cluster.nodes.map { max(0, $0.sets.count - 1) }.reduce(0, +)
            print(
                "\(count) hand-overs of a Lease of \(ReplicatedCluster.leaseSeconds) s in \(rounded(duration.seconds)) s; "
                    + "\(cluster.prober.all.count) answers; node-agents' sets changed \(changes) times")
        }
    }
}

/// With two decimals.
func rounded(_ number: Double) -> Double {
    (number * 100).rounded() / 100
}

/// Tests with clusters of their own, one after the other: each needs both cores.
@Suite(.serialized) enum RealClusterTests {}
