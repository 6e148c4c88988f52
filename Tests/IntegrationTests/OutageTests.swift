import HTTPClient
import Platform
import TestKit
import TestSupport
import Testing

extension RealClusterTests {
    /// An API server that restarts, stays away, or has forgotten the version that a watch is at.
    @Suite(.timeLimit(.minutes(10))) struct OutageTests {
        private static let configs = 6
        /// How long the API server stays away; `TEST_OUTAGE_SECONDS=60` for the whole form.
        private static let outage = Duration.seconds(
            processEnvironment()["TEST_OUTAGE_SECONDS"].flatMap { Int($0) } ?? 12)

        /// What one replica may ask for in any second, and on average over an outage.
        ///
        /// The election tries once in each retry period, at most two requests a try; every watch breaks in the same
        /// moment and comes back after 0.8 to 1.6 s, then after twice that, and so on up to a minute.
        private static let longestSecond = 15
        private static let averageRate = 4.0

        @Test func `an outage of the API server changes nothing for node-agents and causes few requests`() async throws
        {
            let clock = SystemClock()
            try await ReplicatedCluster.run(replicas: 2, services: Self.configs) { cluster in
                try await cluster.settle(configs: Self.configs)
                try await cluster.plane.restartAPIServer()
                let restarted = clock.now()
                try await cluster.plane.apply(annotatedServices: 6..<7)
                try await cluster.settle(configs: 7)
                print(
                    "restart: a Service made after it was on an agent after \(rounded((clock.now() - restarted).seconds)) s"
                )
                let held = cluster.nodes.map(\.instances)

                let stopped = try await cluster.plane.stopAPIServer()
                try await Self.expectProbes(cluster, until: stopped + Self.outage)
                #expect(cluster.nodes.map(\.instances) == held)
                let ended = clock.now()
                try await cluster.plane.startAPIServer()
                let back = clock.now()
                try await cluster.plane.apply(annotatedServices: 7..<8)
                let bound = Self.longestPause(after: back - stopped) + .seconds(5)
                try await cluster.settle(configs: 8)
                let recovery = clock.now() - back
                #expect(recovery <= bound)
                for number in cluster.ports.indices {
                    try await eventually(within: .seconds(30), "replica \(number) to be ready") {
                        try await cluster.replica(number).probe("/readyz").status == 200
                    }
                }
                print(
                    "API server away for \(rounded((back - stopped).seconds)) s: a Service made after it was on an agent after "
                        + "\(rounded(recovery.seconds)) s; bound \(rounded(bound.seconds)) s")
                try await Self.expectCalm(cluster, from: stopped, to: ended)
                Self.expectNothingMoved(cluster, growingTo: 8)
            }
        }

        @Test func `a watch at a compacted version lists again and loses nothing`() async throws {
            // Without the watch cache a watch goes to etcd, as one does that is older than the cache.
            try await ReplicatedCluster.run(
                replicas: 2, services: Self.configs, apiServer: "--watch-cache=false"
            ) { cluster in
                try await cluster.settle(configs: Self.configs)
                for way in cluster.ports.indices { try await cluster.proxy.set(.drop, on: way) }
                try await cluster.plane.kubectl("delete", "service", "service-0")
                try await cluster.plane.apply(annotatedServices: 6..<8)
                try await cluster.plane.compact()
                try await cluster.plane.kubectl("create", "configmap", "a-write-after-it")
                for way in cluster.ports.indices { try await cluster.proxy.set(.none, on: way) }
                try await cluster.settle(configs: 7)
                for way in cluster.ports.indices { try await Self.expectOneListAfterA410(cluster, way) }
                // Seven they also were for a moment with what was deleted, while one node did not have the new ones.
                try await eventually(within: .seconds(30), "what is there on agents") {
                    let names = ProtocolAgent.instances(of: cluster.nodes)
                    return names.count == 7
                        && (1..<8).allSatisfy { number in names.contains { $0.contains("\"s\(number)\"") } }
                }
            }
        }

        private static func expectOneListAfterA410(_ cluster: ReplicatedCluster, _ way: Int) async throws {
            var later: ArraySlice<APIProxy.Request> = []
            // Followers come back in their own time.
            try await eventually(within: .seconds(30), "a watch after a 410 on way \(way): \(later)") {
                () async throws -> Bool in
                let own = try await cluster.proxy.requests().filter { $0.way == way && $0.path == "/api/v1/services" }
                guard let expired = own.firstIndex(where: { $0.status == 410 }) else { return false }
                later = own[(expired + 1)...].filter { !$0.isEvent }
                return later.last?.isWatch == true
            }
            #expect(later.map(\.isWatch) == [false, true], "\(later.map(\.target))")
        }

        /// Live all the time; ready until nobody leads any more.
        private static func expectProbes(_ cluster: ReplicatedCluster, until end: Instant) async throws {
            let clock = SystemClock()
            let lost = clock.now() + ReplicatedCluster.leaseDuration + .seconds(3)
            while clock.now() < end {
                for number in cluster.ports.indices {
                    let asked = clock.now()
                    let live = try await cluster.replica(number).probe("/livez")
                    #expect(live.status == 200, "\(live.text)")
                    let ready = try await cluster.replica(number).probe("/readyz")
                    if asked > lost { #expect(ready.status == 503 && ready.text.contains("leader"), "\(ready)") }
                }
                try await clock.sleep(until: clock.now() + .milliseconds(500))
            }
        }

        /// The longest pause that client-go's backoff can be in when everything has failed for `outage`: 0.8 s, doubled
        /// up to 30 s, and each stretched up to twofold.
        private static func longestPause(after outage: Duration) -> Duration {
            var pause = Duration.milliseconds(800)
            var elapsed = pause
            while elapsed < outage {
                pause = min(pause * 2, .seconds(30))
                elapsed += pause
            }
            return pause * 2
        }

        private static func expectCalm(_ cluster: ReplicatedCluster, from start: Instant, to end: Instant) async throws
        {
            let requests = try await cluster.proxy.requests().filter {
                !$0.isEvent && $0.received > start && $0.received < end
            }
            for way in cluster.ports.indices {
                let times = requests.filter { $0.way == way }.map(\.received).sorted()
                let rate = Double(times.count) / (end - start).seconds
                let most = times.map { time in times.count { $0 >= time && $0 < time + .seconds(1) } }.max() ?? 0
                print(
                    "replica \(way) sent \(times.count) requests in an outage of \(rounded((end - start).seconds)) s: "
                        + "\(rounded(rate)) a second, at most \(most) in one second")
                #expect(rate <= averageRate && most <= longestSecond)
                #expect(!times.isEmpty)
            }
            for (path, own) in Dictionary(grouping: requests, by: \.path).sorted(by: { $0.key < $1.key }) {
                print("  \(own.count) × \(path.isEmpty ? "a connection" : path)")
            }
        }

        /// The sets of the agents only ever grew, by one config at a time: none was lost, doubled or moved.
        private static func expectNothingMoved(_ cluster: ReplicatedCluster, growingTo count: Int) {
            let held = ProtocolAgent.instances(of: cluster.nodes)
            #expect(held.count == count && Set(held).count == count, "\(held)")
            for node in cluster.nodes {
                for (before, after) in zip(node.sets, node.sets.dropFirst()) {
                    let (old, new) = (Set(before.map { "\($0)" }), Set(after.map { "\($0)" }))
                    #expect(new.isSuperset(of: old), "\(node.id): \(old.subtracting(new))")
                }
            }
        }
    }
}
