package import CheckModel
import Platform

/// Which nodes report and which configs they run: the state, and nothing else. It changes by `apply` alone.
///
/// A config is on exactly one node or dangles. What is derived from that (a node's load and revision, who has the least load) follows with each
/// change in O(log n), but for a node that comes or goes: that is O(nodes), and O(its configs) when it goes.
package struct ClusterStore: Sendable {
    /// A reporting node and what it should run.
    package struct Node: Sendable {
        /// The id in its URL.
        package let id: String
        /// `node_type` as it last reported: 1 is a dedicated runner, 2 a node-agent, 0 too old to say.
        package fileprivate(set) var type: Int
        /// Its IP address, if it is known.
        package fileprivate(set) var address: String?
        /// Its configs, in no particular order.
        package fileprivate(set) var configs: [EncodedConfig] = []
        /// The work of its configs.
        package fileprivate(set) var load = Load.zero
        /// The revision of its configs.
        package fileprivate(set) var revision = Revision()
        /// What Kubernetes says of it.
        package fileprivate(set) var conditions = NodeConditions()
        /// The two agents that report under its id; empty while one does.
        package fileprivate(set) var agents: [String] = []
        /// What its agent goes on running while others take it over; nil if it is told to run its configs.
        package fileprivate(set) var retained: Retained?
        /// Whether it is among the changed nodes.
        fileprivate var isNoted = false

        /// What its agent is told to run.
        package var told: Retained { retained ?? Retained(configs: configs, revision: revision) }
    }

    /// A set of configs as an agent has it.
    package struct Retained: Sendable {
        /// The configs, in no particular order.
        package let configs: [EncodedConfig]
        /// Their revision.
        package let revision: Revision
    }

    /// A config that no node runs, and why.
    package struct Dangling: Sendable {
        /// The config.
        package fileprivate(set) var config: EncodedConfig
        /// Why.
        package let reason: DanglingReason
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

        /// Its node's slot; nil while it dangles.
        var slot: Int? { place < 0 ? nil : Int(place) }
        /// Its index in the list of its node, or in the dangling ones.
        var index: Int {
            get { Int(position) }
            set { position = Int32(newValue) }
        }
    }

    /// The number of changes applied so far.
    package private(set) var version: UInt64 = 0
    /// The nodes by slot: small numbers, one for each node for as long as it is there. A slot whose node is gone holds one without a name.
    package private(set) var nodes: [Node] = []
    /// The configs that have no node, in no particular order.
    package private(set) var dangling: [Dangling] = []
    private var freeSlots: [Int] = []
    private var slots: [String: Int] = [:]
    private var entries: [ConfigKey: Entry] = [:]
    /// The endpoints checks.
    package private(set) var endpointsChecks = EndpointsChecks()
    /// One ring of nodes for each standing, so that who may not get a config is not looked at.
    private var placements = Standing.allCases.map { _ in Placement() }
    private var changedNodes: Set<String> = []

    /// A store without nodes and configs.
    package init() {}

    /// Takes a fact in.
    ///
    /// - Precondition: it fits: a node or config that it names is there, one that it adds is not.
    package mutating func apply(_ change: StoreChange) {
        version += 1
        switch change {
        case .nodeRegistered(let id, let type, let address):
            register(Node(id: id, type: type, address: address))
        case .nodeChanged(let id, let type, let address):
            let slot = knownSlot(of: id)
            nodes[slot].type = type
            nodes[slot].address = address
        case .nodeConditionsChanged(let id, let conditions):
            setConditions(conditions, of: knownSlot(of: id))
        case .nodeShared(let id, let agents):
            nodes[knownSlot(of: id)].agents = agents
        case .nodeHandsOver(let id):
            let slot = knownSlot(of: id)
            nodes[slot].retained = nodes[slot].told
        case .nodeLetGo(let id):
            let slot = knownSlot(of: id)
            nodes[slot].retained = nil
            noteChange(of: slot)
        case .nodeExpired(let id, let reason):
            expire(id, reason)
        case .configScheduled(let config, let id):
            let previous = entries.updateValue(entry(config, on: id), forKey: config.key)
            precondition(previous == nil, "scheduled twice")
        case .configReplaced(let config):
            replace(config)
        case .configMoved(let key, let id, _):
            let config = takeOut(key)
            entries[key] = entry(config, on: id)
        case .configRemoved(let key):
            _ = takeOut(key)
            entries[key] = nil
            entries.shrinkIfSparse()
        case .endpointsCheckScheduled(let config):
            endpointsChecks.set(config)
        case .endpointsCheckRemoved(let key):
            endpointsChecks.remove(key)
        }
    }
}

// Reading.
extension ClusterStore {
    /// How many nodes report.
    package var nodeCount: Int { slots.count }

    /// How many configs there are, dangling ones too, without endpoints checks.
    package var configCount: Int { entries.count }

    /// How many configs there are, endpoints checks too.
    package var totalCount: Int { entries.count + endpointsChecks.count }

    /// The keys of all configs, in no particular order.
    package var keys: some Collection<ConfigKey> { entries.keys }

    /// The slots that have a node, in order.
    package var occupiedSlots: [Int] {
        nodes.indices.filter { !nodes[$0].id.isEmpty }
    }

    /// The slots of the nodes that stand like this, in order.
    package func slots(standing: Standing) -> [Int] {
        placements[standing.rawValue].slots.sorted()
    }

    /// How the nodes stand that stand best; nil if no node reports.
    package var bestStanding: Standing? {
        Standing.allCases.first { !placements[$0.rawValue].isEmpty }
    }

    /// The slot of the node `id`; nil if it does not report.
    package func slot(of id: String) -> Int? { slots[id] }

    /// The config of a key; nil if there is none.
    package func config(_ key: ConfigKey) -> EncodedConfig? { entries[key]?.config }

    /// The node that should run the config of a key; nil if it dangles or there is none.
    package func nodeID(of key: ConfigKey) -> String? {
        entries[key]?.slot.map { nodes[$0].id }
    }

    /// Why the config of a key has no node; nil if it has one.
    package func danglingReason(of key: ConfigKey) -> DanglingReason? {
        guard let entry = entries[key], entry.slot == nil else { return nil }
        return dangling[entry.index].reason
    }

    /// The node with the least load of those that stand best, for a config that is to be placed; nil if no node reports.
    package func leastLoadedNode(for config: EncodedConfig) -> String? {
        for standing in placements.indices {
            if let slot = placements[standing].leastLoaded(for: config.keyHash) { return nodes[slot].id }
        }
        return nil
    }

    /// Makes room for `count` configs in all, so that a big batch is taken in without growing step by step.
    package mutating func reserveCapacity(_ count: Int) {
        entries.reserveCapacity(count)
    }

    /// The nodes that came, went, or whose configs changed since this was last called, in no particular order.
    package mutating func takeChangedNodes() -> Set<String> {
        defer { changedNodes = [] }
        for id in changedNodes {
            if let slot = slots[id] { nodes[slot].isNoted = false }
        }
        return changedNodes
    }
}

// Changing.
extension ClusterStore {
    private func knownSlot(of id: String) -> Int {
        guard let slot = slots[id] else { preconditionFailure("a node that is not there") }
        return slot
    }

    private mutating func register(_ node: Node) {
        precondition(!node.id.isEmpty && slots[node.id] == nil, "a nameless node, or one registered twice")
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = free
            nodes[slot] = node
        } else {
            slot = nodes.count
            nodes.append(node)
        }
        slots[node.id] = slot
        placements[node.conditions.standing.rawValue].insert(node.id, slot: slot)
        noteChange(of: slot)
    }

    private mutating func setConditions(_ conditions: NodeConditions, of slot: Int) {
        let (former, standing) = (nodes[slot].conditions.standing.rawValue, conditions.standing.rawValue)
        nodes[slot].conditions = conditions
        guard former != standing else { return }
        placements[former].remove(slot: slot)
        placements[standing].insert(nodes[slot].id, slot: slot)
        placements[standing].update(slot: slot, load: nodes[slot].load)
    }

    private mutating func expire(_ id: String, _ reason: ExpiryReason) {
        let slot = knownSlot(of: id)
        noteChange(of: slot)
        placements[nodes[slot].conditions.standing.rawValue].remove(slot: slot)
        let left: DanglingReason
        switch reason {
        case .silence: left = .nodeExpired(id)
        case .podDeleted(let pod): left = .podDeleted(node: id, pod: pod)
        }
        for config in nodes[slot].configs { entries[config.key] = entry(config, dangling: left) }
        nodes[slot] = Node(id: "", type: 0, address: nil)
        slots[id] = nil
        freeSlots.append(slot)
    }

    private mutating func replace(_ config: EncodedConfig) {
        guard let entry = entries[config.key] else { preconditionFailure("a config that is not there") }
        entries[config.key]?.config = config
        guard let slot = entry.slot else { return dangling[entry.index].config = config }
        nodes[slot].configs[entry.index] = config
        nodes[slot].revision.remove(entry.config.contentHash)
        nodes[slot].revision.add(config.contentHash)
        changeLoad(of: slot, by: Load(cost: config.cost) - Load(cost: entry.config.cost))
    }

    /// Puts a config on a node, or among the dangling ones, and returns its entry.
    private mutating func entry(_ config: EncodedConfig, on id: String?) -> Entry {
        guard let id else { return entry(config, dangling: .noNode) }
        let slot = knownSlot(of: id)
        nodes[slot].retained = nil
        nodes[slot].configs.append(config)
        nodes[slot].revision.add(config.contentHash)
        changeLoad(of: slot, by: Load(cost: config.cost))
        return Entry(config: config, slot: slot, index: nodes[slot].configs.count - 1)
    }

    private mutating func entry(_ config: EncodedConfig, dangling reason: DanglingReason) -> Entry {
        dangling.append(Dangling(config: config, reason: reason))
        return Entry(config: config, slot: nil, index: dangling.count - 1)
    }

    /// Takes a config off its node, or from among the dangling ones. Its entry is the caller's to change.
    private mutating func takeOut(_ key: ConfigKey) -> EncodedConfig {
        guard let entry = entries[key] else { preconditionFailure("a config that is not there") }
        if let slot = entry.slot {
            let follower = Self.removeUnordered(from: &nodes[slot].configs, at: entry.index)
            if let follower { entries[follower.key]?.index = entry.index }
            nodes[slot].revision.remove(entry.config.contentHash)
            changeLoad(of: slot, by: Load.zero - Load(cost: entry.config.cost))
        } else {
            let follower = Self.removeUnordered(from: &dangling, at: entry.index)
            if let follower { entries[follower.config.key]?.index = entry.index }
        }
        return entry.config
    }

    /// Removes an element by putting the last one in its place, which is returned unless it was the last itself.
    private static func removeUnordered<Element>(from list: inout [Element], at index: Int) -> Element? {
        guard let last = list.popLast(), index < list.count else { return nil }
        list[index] = last
        return last
    }

    private mutating func noteChange(of slot: Int) {
        guard !nodes[slot].isNoted else { return }
        nodes[slot].isNoted = true
        changedNodes.insert(nodes[slot].id)
    }

    private mutating func changeLoad(of slot: Int, by difference: Load) {
        noteChange(of: slot)
        nodes[slot].load += difference
        placements[nodes[slot].conditions.standing.rawValue].update(slot: slot, load: nodes[slot].load)
    }
}
