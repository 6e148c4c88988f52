package import CheckModel
package import Platform

/// What a node-agent says of itself when it reports.
package struct NodeReport: Sendable {
    /// The id in its URL.
    package var id: String
    /// What it sent.
    package var status: NodeStatusRequest
    /// Its IP address; nil leaves what is known.
    package var address: String?
    /// Whether it stated the address itself, and it is not merely where its call came from.
    package var isAddressStated: Bool

    /// A report.
    package init(id: String, status: NodeStatusRequest, address: String? = nil, isAddressStated: Bool = false) {
        self.id = id
        self.status = status
        self.address = address
        self.isAddressStated = isAddressStated
    }
}

/// What is wanted: what has to change, or all of it.
package struct Wanted: Sendable {
    /// New or edited configs; also unchanged ones, which change nothing.
    package var upserts: [EncodedConfig]
    /// Configs that are gone.
    package var removals: [ConfigKey]
    /// Whether configs that `upserts` does not have are gone too.
    package var isWhole: Bool

    /// What is wanted.
    package init(upserts: [EncodedConfig], removals: [ConfigKey] = [], isWhole: Bool = false) {
        self.upserts = upserts
        self.removals = removals
        self.isWhole = isWhole
    }
}

/// Decides who runs what. A value without I/O: what happened and the time go in, the changes of the store come out, already applied.
///
/// Until the first `reconcile` it warms up: nodes register, and nothing is placed.
package struct Dispatcher: Sendable {
    /// What is kept of a node beside the store: times, which are not mirrored.
    struct Record {
        /// When it was last heard, in listened time. Nil if it was not since its slot was taken.
        var heard: Duration?
        /// From where it was heard.
        var sightings = AddressSightings()
        /// Until when its agent is told to run on what it had while others take that over, in listened time.
        var letsGoAt: Duration?
        /// Until when its agent is told to run on whatever it runs, as it was draining already when we first heard of it.
        var runsOnUntil: Duration?
        /// What it answered about what it runs; nil if it never did.
        var statistics: NodeStatistics?
    }

    /// The state. It holds every change that the calls below returned, in their order.
    package internal(set) var store = ClusterStore()
    /// Whether a whole set of configs has been dispatched. Until then what a node should run is not known.
    package private(set) var isDispatching = false
    let options: HandlerOptions
    var listened: ListenedTime
    /// By slot.
    var records: [Record] = []
    /// The slots of nodes under whose id two agents report.
    var shared: Set<Int> = []
    var matching: AgentMatching
    var unscheduled = UnscheduledConfigs()

    /// A dispatcher with an empty store.
    package init(options: HandlerOptions) {
        self.init(options: options, matching: AgentMatching())
    }

    /// A dispatcher with an empty store, and with what `former` was told of pods and Kubernetes nodes.
    package init(after former: Dispatcher) {
        self.init(options: former.options, matching: former.matching.withoutNodes)
    }

    private init(options: HandlerOptions, matching: AgentMatching) {
        self.options = options
        self.matching = matching
        listened = ListenedTime(longestGap: options.longestListenedGap)
    }

    /// Takes a node's report in: its heartbeat, and its registration if it is new. A new node gets the configs that have no node, and its share.
    ///
    /// - Returns: whether the node runs what it should, as far as is known; and the changes, none for a known node that reports as before.
    /// - Throws: `invalidNodeID` or `tooManyNodes` for a new node that cannot be registered.
    package mutating func nodeStatus(
        _ report: NodeReport, now: Instant
    ) throws(ClusterChecksError) -> (isUpToDate: Bool, changes: [StoreChange]) {
        var changes: [StoreChange] = []
        let time = listened.advance(to: now)
        // What is known by now of pods comes first: it may be that a node of this id is forgotten, and this is another one.
        settle(&changes)
        let slot: Int
        if let known = store.slot(of: report.id) {
            slot = known
            hear(slot, report, time, &changes)
            settle(&changes)
        } else {
            try check(newNode: report.id)
            slot = register(report, time, &changes)
            settle(joined: slot, &changes)
        }
        // The order of the protocol: a heartbeat, then equality, then the warm-up in which nobody is told to fetch.
        let lastChange = report.status.lastChange
        let revision = store.nodes[slot].retained?.revision ?? store.nodes[slot].revision
        let isUpToDate =
            lastChange == NodeStatusRequest.heartbeatOnly || lastChange == revision.value || !isDispatching
            || runsOn(slot)
        return (isUpToDate, changes)
    }

    /// What the agent of a node is told to run.
    ///
    /// - Throws: `unknownNode`; `handingOver` for an agent that runs on whatever it runs, which nobody here knows.
    package func configs(of id: String) throws(ClusterChecksError) -> ClusterStore.Retained {
        guard let slot = store.slot(of: id) else { throw .unknownNode(id) }
        guard !runsOn(slot) else { throw .handingOver(id) }
        return store.nodes[slot].told
    }

    /// Makes the store hold what is wanted: gone configs leave, edited ones are replaced where they are, new ones go to the least loaded nodes, and
    /// endpoints checks to the nodes that they name.
    ///
    /// - Returns: the changes; and the new configs that were refused because there are as many as may be.
    package mutating func reconcile(_ wanted: Wanted) -> (changes: [StoreChange], refused: [ConfigKey]) {
        var changes: [StoreChange] = []
        settle(&changes)
        for key in goneKeys(wanted) { remove(key, &changes) }
        var new: [EncodedConfig] = []
        for config in wanted.upserts where !replace(config, &changes) { new.append(config) }
        let room = max(0, options.maximumConfigs - store.totalCount)
        let refused = new.dropFirst(room).map(\.key)
        store.reserveCapacity(store.configCount + min(room, new.count))
        for config in Self.heaviestFirst(Array(new.prefix(room))) {
            guard config.nodeName.isEmpty else {
                apply(.endpointsCheckScheduled(config), &changes)
                continue
            }
            apply(.configScheduled(config, on: store.leastLoadedNode(for: config)), &changes)
        }
        if !isDispatching {
            isDispatching = true
            for slot in store.slots(standing: .draining) { runOn(slot) }
        }
        return (changes, refused)
    }

    /// Notes that this process listens at `now`, and forgets the nodes that have been silent for longer than the timeout while it listened.
    /// Their configs go to other nodes in the same step. To be called at least once in each `HandlerOptions.expiryInterval`.
    package mutating func expire(now: Instant) -> [StoreChange] {
        let time = listened.advance(to: now)
        let timeout = options.nodeExpirationTimeout
        var changes: [StoreChange] = []
        let silent = store.occupiedSlots.filter { slot in
            guard let heard = records[slot].heard else { return true }
            return time - heard > timeout
        }
        // All of them before any of their configs is placed: none goes to another silent node.
        for id in silent.map({ store.nodes[$0].id }).sorted() { forget(id, .silence, &changes) }
        settle(hasLost: !silent.isEmpty, &changes)
        endSharing(at: time, &changes)
        letGo(at: time, &changes)
        return changes
    }

    /// The nodes that came, went, or whose configs changed since this was last called, in no particular order.
    package mutating func takeChangedNodes() -> Set<String> {
        store.takeChangedNodes()
    }

    /// When, if nothing more is heard and this process keeps listening, the next node will have been silent for too long; to be asked right
    /// after `expire(now:)`. Nil without nodes.
    package func nextExpiry(now: Instant) -> Instant? {
        let oldest = store.occupiedSlots.compactMap { records[$0].heard }.min()
        return oldest.map { now + (options.nodeExpirationTimeout - (listened.total - $0)) + .milliseconds(1) }
    }
}

// Steps of the decisions above.
extension Dispatcher {
    mutating func apply(_ change: StoreChange, _ changes: inout [StoreChange]) {
        store.apply(change)
        changes.append(change)
    }

    private func check(newNode id: String) throws(ClusterChecksError) {
        let isFine = !id.isEmpty && id.utf8.count <= ClusterChecksError.longestNodeID
        guard isFine, id.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control }) else {
            throw .invalidNodeID(length: id.utf8.count)
        }
        guard store.nodeCount < options.maximumNodes else { throw .tooManyNodes(limit: options.maximumNodes) }
    }

    private func goneKeys(_ wanted: Wanted) -> [ConfigKey] {
        guard wanted.isWhole else { return wanted.removals }
        guard store.totalCount > 0 else { return [] }
        let kept = Set(wanted.upserts.map(\.key))
        return (store.keys.filter { !kept.contains($0) } + store.endpointsChecks.keys.filter { !kept.contains($0) })
            .sorted()
    }

    private mutating func remove(_ key: ConfigKey, _ changes: inout [StoreChange]) {
        if store.config(key) != nil { apply(.configRemoved(key), &changes) }
        if store.endpointsChecks.config(key) != nil { apply(.endpointsCheckRemoved(key), &changes) }
    }

    /// Takes in a config that is there already, and says whether it is. One that becomes an endpoints check, or ceases to be one, is not.
    private mutating func replace(_ config: EncodedConfig, _ changes: inout [StoreChange]) -> Bool {
        if let present = store.config(config.key) {
            guard config.nodeName.isEmpty else {
                apply(.configRemoved(config.key), &changes)
                return false
            }
            let isSame = present.contentHash == config.contentHash && present.cost == config.cost
            if !isSame { apply(.configReplaced(config), &changes) }
            return true
        }
        guard let present = store.endpointsChecks.config(config.key) else { return false }
        guard !config.nodeName.isEmpty else {
            apply(.endpointsCheckRemoved(config.key), &changes)
            return false
        }
        let isSame = present.contentHash == config.contentHash && present.nodeName == config.nodeName
        if !isSame { apply(.endpointsCheckScheduled(config), &changes) }
        return true
    }
}
