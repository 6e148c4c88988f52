import AutoConf
import CheckModel
import ClusterChecks
import HTTPServer
import Kubernetes
import Leadership
import Platform
import TestKit
import Testing

@testable import Replica

/// All watches of a replica, on sources without an object whose watches last for ever.
@Suite struct ClusterWatchesTests {
    private struct QuietSource<Object: KubernetesObject>: ListWatchSource {
        let clock: VirtualClock
        let lists: Counter

        func list(_ request: ListRequest, deadline: Instant) async throws(KubernetesError) -> ObjectPage<Object> {
            lists.add()
            return ObjectPage(resourceVersion: "1", items: [])
        }

        func watch(
            _ request: WatchRequest, deadline: Instant, onEvent: (WatchEvent<Object>) -> Bool
        ) async throws(KubernetesError) {
            _ = onEvent(.opened)
            try? await clock.sleep(until: .distantFuture)
        }
    }

    private struct Nobody: ReplicaTransport, BackgroundExecutor {
        func send(_ forward: Forward, completion: @escaping @Sendable (ForwardResult) -> Void) {}
        func run(_ work: @escaping @Sendable () -> Void) -> Bool { false }
    }

    @Test func `all of them are read anew`() throws {
        let lists = (0..<4).map { _ in Counter() }
        try virtually { clock in
            let log = Log(sink: NoLog())
            let handler = Handler(
                source: DesiredConfigs(for: HandlerOptions(patch: ConfigPatch())), leadership: Watched(.unknown),
                options: HandlerOptions(patch: ConfigPatch()), clock: clock, log: log)
            let autoConf = AutoConf(
                options: AutoConfOptions(), desired: CollectedConfigs(), environment: [:], clock: clock, log: log)
            let kubernetes = KubernetesAccess(
                leases: nil, services: QuietSource(clock: clock, lists: lists[0]),
                endpoints: QuietSource(clock: clock, lists: lists[1]), pods: QuietSource(clock: clock, lists: lists[2]),
                nodes: QuietSource(clock: clock, lists: lists[3]), recorder: nil)
            let surroundings = ReplicaSurroundings(
                kubernetes: kubernetes, peers: Nobody(), statistics: NoStatistics(), background: Nobody(),
                files: SystemConfigFiles(), environment: [:], agentTokens: BearerTokens(TestReplica.token),
                operatorTokens: nil, token: { "" }, endpoint: { nil }, clock: clock, entropy: SeededEntropy(seed: 1),
                log: log)
            let watches = ClusterWatches(kubernetes, autoConf, handler, nil, surroundings)
            await withTaskGroup(of: Void.self) { group in
                for watch in watches.all { group.addTask { await watch.run() } }
                await clock.sleep(.seconds(10))
                #expect(lists.map(\.value) == [1, 1, 1, 1])
                watches.readAnew()
                await clock.sleep(.seconds(10))
                #expect(lists.map(\.value) == [2, 2, 2, 2])
                group.cancelAll()
            }
        }
    }
}
