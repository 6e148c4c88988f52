import CheckModel
import ClusterChecks
import Platform

/// A Dispatcher to measure, without a Handler around it.
struct SampleDispatcher {
    static let start = Instant(nanoseconds: 1_000_000_000)

    var dispatcher: Dispatcher
    private(set) var now = start

    /// So many nodes report, each from a pod of its own; nothing is dispatched yet.
    init(nodes: Int, maximumNodes: Int = 10_000) {
        var options = HandlerOptions(patch: SampleConfigs.patch)
        options.maximumNodes = maximumNodes
        // After ten ticks what dangles has dangled for too long.
        options.nodeExpirationTimeout = .seconds(5)
        options.unscheduledCheckThreshold = .seconds(5)
        dispatcher = Dispatcher(options: options)
        dispatcher.handle(AgentPodChange.replaced((0..<nodes).map(Self.pod), begun: .distantPast))
        for index in 0..<nodes { report(index) }
    }

    /// Dispatches these configs, which are all there are.
    mutating func dispatch(_ configs: [EncodedConfig]) {
        _ = dispatcher.reconcile(EncodedChanges(upserts: configs, isWhole: true))
        _ = dispatcher.drainChanges()
    }

    /// Dispatches one config more.
    mutating func add(_ config: EncodedConfig) {
        _ = dispatcher.reconcile(EncodedChanges(upserts: [config]))
        _ = dispatcher.drainChanges()
    }

    /// The pod of a node is gone: the node is forgotten, and its configs go to others.
    ///
    /// - Returns: how many configs it had, and how many were moved.
    mutating func remove(node index: Int) -> (configs: Int, moves: Int) {
        dispatcher.handle(AgentPodChange.deleted(Self.pod(index)))
        let slot = dispatcher.store.slot(of: Self.pod(index).name)
        let configs = slot.map { dispatcher.store.nodes[$0].configs.count } ?? 0
        dispatcher.reconcileNodes(now: now)
        let moves = dispatcher.drainChanges().count { change in
            if case .configMoved = change { true } else { false }
        }
        return (configs, moves)
    }

    /// A node joins, with a pod of its own.
    ///
    /// - Returns: how many configs moved to it.
    mutating func join(_ index: Int) -> Int {
        dispatcher.handle(AgentPodChange.applied(Self.pod(index)))
        let report = NodeReport(id: Self.pod(index).name, status: NodeStatusRequest(lastChange: 0, nodeType: 2))
        _ = try? dispatcher.nodeStatus(report, now: now)
        return dispatcher.drainChanges().count { if case .configMoved = $0 { true } else { false } }
    }

    /// Every node gives its statistics: how many milliseconds each config's instances take, by the config's number.
    mutating func measure(_ milliseconds: (_ index: Int) -> Int64) {
        for node in dispatcher.store.nodes where !node.id.isEmpty {
            var checks: [ExactText: RunnerStats] = [:]
            for config in node.configs {
                let number = config.key.source.split(separator: "-").last?.split(separator: ".").first.flatMap {
                    Int($0)
                }
                var stats = RunnerStats()
                stats.averageExecutionTime = milliseconds(number ?? 0)
                for id in config.instanceIDs { checks[ExactText(id)] = stats }
            }
            _ = dispatcher.record(NodeStatistics(workers: 4, checks: checks), of: node.id)
        }
        _ = dispatcher.drainChanges()
    }

    /// How many nodes have no config.
    var emptyNodes: Int { dispatcher.store.nodes.count { !$0.id.isEmpty && $0.configs.isEmpty } }

    private var loads: [Double] {
        dispatcher.store.nodes.filter { !$0.id.isEmpty }.map { $0.costs.reduce(0) { $0 + $1.instances } }
    }

    /// By how much the node with the most load is above the mean.
    var weightedImbalance: Double { (loads.max() ?? 0) / (loads.reduce(0, +) / Double(max(1, loads.count))) }

    /// The cost of the heaviest config against the mean load: no placement is more even.
    var heaviestConfig: Double {
        let heaviest = dispatcher.store.nodes.flatMap(\.costs).map(\.instances).max() ?? 0
        return heaviest / (loads.reduce(0, +) / Double(max(1, loads.count)))
    }

    /// What the Handler does under its lock at each tick, half a second after the one before.
    mutating func tick() {
        now = now + .milliseconds(500)
        _ = dispatcher.expire(now: now)
        _ = dispatcher.drainChanges()
    }

    /// A node reports. Beyond the limit of nodes it is refused.
    mutating func report(_ index: Int) {
        let report = NodeReport(id: Self.pod(index).name, status: NodeStatusRequest(lastChange: 0, nodeType: 2))
        _ = try? dispatcher.nodeStatus(report, now: now)
        _ = dispatcher.drainChanges()
    }

    /// By how much the heaviest node is above the mean: 1 is an even distribution.
    var imbalance: Double {
        let counts = dispatcher.store.nodes.map { Double($0.configs.count) }
        return (counts.max() ?? 0) / (counts.reduce(0, +) / Double(max(1, counts.count)))
    }

    private static func pod(_ index: Int) -> AgentPod {
        AgentPod(
            namespace: "agents", name: "node-agent-\(index)", uid: "uid-\(index)", addresses: [],
            nodeName: "worker-\(index)", isTerminating: false)
    }
}
