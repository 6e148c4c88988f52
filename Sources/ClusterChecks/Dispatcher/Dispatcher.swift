package import CheckModel
package import Platform

/// Decides which node runs what. A value without I/O: events and the time go in, and the changes of the store, already
/// applied, come out of `drainChanges`.
///
/// Until the first `reconcile` it warms up: nodes register, and no config is placed. One that adopts the former
/// leader's placements has no warm-up.
package struct Dispatcher: Sendable {
    /// The state. Every change in it was made by `apply`.
    package private(set) var store = ClusterStore()

    /// How long after an adoption pods and Kubernetes nodes may be read for the first time.
    private static let longestReading = Duration.seconds(60)

    private let options: HandlerOptions
    private var heartbeats: Heartbeats
    private var matching: AgentMatching
    private var unscheduled: UnscheduledConfigs
    /// When it adopted conditions of nodes that still stand, since Kubernetes has not been asked since; nil when it
    /// goes by its own reading.
    private var adoptedAt: Instant?
    /// Where configs were when another leader's mirror was last complete: where to place them after the warm-up.
    private var hint: PlacementHint?
    /// By slot: when the node's hand-over ends, in listened time.
    private var handOverEnds: [Duration?] = []
    /// By slot: the statistics that a node last gave; nil if it never did.
    private var statistics: [NodeStatistics?] = []
    /// What was applied since the last `drainChanges`.
    private var changes: [StoreChange] = []

    /// A dispatcher with an empty store.
    package init(options: HandlerOptions) {
        self.init(options: options, matching: AgentMatching())
    }

    /// A dispatcher with an empty store that knows the pods and Kubernetes nodes that `predecessor` knew.
    ///
    /// - Parameter hint: where to place configs after the warm-up; nil if nothing is known.
    init(succeeding predecessor: Dispatcher, hint: PlacementHint? = nil) {
        self.init(options: predecessor.options, matching: predecessor.matching.withoutNodes)
        self.hint = hint
    }

    private init(options: HandlerOptions, matching: AgentMatching) {
        self.options = options
        self.matching = matching
        heartbeats = Heartbeats(
            timeout: options.nodeExpirationTimeout, longestListenedGap: options.longestListenedGap)
        unscheduled = UnscheduledConfigs(
            threshold: max(options.unscheduledCheckThreshold, options.nodeExpirationTimeout))
    }

    mutating func apply(_ change: StoreChange) {
        store.apply(change)
        changes.append(change)
    }

    /// The changes since the last call, in the order in which they were applied.
    package mutating func drainChanges() -> [StoreChange] {
        guard !changes.isEmpty else { return [] }
        defer { changes = [] }
        return changes
    }

    /// The nodes that were added or removed, or whose configs changed, since the last call, in no particular order.
    mutating func drainChangedNodes() -> Set<ExactText> {
        store.drainChangedNodes()
    }

    /// What is read outside the lock.
    var view: View {
        View(
            version: store.version, isDispatching: store.isDispatching, nodes: store.nodes, dangling: store.dangling,
            overdue: unscheduled.overdue, endpointsChecks: store.endpointsChecks, statistics: statistics,
            pods: matching.pods)
    }

    /// The store as a follower gets it whole.
    var mirrored: StoreSnapshot {
        let lasting = handOverEnds.map { $0.map { max(.zero, $0 - heartbeats.time) } ?? .zero }
        return StoreSnapshot(store, handOversLast: lasting)
    }
}

// Taking over.
extension Dispatcher {
    /// Fills the store, which is empty, with what the former leader's held at the end, so that nothing moves and nobody
    /// is told anything new. There is no warm-up.
    ///
    /// Every node counts as heard now, and is awaited. What Kubernetes says of it stays as the mirror tells until it
    /// has been read anew.
    mutating func adopt(_ changes: [StoreChange], now: Instant) {
        precondition(store.version == 0, "adopted into a store that is not empty")
        adoptedAt = now
        for change in changes {
            apply(change)
            switch change {
            case .nodeRegistered(let id, _, let address, _):
                if let slot = store.slot(of: id) { add(id, slot: slot, address: address) }
            case .handOverStarted(let id, _, let duration):
                if let slot = store.slot(of: id) { handOverEnds[slot] = heartbeats.time + duration }
            default:
                break
            }
        }
    }

    private mutating func add(_ id: String, slot: Int, address: String?) {
        while statistics.count <= slot {
            statistics.append(nil)
            handOverEnds.append(nil)
        }
        heartbeats.add(slot: slot)
        matching.add(id, slot: slot, address: address)
    }
}

// Reports.
extension Dispatcher {
    /// Handles a node's report: its heartbeat and, if it is new, its registration. A new node gets the dangling
    /// configs, and its share of the others.
    ///
    /// - Returns: whether the node runs what it should, as far as is known.
    /// - Throws: `invalidNodeID` or `tooManyNodes` for a new node that cannot be registered.
    package mutating func nodeStatus(_ report: NodeReport, now: Instant) throws(ClusterChecksError) -> Bool {
        heartbeats.advance(to: now)
        // Pods first: the known node of this ID may be gone, and the report come from a new one.
        reconcileNodes()
        let slot: Int
        if let known = store.slot(of: report.id) {
            slot = known
            update(slot, report)
            reconcileNodes(heard: hear(slot))
        } else {
            try validate(newNode: report.id)
            slot = register(report)
            reconcileNodes(joined: slot)
        }
        // In the order of the protocol: a heartbeat, an equal revision, then the warm-up, in which nobody is told to
        // fetch.
        let lastChange = report.status.lastChange
        let node = store.nodes[slot]
        let revision = node.retained?.revision ?? node.revision
        return lastChange == NodeStatusRequest.heartbeatOnly || lastChange == revision.value || !store.isDispatching
            || node.keepsRunning || !node.isTellable
    }

    /// Records heartbeats of nodes. Unknown nodes stay unknown.
    mutating func recordHeartbeats(of ids: [String], now: Instant) {
        heartbeats.advance(to: now)
        reconcileNodes()
        var areHeard = false
        for id in ids {
            guard let slot = store.slot(of: id) else { continue }
            heartbeats.record(slot: slot)
            if hear(slot) { areHeard = true }
        }
        if areHeard { reconcileNodes(heard: true) }
    }

    /// - Returns: whether the node was awaited.
    private mutating func hear(_ slot: Int) -> Bool {
        guard store.nodes[slot].isAwaited else { return false }
        apply(.nodeHeard(id: store.nodes[slot].id))
        return true
    }

    /// What the agent of a node is told to run.
    ///
    /// - Throws: `unknownNode`; `handingOver` while the agent is to run whatever it runs; `unconfirmed` while not all
    ///   bytes are known.
    func node(toTell id: String) throws(ClusterChecksError) -> ClusterStore.Node {
        guard let slot = store.slot(of: id) else { throw .unknownNode(id) }
        guard !store.nodes[slot].keepsRunning else { throw .handingOver(id) }
        guard store.nodes[slot].isTellable else { throw .unconfirmed(node: id) }
        return store.nodes[slot]
    }

    /// The endpoints checks of a Kubernetes node.
    ///
    /// - Throws: `unconfirmed` while not all bytes are known.
    func endpointsChecks(of nodeName: String) throws(ClusterChecksError) -> [EncodedConfig] {
        let checks = store.endpointsChecks.of(nodeName)
        guard checks.allSatisfy(\.isConfirmed) else { throw .unconfirmed(node: nodeName) }
        return checks
    }

    private func validate(newNode id: String) throws(ClusterChecksError) {
        let isValid = !id.isEmpty && id.utf8.count <= ClusterChecksError.longestNodeID
        guard isValid, id.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control }) else {
            throw .invalidNodeID(length: id.utf8.count)
        }
        guard store.nodeCount < options.maximumNodes else { throw .tooManyNodes(limit: options.maximumNodes) }
    }

    private mutating func register(_ report: NodeReport) -> Int {
        apply(
            .nodeRegistered(
                id: report.id, type: report.status.nodeType, address: report.address, isAwaited: false))
        guard let slot = store.slot(of: report.id) else { preconditionFailure("not registered") }
        add(report.id, slot: slot, address: report.address)
        _ = observeAddress(of: report, slot)
        return slot
    }

    private mutating func update(_ slot: Int, _ report: NodeReport) {
        let isFromNewest = heartbeats.record(slot: slot, from: report.address)
        if !isFromNewest, let agents = observeAddress(of: report, slot) {
            matching.set(addresses: agents, of: slot)
            apply(.nodeIDShared(id: report.id, agents: agents.map(matching.described)))
        }
        // While two agents report, the address stays: it would change with each report.
        let isShared = !store.nodes[slot].agents.isEmpty
        let address = isShared ? store.nodes[slot].address : report.address ?? store.nodes[slot].address
        let type = report.status.nodeType
        guard store.nodes[slot].type != type || store.nodes[slot].address != address else { return }
        apply(.nodeChanged(id: report.id, type: type, address: address))
        if !isShared { matching.set(addresses: address.map { [$0] } ?? [], of: slot) }
    }

    private mutating func observeAddress(of report: NodeReport, _ slot: Int) -> [String]? {
        guard let address = report.address else { return nil }
        return heartbeats.observe(address, of: slot, isStated: report.isAddressStated, matching)
    }
}

// Time.
extension Dispatcher {
    /// How much longer this process must listen before configs may be dispatched.
    ///
    /// Time in which it did not lead, or was stopped, does not count: nobody could report then.
    var remainingWarmUp: Duration { store.isDispatching ? .zero : max(.zero, options.warmup - heartbeats.time) }

    /// Records that this process begins to listen at `now`: a term begins.
    mutating func beginListening(at now: Instant) {
        heartbeats.beginListening(at: now)
    }

    /// Records that this process listens at `now`.
    mutating func listen(at now: Instant) {
        heartbeats.advance(to: now)
    }

    /// Removes the nodes that have been silent for longer than the timeout while this process listened, and moves their
    /// configs in the same step. Call it at least once in each `HandlerOptions.expiryInterval`.
    ///
    /// It looks at every node's last heartbeat, but at no config that stays where it is.
    ///
    /// - Returns: the configs that have just been dangling for too long.
    package mutating func expire(now: Instant) -> UnscheduledConfigs.Overdue? {
        heartbeats.advance(to: now)
        let silent = heartbeats.silentSlots
        // Remove all of them before placing any config: none goes to another silent node.
        for id in silent.map({ store.nodes[$0].id }).sortedByBytes() { remove(id, .silence) }
        reconcileNodes(hasLost: !silent.isEmpty)
        for (slot, address) in heartbeats.endSharing() { endSharing(slot, address) }
        endHandOvers()
        return unscheduled.update(store, at: heartbeats.time)
    }

    /// When the next node will expire if no heartbeat comes and this process keeps listening; nil without nodes. Call
    /// it right after `expire`.
    func nextExpiry(now: Instant) -> Instant? {
        heartbeats.nextExpiry(now: now)
    }

    private mutating func endSharing(_ slot: Int, _ newest: String?) {
        let (id, type) = (store.nodes[slot].id, store.nodes[slot].type)
        let address = newest ?? store.nodes[slot].address
        apply(.nodeIDShared(id: id, agents: []))
        if store.nodes[slot].address != address { apply(.nodeChanged(id: id, type: type, address: address)) }
        matching.set(addresses: address.map { [$0] } ?? [], of: slot)
    }

    /// Ends the hand-overs that have lasted for the timeout, which bounds how long two agents run one config.
    private mutating func endHandOvers() {
        for slot in handOverEnds.indices {
            guard let end = handOverEnds[slot], heartbeats.time >= end else { continue }
            endHandOver(slot)
        }
    }

    private mutating func endHandOver(_ slot: Int) {
        handOverEnds[slot] = nil
        // It ends by itself when the node gets a config.
        if store.nodes[slot].handOver != nil { apply(.handOverEnded(id: store.nodes[slot].id)) }
    }

    private mutating func startHandOver(_ slot: Int, _ handOver: HandOver) {
        handOverEnds[slot] = heartbeats.time + options.nodeExpirationTimeout
        apply(.handOverStarted(id: store.nodes[slot].id, handOver, lasts: options.nodeExpirationTimeout))
    }
}

// What Kubernetes says.
extension Dispatcher {
    /// Handles a change of the node-agents' pods. It takes effect with the next call that has a time.
    package mutating func handle(_ change: AgentPodChange) { matching.handle(change) }

    /// Handles a change of the Kubernetes nodes. It takes effect with the next call that has a time.
    package mutating func handle(_ change: WorkerNodeChange) { matching.handle(change) }

    /// Acts on the changes handled so far: removes a node whose pod was deleted, hands over the configs of one whose
    /// pod is terminating, and gives its share to one that became schedulable again.
    package mutating func reconcileNodes(now: Instant) {
        heartbeats.advance(to: now)
        reconcileNodes()
    }

    /// Brings the nodes in line with what Kubernetes says, and then the configs in line with the nodes.
    ///
    /// - Parameters:
    ///   - joined: the slot of a node that has just registered.
    ///   - hasLost: whether nodes have just been removed.
    ///   - heard: whether nodes that were awaited have just been heard.
    private mutating func reconcileNodes(joined: Int? = nil, hasLost: Bool = false, heard: Bool = false) {
        var hasChanged = joined != nil || hasLost || heard
        var joiners = joined.map { [$0] } ?? []
        let isLate = heartbeats.time >= Self.longestReading
        if let adopted = adoptedAt, matching.isRead(since: adopted, orNever: isLate) { adoptedAt = nil }
        for (slot, verdict) in adoptedAt == nil ? matching.assess() : [] {
            switch verdict {
            case .gone(let pod):
                remove(store.nodes[slot].id, .podDeleted(pod.fullName))
                hasChanged = true
            case .stays(let conditions):
                let former = store.nodes[slot].conditions
                guard conditions != former else { continue }
                setConditions(conditions, of: slot, isNew: slot == joined)
                guard conditions.standing != former.standing else { continue }
                hasChanged = true
                if conditions.standing < former.standing, slot != joined { joiners.append(slot) }
            }
        }
        guard hasChanged, store.isDispatching else { return }
        placeDangling()
        handOver()
        for slot in joiners { giveShare(to: slot) }
    }

    private mutating func setConditions(_ conditions: NodeConditions, of slot: Int, isNew: Bool) {
        let wasDraining = store.nodes[slot].conditions.isDraining
        apply(.nodeConditionsChanged(id: store.nodes[slot].id, conditions))
        if conditions.isDraining, isNew, store.isDispatching { startHandOver(slot, .keepsRunning) }
        guard wasDraining, !conditions.isDraining else { return }
        // From here on the reports come from another agent, in another pod.
        endHandOver(slot)
    }

    private mutating func remove(_ id: String, _ reason: ExpiryReason) {
        guard let slot = store.slot(of: id) else { preconditionFailure("a node that does not exist") }
        matching.remove(slot: slot)
        heartbeats.remove(slot: slot)
        handOverEnds[slot] = nil
        statistics[slot] = nil
        apply(.nodeExpired(id: id, reason))
    }

    /// Moves the configs of draining nodes to nodes that stay, if there are any. Their agents keep running them
    /// meanwhile.
    private mutating func handOver() {
        guard let best = store.bestStanding, best < .draining else { return }
        for slot in store.drainingSlots where !store.nodes[slot].configs.isEmpty {
            startHandOver(slot, .retains(store.nodes[slot].told))
            for config in Self.heaviestFirst(store.nodes[slot].configs) {
                guard let node = store.leastLoadedNode(for: config) else { return }
                apply(.configMoved(config.key, to: node, .drained))
            }
        }
    }
}

// Configs.
extension Dispatcher {
    /// Makes the store hold what is desired: removes configs, replaces edited ones where they are, places new ones
    /// where one that they succeed was, else on the least loaded nodes, and assigns endpoints checks to the Kubernetes
    /// nodes that they name.
    ///
    /// - Returns: the new configs that were refused because the limit is reached.
    package mutating func reconcile(_ desired: EncodedChanges) -> [ConfigKey] {
        reconcileNodes()
        let removed = removedKeys(desired)
        var predecessors = Predecessors(removed, in: store)
        for key in removed { remove(key) }
        var new: [EncodedConfig] = []
        for config in desired.upserts where !replace(config) { new.append(config) }
        let room = max(0, options.maximumConfigs - store.totalCount)
        let refused = new.dropFirst(room).map(\.key)
        store.reserveCapacity(store.configCount + min(room, new.count))
        for config in Self.heaviestFirst(Array(new.prefix(room))) {
            guard config.nodeName.isEmpty else {
                apply(.endpointsCheckScheduled(config))
                continue
            }
            let former = predecessors.takeNode(of: config.key) ?? hint?.node(of: config)
            apply(.configScheduled(config, on: former.flatMap(keeper) ?? store.leastLoadedNode(for: config)))
        }
        if !store.isDispatching { beginDispatching() }
        return refused
    }

    /// The node of this ID, if it may keep what it had.
    private func keeper(_ id: String) -> String? {
        store.slot(of: id).flatMap { store.nodes[$0].isFit ? id : nil }
    }

    private mutating func beginDispatching() {
        apply(.dispatchingBegan)
        for slot in store.drainingSlots where store.nodes[slot].configs.isEmpty { startHandOver(slot, .keepsRunning) }
        guard let hint else { return }
        self.hint = nil
        // The others have what they had.
        for slot in store.slots(standing: .free) where !hint.knows(store.nodes[slot].id) { giveShare(to: slot) }
    }

    /// Makes the store hold what is desired, as far as that counts by now: for the time after an adoption.
    ///
    /// - Returns: whether nothing was held back.
    mutating func reconcile(_ desired: EncodedChanges, _ settlement: Settlement) -> Bool {
        precondition(desired.isWhole, "a part of the set says nothing of what is absent")
        var isSettled = true
        let upserts = desired.upserts.filter { config in
            guard !isConfirmed(config.key), !settlement.counts(config.key, isPresent: true) else { return true }
            let isSame = adopted(config.key)?.contentHash == config.contentHash
            isSettled = isSettled && isSame
            return isSame
        }
        let removals = removedKeys(desired).filter { key in
            guard !isConfirmed(key), !settlement.counts(key, isPresent: false) else { return true }
            isSettled = false
            return false
        }
        _ = reconcile(EncodedChanges(upserts: upserts, removals: removals))
        return isSettled
    }

    /// What the store has under a key, be it a cluster check or an endpoints check.
    private func adopted(_ key: ConfigKey) -> EncodedConfig? {
        store.config(key) ?? store.endpointsChecks.config(key)
    }

    /// Whether this replica's own sources have had what was adopted: what they say since is news.
    private func isConfirmed(_ key: ConfigKey) -> Bool {
        adopted(key)?.isConfirmed ?? false
    }

    private func removedKeys(_ desired: EncodedChanges) -> [ConfigKey] {
        guard desired.isWhole else { return desired.removals }
        guard store.totalCount > 0 else { return [] }
        let kept = Set(desired.upserts.map(\.key))
        return (store.keys.filter { !kept.contains($0) } + store.endpointsChecks.keys.filter { !kept.contains($0) })
            .sorted()
    }

    private mutating func remove(_ key: ConfigKey) {
        if store.config(key) != nil { apply(.configRemoved(key)) }
        if store.endpointsChecks.config(key) != nil { apply(.endpointsCheckRemoved(key)) }
    }

    /// Replaces a config if it exists, and returns whether it does. A config that becomes an endpoints check, or the
    /// reverse, is removed and counts as new.
    private mutating func replace(_ config: EncodedConfig) -> Bool {
        if let present = store.config(config.key) {
            guard config.nodeName.isEmpty else {
                apply(.configRemoved(config.key))
                return false
            }
            let isSame =
                present.contentHash == config.contentHash && present.cost == config.cost
                && present.handOver == config.handOver && present.isConfirmed
            if !isSame { apply(.configReplaced(config)) }
            return true
        }
        guard let present = store.endpointsChecks.config(config.key) else { return false }
        guard !config.nodeName.isEmpty else {
            apply(.endpointsCheckRemoved(config.key))
            return false
        }
        let isSame =
            present.contentHash == config.contentHash && present.nodeName == config.nodeName && present.isConfirmed
        if !isSame { apply(.endpointsCheckScheduled(config)) }
        return true
    }
}

// Rebalancing.
extension Dispatcher {
    /// Records the statistics that a node gave, if it still reports, and returns those that they replace.
    mutating func record(_ statistics: NodeStatistics, of id: String) -> NodeStatistics? {
        guard let slot = store.slot(of: id) else { return nil }
        defer { self.statistics[slot] = statistics }
        return self.statistics[slot]
    }

    /// Moves configs together with their statistics. Moves that no longer apply are skipped: the config was edited,
    /// removed or moved since they were planned, or the destination may not get configs any more.
    ///
    /// - Returns: the moves that were made.
    mutating func move(_ moves: [RebalanceMove], _ reason: MoveReason) -> [RebalanceMove] {
        moves.filter { move in
            guard let source = store.slot(of: move.source), let destination = store.slot(of: move.destination),
                store.nodeID(of: move.config.key).flatMap(store.slot(of:)) == source, store.nodes[destination].receives,
                store.config(move.config.key)?.contentHash == move.config.contentHash
            else { return false }
            apply(.configMoved(move.config.key, to: move.destination, reason))
            for checkID in move.config.instanceIDs {
                guard let stats = statistics[source]?.checks.removeValue(forKey: checkID) else { continue }
                statistics[destination]?.checks[checkID] = stats
            }
            return true
        }
    }
}
