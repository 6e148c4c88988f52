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

    /// A report.
    package init(id: String, status: NodeStatusRequest, address: String? = nil) {
        self.id = id
        self.status = status
        self.address = address
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
    /// The state. It holds every change that the calls below returned, in their order.
    package private(set) var store = ClusterStore()
    /// Whether a whole set of configs has been dispatched. Until then what a node should run is not known.
    package private(set) var isDispatching = false
    private let options: HandlerOptions
    private var listened: ListenedTime
    /// By slot: when its node was last heard, in listened time. Nil if it was not since its slot was taken.
    private var heard: [Duration?] = []

    /// A dispatcher with an empty store.
    package init(options: HandlerOptions) {
        self.options = options
        listened = ListenedTime(longestGap: options.longestListenedGap)
    }

    /// Takes a node's report in: its heartbeat, and its registration if it is new. A new node gets the configs that have no node, and its share.
    ///
    /// - Returns: whether the node runs what it should, as far as is known; and the changes, none for a known node.
    /// - Throws: `invalidNodeID` or `tooManyNodes` for a new node that cannot be registered.
    package mutating func nodeStatus(
        _ report: NodeReport, now: Instant
    ) throws(ClusterChecksError) -> (isUpToDate: Bool, changes: [StoreChange]) {
        var changes: [StoreChange] = []
        let type = report.status.nodeType
        let slot: Int
        if let known = store.slot(of: report.id) {
            slot = known
            let node = store.nodes[slot]
            let address = report.address ?? node.address
            if node.type != type || node.address != address {
                apply(.nodeChanged(id: report.id, type: type, address: address), &changes)
            }
        } else {
            try check(newNode: report.id)
            apply(.nodeRegistered(id: report.id, type: type, address: report.address), &changes)
            slot = store.slot(of: report.id) ?? 0
            if isDispatching {
                placeDangling(&changes)
                giveShare(to: slot, &changes)
            }
        }
        hear(slot, now)
        // The order of the protocol: a heartbeat, then equality, then the warm-up in which nobody is told to fetch.
        let lastChange = report.status.lastChange
        let isUpToDate =
            lastChange == NodeStatusRequest.heartbeatOnly || lastChange == store.nodes[slot].revision.value
            || !isDispatching
        return (isUpToDate, changes)
    }

    /// Makes the store hold what is wanted: gone configs leave, edited ones are replaced where they are, new ones go to the least loaded nodes.
    ///
    /// - Returns: the changes; and the new configs that were refused because there are as many as may be.
    package mutating func reconcile(_ wanted: Wanted) -> (changes: [StoreChange], refused: [ConfigKey]) {
        var changes: [StoreChange] = []
        for key in goneKeys(wanted) where store.config(key) != nil { apply(.configRemoved(key), &changes) }
        var new: [EncodedConfig] = []
        for config in wanted.upserts {
            if let present = store.config(config.key) {
                let isSame = present.contentHash == config.contentHash && present.cost == config.cost
                if !isSame { apply(.configReplaced(config), &changes) }
            } else {
                new.append(config)
            }
        }
        let room = max(0, options.maximumConfigs - store.configCount)
        let refused = new.dropFirst(room).map(\.key)
        store.reserveCapacity(store.configCount + min(room, new.count))
        for config in Self.heaviestFirst(Array(new.prefix(room))) {
            apply(.configScheduled(config, on: store.leastLoadedNode(for: config)), &changes)
        }
        isDispatching = true
        return (changes, refused)
    }

    /// Notes that this process listens at `now`, and forgets the nodes that have been silent for longer than the timeout while it listened.
    /// Their configs go to other nodes in the same step. To be called at least once in each `HandlerOptions.expiryInterval`.
    package mutating func expire(now: Instant) -> [StoreChange] {
        let time = listened.advance(to: now)
        let timeout = options.nodeExpirationTimeout
        let silent = store.occupiedSlots.filter { slot in
            guard let heard = heard.indices.contains(slot) ? heard[slot] : nil else { return true }
            return time - heard > timeout
        }
        guard !silent.isEmpty else { return [] }
        var changes: [StoreChange] = []
        // All of them before any of their configs is placed: none goes to another silent node.
        for id in silent.map({ store.nodes[$0].id }).sorted() { apply(.nodeExpired(id: id), &changes) }
        if isDispatching { placeDangling(&changes) }
        return changes
    }

    /// How long each node has been silent up to the last event, by slot, in listened time; nil for one that was not heard.
    package var silences: [Duration?] {
        heard.map { heard in heard.map { listened.total - $0 } }
    }

    /// When, if nothing more is heard and this process keeps listening, the next node will have been silent for too long; to be asked right
    /// after `expire(now:)`. Nil without nodes.
    package func nextExpiry(now: Instant) -> Instant? {
        let oldest = store.occupiedSlots.compactMap { heard.indices.contains($0) ? heard[$0] : nil }.min()
        return oldest.map { now + (options.nodeExpirationTimeout - (listened.total - $0)) + .milliseconds(1) }
    }
}

// Steps of the decisions above.
extension Dispatcher {
    private mutating func apply(_ change: StoreChange, _ changes: inout [StoreChange]) {
        store.apply(change)
        changes.append(change)
    }

    private mutating func hear(_ slot: Int, _ now: Instant) {
        while heard.count <= slot { heard.append(nil) }
        heard[slot] = listened.advance(to: now)
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
        guard store.configCount > 0 else { return [] }
        let kept = Set(wanted.upserts.map(\.key))
        return store.keys.filter { !kept.contains($0) }.sorted()
    }

    /// Heaviest first, as a big one is easier placed before the small ones fill the gaps (Graham's LPT rule); equal ones in the order given.
    private static func heaviestFirst(_ configs: [EncodedConfig]) -> [EncodedConfig] {
        let loads = configs.map { Load(cost: $0.cost) }
        if zip(loads, loads.dropFirst()).allSatisfy({ $0 >= $1 }) { return configs }
        return configs.indices.sorted { (loads[$1], $0) < (loads[$0], $1) }.map { configs[$0] }
    }

    private mutating func placeDangling(_ changes: inout [StoreChange]) {
        guard store.nodeCount > 0 else { return }
        for config in Self.heaviestFirst(store.dangling.map(\.config)) {
            guard let node = store.leastLoadedNode(for: config) else { return }
            apply(.configMoved(config.key, to: node, .dangled), &changes)
        }
    }

    /// Moves configs from the most loaded nodes to the joined one, until it has an equal share, rounded down. No other node gets more than it had.
    private mutating func giveShare(to slot: Int, _ changes: inout [StoreChange]) {
        let others = store.occupiedSlots.filter { $0 != slot }
        var donors = others.map { (slot: $0, load: store.nodes[$0].load) }
        let total = donors.reduce(store.nodes[slot].load) { $0 + $1.load }
        let share = total.shared(by: store.nodeCount)
        let id = store.nodes[slot].id
        while let heaviest = donors.indices.max(by: { donors[$0].load < donors[$1].load }) {
            let donor = donors[heaviest]
            let own = store.nodes[slot].load
            // Less than one instance short of it is enough: to look for something smaller would mean to look at every config.
            guard own + .oneInstance <= share, own < donor.load else { return }
            let movable = store.nodes[donor.slot].configs.last { config in
                let load = Load(cost: config.cost)
                return own + load <= share && own + load <= donor.load - load
            }
            if let movable {
                apply(.configMoved(movable.key, to: id, .joined), &changes)
                donors[heaviest].load -= Load(cost: movable.cost)
            } else {
                donors.remove(at: heaviest)
            }
        }
    }
}
