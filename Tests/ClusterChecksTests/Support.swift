import CheckModel
import JSON
import Platform
import Synchronization
import TestKit
import Testing

@testable import ClusterChecks

/// A config of `instances` instances, ready to be dispatched; `edition` is what an edit changes.
func encodedConfig(_ name: String, instances: Int = 1, edition: Int = 0) throws -> EncodedConfig {
    try ConfigPatch().encode(checkConfig(name, instances: instances, edition: edition))
}

func checkConfig(_ name: String, instances: Int = 1, edition: Int = 0) -> CheckConfig {
    let instance = JSONValue.object(["url": .string("http://\(name)/\(edition)")])
    return CheckConfig(
        key: key(name), checkName: "http_check", instances: Array(repeating: instance, count: instances))
}

func key(_ name: String) -> ConfigKey {
    ConfigKey(source: "test:\(name)", check: "http_check", index: 0)
}

func encodedConfigs(_ names: Range<Int>) throws -> [EncodedConfig] {
    try names.map { try encodedConfig("c\($0)") }
}

func at(_ seconds: Double) -> Instant {
    Instant(nanoseconds: 1_000_000_000) + .seconds(seconds)
}

extension Dispatcher {
    /// A dispatcher that has dispatched `configs` over `nodes`, which reported at 0 s.
    init(nodes: [String], configs: [EncodedConfig], options: HandlerOptions = HandlerOptions(patch: ConfigPatch()))
        throws
    {
        self.init(options: options)
        for node in nodes { _ = try report(node, at: 0) }
        dispatch(EncodedChanges(upserts: configs, isWhole: true))
    }

    /// Has a node report.
    mutating func report(
        _ id: String, lastChange: Int64 = 0, type: Int = 0, address: String? = nil, isStated: Bool = false,
        departure: Departure? = nil, peer: String? = nil, runs: CheckCompatibility? = nil, at seconds: Double
    ) throws -> (isUpToDate: Bool, handingOver: Int, changes: [StoreChange]) {
        let status = NodeStatusRequest(
            lastChange: lastChange, nodeType: type, departure: departure, compatibility: runs)
        let report = NodeReport(id: id, status: status, address: address, isAddressStated: isStated, peer: peer)
        var answer: ReportAnswer?
        let changes = try changes { answer = try $0.nodeStatus(report, now: at(seconds)) }
        return (answer?.isUpToDate ?? false, answer?.handingOver ?? 0, changes)
    }

    /// What the agent of a node would be told to run.
    func configs(of id: String) throws -> Told {
        var copy = self
        return try copy.tell(id)
    }

    /// Has the agents of nodes fetch their configs, and report that they run them.
    mutating func confirm(_ ids: [String], at seconds: Double) throws {
        for id in ids { _ = try report(id, lastChange: try tell(id).revision, at: seconds) }
    }

    /// Handles a change of the pods, and acts on it.
    mutating func handle(_ change: AgentPodChange, at seconds: Double) -> [StoreChange] {
        handle(change)
        return catchUp(now: at(seconds))
    }

    /// Handles a change of the Kubernetes nodes, and acts on it.
    mutating func handle(_ change: WorkerNodeChange, at seconds: Double) -> [StoreChange] {
        handle(change)
        return catchUp(now: at(seconds))
    }

    /// Acts on the pods and Kubernetes nodes handled so far.
    mutating func catchUp(now: Instant) -> [StoreChange] {
        changes { $0.reconcileNodes(now: now) }
    }

    mutating func expireNodes(now: Instant) -> [StoreChange] {
        changes { _ = $0.expire(now: now) }
    }

    @discardableResult
    mutating func dispatch(_ desired: EncodedChanges) -> (changes: [StoreChange], refused: [ConfigKey]) {
        var refused: [ConfigKey] = []
        let changes = changes { refused = $0.reconcile(desired) }
        return (changes, refused)
    }

    /// What a call changes in the store.
    mutating func changes(of call: (inout Dispatcher) throws -> Void) rethrows -> [StoreChange] {
        _ = drainChanges()
        try call(&self)
        return drainChanges()
    }

    /// Lets time pass with a tick each second, in which `nodes` report; nothing is expected to expire.
    mutating func listen(from start: Int, to end: Int, reporting nodes: [String]) throws {
        for second in start..<end {
            for node in nodes { _ = try report(node, at: Double(second)) }
            #expect(expireNodes(now: at(Double(second))).isEmpty)
        }
    }
}

extension AgentPodChange {
    /// A list of which it does not matter when it began.
    static func replaced(_ pods: [AgentPod]) -> Self {
        .replaced(pods, begun: .distantPast)
    }
}

extension WorkerNodeChange {
    /// A list of which it does not matter when it began.
    static func replaced(_ nodes: [WorkerNode]) -> Self {
        .replaced(nodes, begun: .distantPast)
    }
}

/// A pod on the Kubernetes node `node`.
func agentPod(
    _ name: String, on node: String = "", uid: String? = nil, addresses: [String] = [], isTerminating: Bool = false,
    isOfDaemonSet: Bool = false
) -> AgentPod {
    AgentPod(
        namespace: "agents", name: name, uid: uid ?? "uid-\(name)", addresses: addresses, nodeName: node,
        isTerminating: isTerminating, isOfDaemonSet: isOfDaemonSet)
}

func worker(
    _ name: String, isSchedulable: Bool = true, isReady: Bool = true, labels: [ExactText: ExactText] = [:],
    capacity: StatedAmount = .none
) -> WorkerNode {
    WorkerNode(name: name, isSchedulable: isSchedulable, isReady: isReady, labels: labels, capacity: capacity)
}

extension ClusterStore {
    func node(_ id: String) -> Node? {
        slot(of: id).map { nodes[$0] }
    }

    var occupiedSlots: [Int] { nodes.indices.filter { !nodes[$0].id.isEmpty } }

    /// How many configs each node has, by id.
    var counts: [String: Int] {
        var counts: [String: Int] = [:]
        for slot in occupiedSlots { counts[nodes[slot].id] = nodes[slot].configs.count }
        return counts
    }

    /// All that the store says, in an order of its own, to compare two.
    var description: [String] {
        let nodes = occupiedSlots.map { self.nodes[$0] }.sorted { $0.id < $1.id }.map { node in
            let configs = node.configs.map { "\($0.key)=\($0.contentHash)" }.sorted()
            let told =
                "\(node.told(self.handOvers).map(\.key).sorted()) \(node.isAway) \(node.keepsRunning) \(node.isTellable)"
            return
                "\(node.id) \(node.type) \(node.address ?? "-") \(node.load.millionths) \(node.revision.value) \(configs)"
                + " \(node.conditions) \(node.agents) \(told)"
        }
        let dangling = dangling.map {
            "dangling \($0.config.key)=\($0.config.contentHash) since \($0.since): \($0.reason)"
        }
        let checks = endpointsChecks.nodes.map { "\($0): \(endpointsChecks.of($0).map(\.contentHash))" }
        let handOvers = handOvers.values.map {
            "\($0.config.key)=\($0.config.contentHash) from \(former(of: $0) ?? "-") since \($0.since)"
        }
        return nodes + dangling.sorted() + handOvers.sorted() + checks + ["version \(version)"]
    }
}

extension StoreChange {
    var movedKey: ConfigKey? {
        if case .configMoved(let key, _, _, _, _) = self { return key }
        return nil
    }
}

extension ManualClock {
    func set(_ seconds: Double) { set(at(seconds)) }
    func advance(by seconds: Double) { advance(by: .seconds(seconds)) }
}
