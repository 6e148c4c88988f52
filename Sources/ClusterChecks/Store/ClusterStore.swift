package import CheckModel
import Platform

/// Which nodes report and which configs they should run: the state, and nothing else. It changes only through `apply`.
///
/// A config is on exactly one node or dangles. What follows from that (a node's load and revision, the least loaded
/// node) is updated with each change in O(log n). Adding or removing a node, and changing its standing, is O(nodes);
/// removing one is also O(its configs).
package struct ClusterStore: Sendable {
    /// A reporting node and what it should run.
    package struct Node: Sendable {
        /// The ID in the URL of its reports.
        package let id: String
        /// The `node_type` that it last reported: 1 is a cluster check runner, 2 a node-agent, 0 an agent too old to
        /// say.
        package fileprivate(set) var type: Int
        /// Its IP address, if known.
        package fileprivate(set) var address: String?
        /// Its configs, in no particular order.
        package fileprivate(set) var configs: [EncodedConfig] = []
        /// The sum of the loads of its configs.
        fileprivate(set) var load = Load.zero
        /// The revision of its configs.
        package fileprivate(set) var revision = Revision()
        /// What Kubernetes says about it.
        package fileprivate(set) var conditions = NodeConditions()
        /// The two agents that report under its ID; empty while only one does.
        package fileprivate(set) var agents: [String] = []
        /// What its agent is told while other nodes take over; nil unless it is handing over.
        package fileprivate(set) var handOver: HandOver?
        /// Whether a new leader adopted it and has not heard it yet. Until then it gets no configs.
        package fileprivate(set) var isAwaited = false
        /// The version of the store since which its agent is told what it is told now.
        package fileprivate(set) var toldSince: UInt64 = 0
        /// How many of its configs are unconfirmed.
        fileprivate var unconfirmed = 0
        /// Whether `changedNodes` contains it.
        fileprivate var isMarkedChanged = false

        /// What its agent keeps running while other nodes take over; nil if it is told nothing of the kind.
        package var retained: Retained? {
            if case .retains(let retained)? = handOver { retained } else { nil }
        }

        /// Whether its agent is told to run whatever it runs.
        package var keepsRunning: Bool {
            if case .keepsRunning? = handOver { true } else { false }
        }

        /// What its agent is told to run, unless it is told to run whatever it runs.
        package var told: Retained { retained ?? Retained(configs: configs, revision: revision) }

        /// Whether all bytes of what its agent is told to run are known.
        package var isTellable: Bool { retained?.isConfirmed ?? (unconfirmed == 0) }

        /// Its standing when a config needs a node.
        var standing: Standing { isAwaited ? .awaited : conditions.standing }
    }

    /// A set of configs as an agent has it.
    package struct Retained: Sendable {
        /// The configs, in no particular order.
        package let configs: [EncodedConfig]
        /// Their revision.
        package let revision: Revision

        init(configs: [EncodedConfig], revision: Revision) {
            self.configs = configs
            self.revision = revision
        }

        /// A set of these configs.
        package init(_ configs: [EncodedConfig]) {
            self.init(configs: configs, revision: Revision(of: configs.lazy.map(\.contentHash)))
        }

        /// Whether all of their bytes are known.
        package var isConfirmed: Bool { configs.allSatisfy(\.isConfirmed) }
    }

    /// A config that no node runs, and why.
    package struct Dangling: Sendable {
        /// The config.
        package fileprivate(set) var config: EncodedConfig
        /// Why no node runs it.
        package let reason: DanglingReason
        /// The version of the store since which no node has run it.
        package let since: UInt64
    }

    private struct Entry {
        var config: EncodedConfig
        private let place: Int32
        private var position: Int32

        init(config: EncodedConfig, slot: Int?, index: Int) {
            self.config = config
            place = slot.map { Int32($0) } ?? -1
            position = Int32(index)
        }

        /// The slot of its node; nil while it dangles.
        var slot: Int? { place < 0 ? nil : Int(place) }
        /// Its index in the node's configs, or in `dangling`.
        var index: Int {
            get { Int(position) }
            set { position = Int32(newValue) }
        }
    }

    /// The number of changes applied so far.
    package private(set) var version: UInt64 = 0
    /// Whether a whole set of configs has been dispatched. Until then nobody knows what a node should run.
    package private(set) var isDispatching = false
    /// The version in which an endpoints check last changed.
    package private(set) var endpointsToldSince: UInt64 = 0
    /// The nodes by slot: a small number that a node keeps for as long as it reports. A free slot holds a node with an
    /// empty ID.
    package private(set) var nodes: [Node] = []
    /// The configs that have no node, in no particular order.
    package private(set) var dangling: [Dangling] = []
    /// The version in which configs last began to dangle; 0 if none ever did.
    private(set) var newestDangling: UInt64 = 0
    private var freeSlots: [Int] = []
    private var slots: [ExactText: Int] = [:]
    private var entries: [ConfigKey: Entry] = [:]
    /// The endpoints checks.
    package private(set) var endpointsChecks = EndpointsChecks()
    /// One ring per standing, so that a node that must not get a config is not looked at.
    private var placements = Standing.allCases.map { _ in Placement() }
    private var changedNodes: Set<ExactText> = []

    /// A store without nodes and configs.
    package init() {}

    /// Applies a change.
    ///
    /// - Precondition: the nodes and configs that it names exist, and those that it adds do not.
    package mutating func apply(_ change: StoreChange) {
        version += 1
        switch change {
        case .dispatchingBegan:
            isDispatching = true
        case .nodeRegistered(let id, let type, let address, let isAwaited):
            register(Node(id: id, type: type, address: address, isAwaited: isAwaited))
        case .nodeHeard(let id):
            changeStanding(of: knownSlot(of: id)) { $0.isAwaited = false }
        case .nodeChanged(let id, let type, let address):
            let slot = knownSlot(of: id)
            nodes[slot].type = type
            nodes[slot].address = address
        case .nodeConditionsChanged(let id, let conditions):
            changeStanding(of: knownSlot(of: id)) { $0.conditions = conditions }
        case .nodeIDShared(let id, let agents):
            nodes[knownSlot(of: id)].agents = agents
        case .handOverStarted(let id, let handOver, _):
            let slot = knownSlot(of: id)
            nodes[slot].handOver = handOver
            markChanged(slot)
        case .handOverEnded(let id):
            let slot = knownSlot(of: id)
            nodes[slot].handOver = nil
            markChanged(slot)
        case .nodeExpired(let id, let reason):
            expire(id, reason)
        case .configScheduled(let config, let id):
            let previous = entries.updateValue(place(config, on: id), forKey: config.key)
            precondition(previous == nil, "scheduled twice")
        case .configReplaced(let config):
            replace(config)
        case .configMoved(let key, let id, _):
            let config = unplace(key)
            entries[key] = place(config, on: id)
        case .configRemoved(let key):
            _ = unplace(key)
            entries[key] = nil
            entries.shrinkIfSparse()
        case .endpointsCheckScheduled(let config):
            endpointsChecks.set(config)
            endpointsToldSince = version
        case .endpointsCheckRemoved(let key):
            endpointsChecks.remove(key)
            endpointsToldSince = version
        }
    }
}

// Reading.
extension ClusterStore {
    /// The number of nodes.
    package var nodeCount: Int { slots.count }

    /// The number of configs, including dangling ones, without endpoints checks.
    package var configCount: Int { entries.count }

    /// The number of configs, including dangling ones and endpoints checks.
    package var totalCount: Int { entries.count + endpointsChecks.count }

    /// The keys of all configs, in no particular order.
    package var keys: some Collection<ConfigKey> { entries.keys }

    /// The slot of the node `id`; nil if it does not report.
    package func slot(of id: String) -> Int? { slots[id] }

    /// The config of a key; nil if there is none.
    package func config(_ key: ConfigKey) -> EncodedConfig? { entries[key]?.config }

    /// The node that should run the config of a key; nil if it dangles or does not exist.
    package func nodeID(of key: ConfigKey) -> String? {
        entries[key]?.slot.map { nodes[$0].id }
    }

    /// Why the config of a key has no node; nil if it has one.
    package func danglingReason(of key: ConfigKey) -> DanglingReason? {
        guard let entry = entries[key], entry.slot == nil else { return nil }
        return dangling[entry.index].reason
    }

    /// The slots of the nodes with this standing, in order.
    func slots(standing: Standing) -> [Int] {
        placements[standing.rawValue].slots.sorted()
    }

    /// The slots of the nodes that are draining, in order.
    var drainingSlots: [Int] {
        let awaited = placements[Standing.awaited.rawValue].slots.filter { nodes[$0].conditions.isDraining }
        return (slots(standing: .draining) + awaited).sorted()
    }

    /// The best standing of any node that may get configs; nil without one.
    var bestStanding: Standing? {
        Standing.receiving.first { !placements[$0.rawValue].isEmpty }
    }

    /// Where to place a config: the least loaded node among those with the best standing; nil without one that may get
    /// configs.
    func leastLoadedNode(for config: EncodedConfig) -> String? {
        for standing in Standing.receiving {
            if let slot = placements[standing.rawValue].leastLoaded(for: config.keyHash) { return nodes[slot].id }
        }
        return nil
    }

    /// Reserves room for `count` configs in all, so that a large batch does not grow the store step by step.
    mutating func reserveCapacity(_ count: Int) {
        entries.reserveCapacity(count)
    }

    /// The nodes that were added or removed, or whose configs changed, since the last call, in no particular order.
    mutating func drainChangedNodes() -> Set<ExactText> {
        defer { changedNodes = [] }
        for id in changedNodes {
            if let slot = slots[id] { nodes[slot].isMarkedChanged = false }
        }
        return changedNodes
    }
}

// Changing.
extension ClusterStore {
    private func knownSlot(of id: String) -> Int {
        guard let slot = slots[id] else { preconditionFailure("a node that does not exist") }
        return slot
    }

    private mutating func register(_ node: Node) {
        precondition(!node.id.isEmpty && slots[node.id] == nil, "a node without an ID, or registered twice")
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = free
            nodes[slot] = node
        } else {
            slot = nodes.count
            nodes.append(node)
        }
        slots[node.id] = slot
        placements[node.standing.rawValue].insert(node.id, slot: slot)
        markChanged(slot)
    }

    private mutating func changeStanding(of slot: Int, _ change: (inout Node) -> Void) {
        let former = nodes[slot].standing.rawValue
        change(&nodes[slot])
        let standing = nodes[slot].standing.rawValue
        guard former != standing else { return }
        placements[former].remove(slot: slot)
        placements[standing].insert(nodes[slot].id, slot: slot)
        placements[standing].update(slot: slot, load: nodes[slot].load)
    }

    private mutating func expire(_ id: String, _ reason: ExpiryReason) {
        let slot = knownSlot(of: id)
        markChanged(slot)
        placements[nodes[slot].standing.rawValue].remove(slot: slot)
        let danglingReason: DanglingReason
        switch reason {
        case .silence: danglingReason = .nodeExpired(id)
        case .podDeleted(let pod): danglingReason = .podDeleted(node: id, pod: pod)
        }
        for config in nodes[slot].configs { entries[config.key] = dangle(config, danglingReason) }
        nodes[slot] = Node(id: "", type: 0, address: nil)
        slots[id] = nil
        freeSlots.append(slot)
    }

    private mutating func replace(_ config: EncodedConfig) {
        guard let entry = entries[config.key] else { preconditionFailure("a config that does not exist") }
        entries[config.key]?.config = config
        guard let slot = entry.slot else { return dangling[entry.index].config = config }
        nodes[slot].configs[entry.index] = config
        nodes[slot].countUnconfirmed(entry.config, -1)
        nodes[slot].countUnconfirmed(config, 1)
        nodes[slot].revision.remove(entry.config.contentHash)
        nodes[slot].revision.add(config.contentHash)
        changeLoad(of: slot, by: Load(cost: config.cost) - Load(cost: entry.config.cost))
    }

    /// Adds a config to a node, or to the dangling ones, and returns its entry.
    private mutating func place(_ config: EncodedConfig, on id: String?) -> Entry {
        guard let id else { return dangle(config, .noNode) }
        let slot = knownSlot(of: id)
        nodes[slot].handOver = nil
        nodes[slot].countUnconfirmed(config, 1)
        nodes[slot].configs.append(config)
        nodes[slot].revision.add(config.contentHash)
        changeLoad(of: slot, by: Load(cost: config.cost))
        return Entry(config: config, slot: slot, index: nodes[slot].configs.count - 1)
    }

    private mutating func dangle(_ config: EncodedConfig, _ reason: DanglingReason) -> Entry {
        newestDangling = version
        dangling.append(Dangling(config: config, reason: reason, since: version))
        return Entry(config: config, slot: nil, index: dangling.count - 1)
    }

    /// Removes a config from its node, or from the dangling ones. The caller updates its entry.
    private mutating func unplace(_ key: ConfigKey) -> EncodedConfig {
        guard let entry = entries[key] else { preconditionFailure("a config that does not exist") }
        if let slot = entry.slot {
            let moved = Self.swapRemove(entry.index, from: &nodes[slot].configs)
            if let moved { entries[moved.key]?.index = entry.index }
            nodes[slot].countUnconfirmed(entry.config, -1)
            nodes[slot].revision.remove(entry.config.contentHash)
            changeLoad(of: slot, by: Load.zero - Load(cost: entry.config.cost))
        } else {
            let moved = Self.swapRemove(entry.index, from: &dangling)
            if let moved { entries[moved.config.key]?.index = entry.index }
        }
        return entry.config
    }

    /// Replaces an element by the last one, which is returned unless it was the removed one itself.
    private static func swapRemove<Element>(_ index: Int, from list: inout [Element]) -> Element? {
        guard let last = list.popLast(), index < list.count else { return nil }
        list[index] = last
        return last
    }

    private mutating func markChanged(_ slot: Int) {
        nodes[slot].toldSince = version
        guard !nodes[slot].isMarkedChanged else { return }
        nodes[slot].isMarkedChanged = true
        changedNodes.insert(nodes[slot].id)
    }

    private mutating func changeLoad(of slot: Int, by difference: Load) {
        markChanged(slot)
        nodes[slot].load += difference
        placements[nodes[slot].standing.rawValue].update(slot: slot, load: nodes[slot].load)
    }
}

extension ClusterStore.Node {
    fileprivate mutating func countUnconfirmed(_ config: EncodedConfig, _ difference: Int) {
        if !config.isConfirmed { unconfirmed += difference }
    }
}
