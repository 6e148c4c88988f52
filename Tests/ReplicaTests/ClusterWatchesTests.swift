import AutoConf
import CheckModel
import ClusterChecks
import HTTPServer
import JSON
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

    /// Three pages, and a watch that lasts for ever. The last page waits.
    private struct PagedChecks: ListWatchSource {
        let clock: VirtualClock

        func list(_ request: ListRequest, deadline: Instant) async throws(KubernetesError) -> ObjectPage<ClusterCheck> {
            let page = request.continuation.flatMap { Int($0) } ?? 0
            if page == 2 { await clock.sleep(.seconds(30)) }
            let check = ClusterCheck(
                metadata: ObjectMetadata(name: "c\(page)", namespace: "shop", uid: "u\(page)", resourceVersion: "1"),
                spec: .object(["check": .string("a"), "instances": .array([.object([:])])]))
            return ObjectPage(resourceVersion: "1", continuation: page < 2 ? "\(page + 1)" : nil, items: [check])
        }

        func watch(
            _ request: WatchRequest, deadline: Instant, onEvent: (WatchEvent<ClusterCheck>) -> Bool
        ) async throws(KubernetesError) {
            _ = onEvent(.opened)
            try? await clock.sleep(until: .distantFuture)
        }
    }

    private struct Nobody: ReplicaTransport, BackgroundExecutor {
        func send(_ forward: Forward, completion: @escaping @Sendable (ForwardResult) -> Void) {}
        func run(_ work: @escaping @Sendable () -> Void) -> Bool { false }
    }

    /// All watches, on these sources.
    private func watches(
        _ clock: VirtualClock, _ lists: [Counter], clusterChecks: PagedChecks? = nil,
        desired: CollectedConfigs = CollectedConfigs()
    ) -> ClusterWatches {
        let log = Log(sink: NoLog())
        let handler = Handler(
            source: DesiredConfigs(for: HandlerOptions(patch: ConfigPatch())), leadership: Watched(.unknown),
            options: HandlerOptions(patch: ConfigPatch()), clock: clock, log: log)
        let autoConf = AutoConf(
            options: AutoConfOptions(watchesClusterChecks: clusterChecks != nil), desired: desired, environment: [:],
            clock: clock, log: log)
        let kubernetes = KubernetesAccess(
            leases: nil, services: QuietSource(clock: clock, lists: lists[0]),
            endpoints: QuietSource(clock: clock, lists: lists[1]), clusterChecks: clusterChecks,
            pods: QuietSource(clock: clock, lists: lists[2]), nodes: QuietSource(clock: clock, lists: lists[3]),
            recorder: nil)
        let surroundings = ReplicaSurroundings(
            kubernetes: kubernetes, peers: Nobody(), statistics: NoStatistics(), background: Nobody(),
            files: SystemConfigFiles(), environment: [:], agentTokens: BearerTokens(TestReplica.token),
            operatorTokens: nil, token: { "" }, endpoint: { nil }, clock: clock, entropy: SeededEntropy(seed: 1),
            log: log)
        return ClusterWatches(kubernetes, autoConf, handler, nil, surroundings)
    }

    @Test func `all of them are read anew`() throws {
        let lists = (0..<4).map { _ in Counter() }
        try virtually { clock in
            let watches = watches(clock, lists)
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

    @Test func `ClusterChecks are read page by page`() throws {
        try virtually { clock in
            let desired = CollectedConfigs()
            let watches = watches(
                clock, (0..<4).map { _ in Counter() }, clusterChecks: PagedChecks(clock: clock), desired: desired)
            await withTaskGroup(of: Void.self) { group in
                for watch in watches.all { group.addTask { await watch.run() } }
                await clock.sleep(.seconds(10))
                #expect(desired.configs.count == 2 && !desired.isSynced)
                await clock.sleep(.seconds(30))
                #expect(desired.configs.count == 3 && desired.isSynced)
                group.cancelAll()
            }
        }
    }
}
