package import CheckModel
import Platform

/// Which nodes report and which configs they should run: the state, and nothing else. It changes only through `apply`.
///
/// A config is on exactly one node or dangles. While it is handed over, the node that had it may run it too: see
/// `HandOver`. What follows from that (a node's load and revision, the least loaded node) is updated with each change
/// in O(log n). Adding or removing a node, and changing its standing, is O(nodes); removing one is also O(its configs).
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
        /// The configs that are placed on it, in no particular order.
        package fileprivate(set) var configs: [EncodedConfig] = []
        /// What each of them costs, in the same order.
        package fileprivate(set) var costs: [ConfigCost] = []
        /// The sum of the loads of its configs.
        fileprivate(set) var load = Load.zero
        /// The revision of what its agent is told to run.
        package fileprivate(set) var revision = Revision()
        /// What Kubernetes says about it.
        package fileprivate(set) var conditions = NodeConditions()
        /// What it can run.
        package fileprivate(set) var abilities = NodeAbilities()
        /// The two agents that report under its ID; empty while only one does.
        package fileprivate(set) var agents: [String] = []
        /// The keys of its configs that another node hands over to it.
        fileprivate(set) var incoming: Set<ConfigKey> = []
        /// The keys of the configs that it hands over.
        package fileprivate(set) var outgoing: Set<ConfigKey> = []
        /// Whether its agent is told to run whatever it runs. It was draining already when it first reported, so nobody
        /// here knows what that is; telling it "nothing" would stop checks before others have started them.
        package fileprivate(set) var keepsRunning = false
        /// Whether a new leader adopted it and has not heard it yet. Until then it gets no configs.
        package fileprivate(set) var isAwaited = false
        /// Whether its agent has left to be restarted: its configs wait for the next one.
        package fileprivate(set) var isAway = false
        /// The version of the store since which its agent is told what it is told now.
        package fileprivate(set) var toldSince: UInt64 = 0
        /// How many of the configs that its agent is told to run are unconfirmed.
        fileprivate var unconfirmed = 0
        /// Whether `changedNodes` contains it.
        fileprivate var isMarkedChanged = false

        /// Whether all bytes of what its agent is told to run are known.
        package var isTellable: Bool { unconfirmed == 0 }

        /// Whether it hands anything over, or anything is handed over to it.
        var isHandingOver: Bool { !incoming.isEmpty || !outgoing.isEmpty }

        /// Its standing when a config needs a node.
        var standing: Standing { isAwaited || isAway ? .awaited : conditions.standing }

        /// What its agent is told to run, unless it is told to run whatever it runs; in no particular order.
        ///
        /// - Parameter handOvers: those of the store.
        package func told(_ handOvers: [ConfigKey: HandOver]) -> [EncodedConfig] {
            guard isHandingOver else { return configs }
            let own = configs.filter { !incoming.contains($0.key) || handOvers[$0.key]?.isExclusive != true }
            return own + outgoing.compactMap { handOvers[$0] }.filter { !$0.isExclusive }.map(\.config)
        }
    }

    private struct Entry {
        var config: EncodedConfig
        private let place: Int32
        private var position: Int32
        /// The version of the store since which its node is told to run it, unless it is withheld.
        var since: UInt64

        init(config: EncodedConfig, slot: Int?, index: Int, since: UInt64) {
            self.config = config
            place = slot.map { Int32($0) } ?? -1
            position = Int32(index)
            self.since = since
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
    /// The configs that are being handed over.
    package private(set) var handOvers: [ConfigKey: HandOver] = [:]
    /// How many of them any node may run.
    private var unknownFormers = 0
    /// What operators want.
    package private(set) var intent = OperatorIntent()
    /// The endpoints checks.
    package private(set) var endpointsChecks = EndpointsChecks()
    /// One ring per standing, so that a node that must not get a config is not looked at.
    private var placements = Standing.allCases.map { _ in CapacityPlacement() }
    /// How many nodes of each standing are awaited.
    private var awaited = Standing.allCases.map { _ in 0 }
    /// How many nodes do not run every check.
    private(set) var restrictedCount = 0
    /// How many workers one usual instance keeps busy, by which measured costs are counted; nil if nothing has been
    /// measured.
    package private(set) var workersPerInstance: Double?
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
        case .nodeAbilitiesChanged(let id, let abilities):
            let slot = knownSlot(of: id)
            restrictedCount += (abilities.areRestricted ? 1 : 0) - (nodes[slot].abilities.areRestricted ? 1 : 0)
            changeStanding(of: slot) { $0.abilities = abilities }
        case .nodeIDShared(let id, let agents):
            nodes[knownSlot(of: id)].agents = agents
        case .nodeLeft(let id, _):
            changeStanding(of: knownSlot(of: id)) { $0.isAway = true }
        case .nodeReturned(let id):
            let slot = knownSlot(of: id)
            changeStanding(of: slot) { $0.isAway = false }
            // Who takes over must know of it before its agent is told anything.
            markChanged(slot)
        case .keepsRunning(let id, _):
            let slot = knownSlot(of: id)
            nodes[slot].keepsRunning = true
            markChanged(slot)
        case .keepsRunningEnded(let id):
            let slot = knownSlot(of: id)
            nodes[slot].keepsRunning = false
            markChanged(slot)
        case .nodeExpired(let id, let reason):
            expire(id, reason)
        case .configScheduled(let config, let id):
            assign(config, ConfigCost(of: config), to: id)
        case .costsChanged(let costs, let workersPerInstance):
            self.workersPerInstance = workersPerInstance
            for changed in costs { set(changed.cost, of: changed.key) }
        case .configReplaced(let config):
            replace(config)
        case .configMoved(let key, _, let id, _, let mayRun):
            move(key, to: id, mayRun: mayRun)
        case .configWithdrawn(let key, let reason, let mayRun):
            withdraw(key, reason, mayRun: mayRun)
        case .configRemoved(let key):
            remove(key)
        case .handOverStarted(let config, let id):
            startHandOver(config, from: id.map(knownSlot))
        case .handOverEnded(let key):
            endHandOver(key)
        case .intentChanged(let intent):
            self.intent = intent
        case .endpointsCheckScheduled(let config):
            endpointsChecks.set(config, version: version)
        case .endpointsCheckRemoved(let key):
            endpointsChecks.remove(key, version: version)
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

    /// What the config of a key costs; nil if there is none.
    package func cost(of key: ConfigKey) -> ConfigCost? {
        guard let entry = entries[key] else { return nil }
        return entry.slot.map { nodes[$0].costs[entry.index] } ?? dangling[entry.index].cost
    }

    /// The slot of the node on which the config of a key is placed; nil if it dangles or does not exist.
    func slot(ofConfig key: ConfigKey) -> Int? { entries[key]?.slot }

    /// The node that should run the config of a key; nil if it dangles or does not exist.
    package func nodeID(of key: ConfigKey) -> String? { slot(ofConfig: key).map { nodes[$0].id } }

    /// The version of the store since which the node of a config is told to run it; nil if it dangles, does not exist
    /// or is withheld.
    func toldSince(_ key: ConfigKey) -> UInt64? {
        guard let entry = entries[key], entry.slot != nil, !isWithheld(key) else { return nil }
        return entry.since
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

    /// The slots of the nodes whose agents leave, or have left to be restarted, in order.
    var leavingSlots: [Int] {
        let awaited = placements[Standing.awaited.rawValue].slots.filter {
            nodes[$0].conditions.isLeaving || nodes[$0].conditions.isDrained || nodes[$0].isAway
        }
        return (slots(standing: .restarting) + slots(standing: .draining) + awaited).sorted()
    }

    /// The best standing of any node that may get configs; nil without one.
    var bestStanding: Standing? {
        Standing.receiving.first { $0 <= worstReceiving && !placements[$0.rawValue].isEmpty }
    }

    /// The worst standing in which a node may get configs: whoever is worse than a node that is about to be heard waits
    /// for it.
    private var worstReceiving: Standing {
        awaited.firstIndex { $0 > 0 }.flatMap(Standing.init(rawValue:)) ?? .draining
    }

    /// Where to place a config: among the nodes with the best standing, the one with the least relative load after it;
    /// nil without one that may get it.
    ///
    /// - Parameters:
    ///   - load: that of the config.
    ///   - isEligible: whether the node of a slot may run the config; nil if all may.
    func leastLoadedNode(
        for config: EncodedConfig, load: Load, where isEligible: ((Int) -> Bool)? = nil
    ) -> String? {
        let worst = isEligible.map(worstReceiving) ?? worstReceiving
        for standing in Standing.receiving where standing <= worst {
            let slot = placements[standing.rawValue].best(for: config.keyHash, load: load, where: isEligible)
            if let slot { return nodes[slot].id }
        }
        return nil
    }

    /// The same as `worstReceiving` for a config that not every node may run: others are not waited for.
    private func worstReceiving(_ isEligible: (Int) -> Bool) -> Standing {
        guard awaited.contains(where: { $0 > 0 }) else { return .draining }
        let standings = placements[Standing.awaited.rawValue].slots.filter { slot in
            nodes[slot].isAwaited && !nodes[slot].isAway && isEligible(slot)
        }.map { nodes[$0].conditions.standing }
        return standings.min() ?? .draining
    }

    /// Reserves room for so many configs more, so that a large batch does not grow the store, and what each node has,
    /// step by step.
    mutating func reserveCapacity(more: Int) {
        entries.reserveCapacity(entries.count + more)
        guard more > nodeCount else { return }
        for slot in nodes.indices where !nodes[slot].id.isEmpty {
            let count = nodes[slot].configs.count + more / nodeCount + 1
            nodes[slot].configs.reserveCapacity(count)
            nodes[slot].costs.reserveCapacity(count)
        }
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
        placements[node.standing.rawValue].insert(
            node.id, slot: slot, capacity: node.abilities.capacity, load: .zero)
        countAwaited(slot, 1)
        markChanged(slot)
    }

    private mutating func countAwaited(_ slot: Int, _ difference: Int) {
        guard nodes[slot].isAwaited, !nodes[slot].isAway else { return }
        awaited[nodes[slot].conditions.standing.rawValue] += difference
    }

    private mutating func changeStanding(of slot: Int, _ change: (inout Node) -> Void) {
        let (former, formerCapacity) = (nodes[slot].standing.rawValue, nodes[slot].abilities.capacity)
        countAwaited(slot, -1)
        change(&nodes[slot])
        countAwaited(slot, 1)
        let (standing, capacity) = (nodes[slot].standing.rawValue, nodes[slot].abilities.capacity)
        guard (former, formerCapacity) != (standing, capacity) else { return }
        placements[former].remove(slot: slot, capacity: formerCapacity)
        placements[standing].insert(nodes[slot].id, slot: slot, capacity: capacity, load: nodes[slot].load)
    }

    private mutating func expire(_ id: String, _ reason: ExpiryReason) {
        let slot = knownSlot(of: id)
        markChanged(slot)
        // Whatever it handed over it runs no more.
        for key in nodes[slot].outgoing { endHandOver(key) }
        placements[nodes[slot].standing.rawValue].remove(slot: slot, capacity: nodes[slot].abilities.capacity)
        countAwaited(slot, -1)
        if nodes[slot].abilities.areRestricted { restrictedCount -= 1 }
        let danglingReason = DanglingReason(id, reason)
        for (config, cost) in zip(nodes[slot].configs, nodes[slot].costs) {
            entries[config.key] = dangle(config, cost, danglingReason)
        }
        nodes[slot] = Node(id: "", type: 0, address: nil)
        slots[id] = nil
        freeSlots.append(slot)
    }

    private mutating func replace(_ config: EncodedConfig) {
        guard let entry = entries[config.key] else { preconditionFailure("a config that does not exist") }
        entries[config.key]?.config = config
        guard let slot = entry.slot else {
            let cost = dangling[entry.index].cost
            dangling[entry.index].cost = cost.edited(from: entry.config, to: config)
            return dangling[entry.index].config = config
        }
        nodes[slot].configs[entry.index] = config
        if !isWithheld(config.key) {
            untell(entry.config, slot)
            tell(config, slot)
        }
        let cost = nodes[slot].costs[entry.index]
        setCost(at: entry.index, of: slot, cost.edited(from: entry.config, to: config))
    }

    private mutating func set(_ cost: ConfigCost, of key: ConfigKey) {
        guard let entry = entries[key] else { preconditionFailure("a config that does not exist") }
        if let slot = entry.slot {
            setCost(at: entry.index, of: slot, cost)
        } else {
            dangling[entry.index].cost = cost
        }
    }

    private mutating func setCost(at index: Int, of slot: Int, _ cost: ConfigCost) {
        let former = nodes[slot].costs[index]
        guard former != cost else { return }
        nodes[slot].costs[index] = cost
        changeLoad(of: slot, by: cost.load - former.load)
    }

    /// Gives a config, which has no entry, to a node; or it dangles. If it is being handed over, that goes on.
    private mutating func assign(_ config: EncodedConfig, _ cost: ConfigCost, to id: String?) {
        let key = config.key
        guard let id else {
            return add(dangle(config, cost, .noNode))
        }
        let slot = knownSlot(of: id)
        if !handOvers.isEmpty, handOvers[key]?.former == slot { endHandOver(key) }
        if nodes[slot].keepsRunning {
            nodes[slot].keepsRunning = false
            markChanged(slot)
        }
        nodes[slot].configs.append(config)
        nodes[slot].costs.append(cost)
        let isHandedOver = !handOvers.isEmpty && handOvers[key] != nil
        if isHandedOver { nodes[slot].incoming.insert(key) }
        if !isHandedOver || !isWithheld(key) {
            if isHandedOver { handOvers[key]?.since = version }
            tell(config, slot)
        }
        changeLoad(of: slot, by: cost.load)
        add(Entry(config: config, slot: slot, index: nodes[slot].configs.count - 1, since: version))
    }

    private mutating func add(_ entry: Entry) {
        let previous = entries.updateValue(entry, forKey: entry.config.key)
        precondition(previous == nil, "scheduled twice")
    }

    private mutating func dangle(_ config: EncodedConfig, _ cost: ConfigCost, _ reason: DanglingReason) -> Entry {
        newestDangling = version
        dangling.append(Dangling(config: config, cost: cost, reason: reason, since: version))
        return Entry(config: config, slot: nil, index: dangling.count - 1, since: version)
    }

    /// Takes a config from its node, or from the dangling ones, with its entry.
    private mutating func unassign(_ key: ConfigKey) -> (config: EncodedConfig, cost: ConfigCost) {
        guard let entry = entries.removeValue(forKey: key) else { preconditionFailure("a config that does not exist") }
        // Its room, which is for as many as there ever were, is given back.
        if entries.isEmpty { entries = [:] }
        if let slot = entry.slot {
            let cost = nodes[slot].costs[entry.index]
            _ = Self.swapRemove(entry.index, from: &nodes[slot].costs)
            let moved = Self.swapRemove(entry.index, from: &nodes[slot].configs)
            if let moved { entries[moved.key]?.index = entry.index }
            if !nodes[slot].incoming.isEmpty { nodes[slot].incoming.remove(key) }
            if !isWithheld(key) { untell(entry.config, slot) }
            changeLoad(of: slot, by: Load.zero - cost.load)
            return (entry.config, cost)
        } else {
            let cost = dangling[entry.index].cost
            let moved = Self.swapRemove(entry.index, from: &dangling)
            if let moved { entries[moved.config.key]?.index = entry.index }
            return (entry.config, cost)
        }
    }

    private mutating func move(_ key: ConfigKey, to id: String, mayRun: Bool) {
        let source = entries[key]?.slot
        let (config, cost) = unassign(key)
        // A node to which it is being handed over lets go at once: the former one still runs it.
        if mayRun, handOvers[key] == nil, let source, nodes[source].id != id {
            beginHandOver(config, from: source)
        }
        assign(config, cost, to: id)
    }

    /// Takes a config from its node, or gives another reason why it has none.
    private mutating func withdraw(_ key: ConfigKey, _ reason: DanglingReason, mayRun: Bool) {
        guard let entry = entries[key] else { preconditionFailure("a config that does not exist") }
        guard let source = entry.slot else {
            if dangling[entry.index].change(to: reason, at: version) { newestDangling = version }
            return
        }
        let (config, cost) = unassign(key)
        // Nobody takes over: another agent may start it only once this one has stopped it, if it is exclusive.
        let former = handOvers[key]?.former
        if handOvers[key]?.isExclusive != true { endHandOver(key) }
        if config.handOver == .exclusive, handOvers[key] == nil, let runner = mayRun ? source : former {
            beginHandOver(config, from: runner)
        }
        add(dangle(config, cost, reason))
    }

    private mutating func remove(_ key: ConfigKey) {
        let source = entries[key]?.slot
        let config = unassign(key).config
        entries.shrinkIfSparse()
        // Should an exclusive one come back, its former node must have stopped it first.
        if handOvers[key]?.isExclusive != true { endHandOver(key) }
        if config.handOver == .exclusive, handOvers[key] == nil, let source { beginHandOver(config, from: source) }
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
        nodes[slot].load += difference
        placements[nodes[slot].standing.rawValue].update(
            slot: slot, capacity: nodes[slot].abilities.capacity, load: nodes[slot].load)
    }

    /// The agent of a node is told to run a config besides what it runs.
    private mutating func tell(_ config: EncodedConfig, _ slot: Int) {
        nodes[slot].revision.add(config.contentHash)
        if !config.isConfirmed { nodes[slot].unconfirmed += 1 }
        markChanged(slot)
    }

    /// The agent of a node is no longer told to run a config.
    private mutating func untell(_ config: EncodedConfig, _ slot: Int) {
        nodes[slot].revision.remove(config.contentHash)
        if !config.isConfirmed { nodes[slot].unconfirmed -= 1 }
        markChanged(slot)
    }
}

// Handing over.
extension ClusterStore {
    /// Whether any node may run what is being handed over.
    var hasUnknownFormers: Bool { unknownFormers > 0 }

    /// The node that hands a config over; nil if nobody knows which.
    package func former(of handOver: HandOver) -> String? { handOver.former.map { nodes[$0].id } }

    /// Whether a config is kept from the node on which it is placed, as another one may still run it.
    func isWithheld(_ key: ConfigKey) -> Bool {
        // Most stores hand nothing over: do not even hash the key then.
        !handOvers.isEmpty && handOvers[key]?.isExclusive == true
    }

    /// The hand-overs that end when the agent of a node has confirmed what it has been told since a version: of configs
    /// that it starts, and of exclusive ones that it stops. Sorted.
    func handOvers(confirmedBy slot: Int, upTo version: UInt64) -> [ConfigKey] {
        guard nodes[slot].isHandingOver else { return [] }
        let started = nodes[slot].incoming.filter { handOvers[$0]?.isExclusive == false }
        let stopped = nodes[slot].outgoing.filter { handOvers[$0]?.isExclusive == true }
        return (started.union(stopped)).filter { handOvers[$0].map { $0.since <= version } ?? false }.sorted()
    }

    /// Starts to hand over a config that its former node was told to run, and is not placed there any more.
    private mutating func beginHandOver(_ config: EncodedConfig, from former: Int?) {
        let handOver = HandOver(config: config, former: former, since: version)
        handOvers[config.key] = handOver
        guard let former else { return unknownFormers += 1 }
        nodes[former].outgoing.insert(config.key)
        if !handOver.isExclusive { tell(config, former) }
    }

    private mutating func startHandOver(_ config: EncodedConfig, from former: Int?) {
        let target = entries[config.key]?.slot
        if let target { nodes[target].incoming.insert(config.key) }
        beginHandOver(config, from: former)
        if isWithheld(config.key), let target, let current = entries[config.key]?.config { untell(current, target) }
    }

    /// Ends a hand-over, if there is one: the former node is told nothing of the config any more, and one that was
    /// withheld from its new node no longer is.
    private mutating func endHandOver(_ key: ConfigKey) {
        guard let handOver = handOvers.removeValue(forKey: key) else { return }
        if let former = handOver.former {
            nodes[former].outgoing.remove(key)
            if !handOver.isExclusive { untell(handOver.config, former) }
        } else {
            unknownFormers -= 1
        }
        guard let entry = entries[key], let slot = entry.slot else { return }
        nodes[slot].incoming.remove(key)
        guard handOver.isExclusive else { return }
        entries[key]?.since = version
        tell(entry.config, slot)
    }
}
