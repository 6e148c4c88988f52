import CheckModel
package import Platform

// What node-agents report, and what they are told.
extension Dispatcher {
    /// The answer to a report.
    package struct ReportAnswer: Hashable, Sendable {
        /// Whether the agent runs what it should, as far as is known.
        package let isUpToDate: Bool
        /// How many configs of an agent that leaves are being handed over to others.
        package let handingOver: Int
        /// Whether the agent should report again at once, with what it runs.
        package let asksForRunning: Bool
        /// The version of the store in which its node is, if the answer must wait until whoever may take over knows it:
        /// an answer lets an agent go on with what is exclusive.
        package let since: UInt64?

        init(isUpToDate: Bool, handingOver: Int = 0, asksForRunning: Bool = false, since: UInt64? = nil) {
            self.isUpToDate = isUpToDate
            self.handingOver = handingOver
            self.asksForRunning = asksForRunning
            self.since = since
        }
    }

    /// What the agent of a node is told to run.
    struct Told: Sendable {
        let revision: Int64
        /// In no particular order.
        let configs: [EncodedConfig]
        /// The version of the store since which this is so.
        let since: UInt64
    }

    /// Handles a node's report: its heartbeat and, if it is new, its registration. A new node gets the dangling
    /// configs, and its share of the others.
    ///
    /// An agent that says that it leaves has its configs handed over; one that says that it is gone has its node
    /// removed, or is waited for if it is only restarted.
    ///
    /// A Prometheus' fetch of its targets is a report: that it runs what it was told last. That is known only in the
    /// term in which it was told.
    ///
    /// - Throws: `invalidNodeID` or `tooManyNodes` for a new node that cannot be registered; `strangersGoodbye`;
    ///   `otherKind`.
    package mutating func nodeStatus(_ report: NodeReport, now: Instant) throws(ClusterChecksError) -> ReportAnswer {
        heartbeats.advance(to: now)
        // Pods first: the known node of this ID may be gone, and the report come from a new one.
        reconcileNodes()
        if let departure = report.status.departure, try depart(report, departure) {
            return ReportAnswer(isUpToDate: true)
        }
        let slot: Int
        // What it runs before what it gets.
        if let known = store.slot(of: report.id) {
            slot = known
            let isPrometheus = store.nodes[slot].abilities.refreshInterval != nil
            guard isPrometheus == (report.refreshInterval != nil) else {
                throw .otherKind(node: report.id, isPrometheus: isPrometheus)
            }
            let isOther = noteAbilities(report, slot)
            update(slot, report)
            reconcileNodes(heard: hear(slot), changed: isOther ? [slot] : [])
        } else {
            try validate(newNode: report.id)
            slot = register(report)
            _ = noteAbilities(report, slot)
            reconcileNodes(joined: slot)
        }
        // The first one: whoever comes later in its name may be a stranger.
        if peers[slot] == nil { peers[slot] = report.peer }
        let isFetch = report.refreshInterval != nil
        let lastChange = isFetch ? tellings.newestRevision(slot) : report.status.lastChange
        noteRunning(lastChange, slot)
        // A Prometheus cannot say what it runs.
        if !store.isDispatching, !isFetch {
            // Who has no pod, where pods are known, is no agent of ours: what it claims counts for nothing.
            let isBelieved = !store.nodes[slot].conditions.lacksPod
            claims.note(report, slot: slot, isBelieved: isBelieved, at: heartbeats.time)
        }
        // In the order of the protocol: a heartbeat, an equal revision, then the warm-up, in which nobody is told to
        // fetch.
        let node = store.nodes[slot]
        let isUpToDate =
            lastChange == NodeStatusRequest.heartbeatOnly || lastChange == node.revision.value || !store.isDispatching
            || node.keepsRunning || !node.isTellable
        return ReportAnswer(
            isUpToDate: isUpToDate, handingOver: report.status.departure == nil ? 0 : node.outgoing.count,
            asksForRunning: !store.isDispatching && claims.asks(report), since: tellings.lateSince(slot))
    }

    /// Notes which checks a node runs, as its report says.
    ///
    /// - Returns: whether they changed.
    private mutating func noteAbilities(_ report: NodeReport, _ slot: Int) -> Bool {
        guard report.status.compatibility != nil || report.refreshInterval != nil else { return false }
        return refreshAbilities(
            slot, checks: report.status.compatibility, refreshInterval: report.refreshInterval)
    }

    /// The nodes to ask for their statistics in the warm-up, sorted by ID: those that run something, do not list it,
    /// and have a known address. Each is given once.
    mutating func nodesToAsk() -> [StatisticsTarget] {
        guard !store.isDispatching else { return [] }
        return claims.slotsToAsk(at: heartbeats.time).compactMap { slot in
            guard let target = StatisticsTarget(store.nodes[slot], matching.pods) else { return nil }
            claims.setPending(slot, true)
            return target
        }.sorted { $0.id.isBefore($1.id) }
    }

    /// Takes the checks of which the nodes that were asked gave statistics as what they run.
    mutating func recordRunning(_ readings: [StatisticsReading], of targets: [StatisticsTarget]) {
        guard !store.isDispatching else { return }
        for target in targets {
            if let slot = store.slot(of: target.id) { claims.setPending(slot, false) }
        }
        for reading in readings {
            guard let statistics = reading.statistics, let slot = store.slot(of: reading.id) else { continue }
            claims.note(running: statistics.checks.keys, slot: slot)
        }
    }

    /// Records heartbeats of nodes, and the revisions that their agents run, where known. Unknown nodes stay unknown.
    mutating func recordHeartbeats(of nodes: [NodeHeartbeat], now: Instant) {
        heartbeats.advance(to: now)
        reconcileNodes()
        var areHeard = false
        for node in nodes {
            guard let slot = store.slot(of: node.id) else { continue }
            heartbeats.record(slot: slot)
            if hear(slot) { areHeard = true }
            if isOfNextAgent(slot) { comeBack(slot) }
            if let revision = node.revision { noteRunning(revision, slot) }
        }
        if areHeard { reconcileNodes(heard: true) }
    }

    /// - Returns: whether there is nothing more to say of the node: its agent is gone, or was not known.
    private mutating func depart(
        _ report: NodeReport, _ departure: Departure
    ) throws(ClusterChecksError) -> Bool {
        guard let slot = store.slot(of: report.id) else { return true }
        let own = matching.podAddresses(slot) + [peers[slot] ?? store.nodes[slot].address].compactMap { $0 }
        guard let peer = report.peer, own.contains(where: { $0.hasSameBytes(as: peer) }) else {
            throw .strangersGoodbye(node: report.id, peer: report.peer)
        }
        // Of two agents under one ID one does not speak for the other.
        guard store.nodes[slot].agents.isEmpty else { return true }
        switch departure {
        case .leaving:
            matching.setLeaving(slot, at: heartbeats.time)
            // What Kubernetes says may stand from before an adoption; what the agent says is new.
            if adoptedAt != nil { leave(slot) }
            return false
        case .gone:
            agentLeft(slot, .left, isRestart: matching.isRestart(slot))
            reconcileNodes(hasLost: true)
            return true
        }
    }

    /// - Returns: whether the node was awaited.
    private mutating func hear(_ slot: Int) -> Bool {
        guard store.nodes[slot].isAwaited else { return false }
        apply(.nodeHeard(id: store.nodes[slot].id))
        return true
    }

    /// What the agent of a node is told to run, which counts as told from now on.
    ///
    /// - Throws: as `slot(toTell:)`.
    mutating func tell(_ id: String) throws(ClusterChecksError) -> Told {
        let slot = try slot(toTell: id)
        noteTold(slot)
        let node = store.nodes[slot]
        return Told(revision: node.revision.value, configs: node.told(store.handOvers), since: node.toldSince)
    }

    /// Whether what the agent of a node is to run has this revision. That is known also while some of its bytes are
    /// not.
    ///
    /// - Throws: `unknownNode` or `handingOver`, as `slot(toTell:)`.
    func isToRun(_ revision: Int64, _ id: String) throws(ClusterChecksError) -> Bool {
        store.nodes[try slot(knowing: id)].revision.value == revision
    }

    /// The revision of what the agent of a node is to run.
    ///
    /// - Throws: as `slot(toTell:)`.
    func revision(toTell id: String) throws(ClusterChecksError) -> Int64 {
        store.nodes[try slot(toTell: id)].revision.value
    }

    /// - Throws: `unknownNode`; `handingOver` while the agent is to run whatever it runs; `unconfirmed` while not all
    ///   bytes are known.
    private func slot(toTell id: String) throws(ClusterChecksError) -> Int {
        let slot = try slot(knowing: id)
        guard store.nodes[slot].isTellable else { throw .unconfirmed(node: id) }
        return slot
    }

    private func slot(knowing id: String) throws(ClusterChecksError) -> Int {
        guard let slot = store.slot(of: id) else { throw .unknownNode(id) }
        guard !store.nodes[slot].keepsRunning else { throw .handingOver(id) }
        return slot
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
        flapping.noteReturn(of: report.id, at: heartbeats.time)
        unassessed.insert(slot)
        // In the warm-up, and for a while after it, it may run anything that the former leader told it.
        let isLate = store.isDispatching
        tellings.add(
            slot, isUnclear: !isLate || heartbeats.time < unclearUntil, isPrometheus: report.refreshInterval != nil,
            lateSince: isLate ? store.version : nil)
        _ = observeAddress(of: report, slot)
        return slot
    }

    private mutating func update(_ slot: Int, _ report: NodeReport) {
        if report.status.departure == nil, report.status.lastChange != NodeStatusRequest.heartbeatOnly {
            matching.setLeaving(slot, at: nil)
            comeBack(slot)
        }
        let isFromNewest = heartbeats.record(slot: slot, from: report.address)
        if !isFromNewest, let agents = observeAddress(of: report, slot) {
            matching.set(addresses: agents, of: slot)
            apply(.nodeIDShared(id: report.id, agents: agents.map(matching.described)))
            // The other agent may have missed the warm-up.
            if heartbeats.time < unclearUntil { tellings.doubt(slot) }
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
