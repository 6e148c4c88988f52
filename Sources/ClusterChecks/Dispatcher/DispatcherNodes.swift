import CheckModel
package import Platform

// Nodes that come, change and go, by their reports and by what Kubernetes says of them.
extension Dispatcher {
    /// Takes in what became of the node-agents' pods. Nothing else changes until the next call with a time.
    package mutating func note(_ change: AgentPodChange) { matching.take(change) }

    /// Takes in what became of the Kubernetes nodes. Nothing else changes until the next call with a time.
    package mutating func note(_ change: WorkerNodeChange) { matching.take(change) }

    /// Does what follows from what was noted: a node whose pod was deleted is forgotten, one whose pod is being deleted hands its configs over, one
    /// that may get work again takes its share.
    package mutating func catchUp(now: Instant) -> [StoreChange] {
        _ = listened.advance(to: now)
        var changes: [StoreChange] = []
        settle(&changes)
        return changes
    }

    /// Brings the nodes in line with what Kubernetes says, and then the configs with the nodes.
    ///
    /// - Parameters:
    ///   - joined: a node that has just registered.
    ///   - hasLost: whether nodes have just been forgotten.
    mutating func settle(joined: Int? = nil, hasLost: Bool = false, _ changes: inout [StoreChange]) {
        var hasChanged = joined != nil || hasLost
        var joiners = joined.map { [$0] } ?? []
        for (slot, verdict) in matching.assess() {
            switch verdict {
            case .gone(let pod):
                forget(store.nodes[slot].id, .podDeleted(pod.fullName), &changes)
                hasChanged = true
            case .stays(let conditions):
                let former = store.nodes[slot].conditions
                guard conditions != former else { continue }
                change(slot, to: conditions, isNew: slot == joined, &changes)
                guard conditions.standing != former.standing else { continue }
                hasChanged = true
                if conditions.standing < former.standing, slot != joined { joiners.append(slot) }
            }
        }
        guard hasChanged, isDispatching else { return }
        placeDangling(&changes)
        handOver(&changes)
        for slot in joiners { giveShare(to: slot, &changes) }
    }

    private mutating func change(
        _ slot: Int, to conditions: NodeConditions, isNew: Bool, _ changes: inout [StoreChange]
    ) {
        let wasDraining = store.nodes[slot].conditions.isDraining
        apply(.nodeConditionsChanged(id: store.nodes[slot].id, conditions), &changes)
        if conditions.isDraining, isNew, isDispatching { runOn(slot) }
        guard wasDraining, !conditions.isDraining else { return }
        // It is another agent, in another pod, that asks from here on.
        records[slot].runsOnUntil = nil
        if store.nodes[slot].retained != nil { apply(.nodeLetGo(id: store.nodes[slot].id), &changes) }
    }

    mutating func register(_ report: NodeReport, _ time: Duration, _ changes: inout [StoreChange]) -> Int {
        let type = report.status.nodeType
        apply(.nodeRegistered(id: report.id, type: type, address: report.address), &changes)
        guard let slot = store.slot(of: report.id) else { preconditionFailure("registered just now") }
        while records.count <= slot { records.append(Record()) }
        records[slot] = Record(heard: time)
        matching.add(report.id, slot: slot, address: report.address)
        _ = see(report, slot, time)
        return slot
    }

    /// Takes in the report of a known node.
    mutating func hear(_ slot: Int, _ report: NodeReport, _ time: Duration, _ changes: inout [StoreChange]) {
        records[slot].heard = time
        let id = report.id
        if see(report, slot, time) {
            let addresses = records[slot].sightings.shared
            shared.insert(slot)
            matching.set(addresses: addresses, of: slot)
            apply(.nodeShared(id: id, agents: addresses.map(matching.described)), &changes)
        }
        // While two report it stays what it is: it would change with each report.
        let isShared = !store.nodes[slot].agents.isEmpty
        let address = isShared ? store.nodes[slot].address : report.address ?? store.nodes[slot].address
        let type = report.status.nodeType
        guard store.nodes[slot].type != type || store.nodes[slot].address != address else { return }
        apply(.nodeChanged(id: id, type: type, address: address), &changes)
        if !isShared { matching.set(addresses: address.map { [$0] } ?? [], of: slot) }
    }

    /// Notes from where a node was heard, and says whether this shows that two agents report under its id.
    private mutating func see(_ report: NodeReport, _ slot: Int, _ time: Duration) -> Bool {
        guard let address = report.address else { return false }
        let isNewest = records[slot].sightings.newest == address
        guard isNewest || matching.tellsApart(address, isStated: report.isAddressStated) else { return false }
        let timeout = options.nodeExpirationTimeout
        return records[slot].sightings.see(address, at: time, within: timeout) { matching.areOfOnePod($0, $1) }
    }

    /// One agent remains where two were.
    mutating func endSharing(at time: Duration, _ changes: inout [StoreChange]) {
        for slot in shared.sorted() {
            let timeout = options.nodeExpirationTimeout
            guard records[slot].sightings.endsSharing(at: time, after: timeout) else { continue }
            shared.remove(slot)
            let (id, type) = (store.nodes[slot].id, store.nodes[slot].type)
            let address = records[slot].sightings.newest ?? store.nodes[slot].address
            apply(.nodeShared(id: id, agents: []), &changes)
            if store.nodes[slot].address != address {
                apply(.nodeChanged(id: id, type: type, address: address), &changes)
            }
            matching.set(addresses: address.map { [$0] } ?? [], of: slot)
        }
    }

    mutating func forget(_ id: String, _ reason: ExpiryReason, _ changes: inout [StoreChange]) {
        guard let slot = store.slot(of: id) else { preconditionFailure("a node that is not there") }
        matching.remove(slot: slot)
        shared.remove(slot)
        records[slot] = Record()
        apply(.nodeExpired(id: id, reason), &changes)
    }

    /// Lets an agent that is about to leave run on whatever it runs for as long as one that handed its configs over: what that is nobody knows
    /// here, and to tell it "nothing" would stop it before others have begun.
    mutating func runOn(_ slot: Int) {
        records[slot].runsOnUntil = listened.total + options.nodeExpirationTimeout
    }

    /// By slot: whether its agent runs on whatever it runs.
    package var runningOn: [Bool] { store.nodes.indices.map { runsOn($0) } }

    func runsOn(_ slot: Int) -> Bool {
        guard let end = records[slot].runsOnUntil, store.nodes[slot].configs.isEmpty else { return false }
        return store.nodes[slot].conditions.isDraining && listened.total < end
    }

    /// Tells the agents the truth that have run on for long enough: so long two may run one config at most.
    mutating func letGo(at time: Duration, _ changes: inout [StoreChange]) {
        for slot in store.slots(standing: .draining) where store.nodes[slot].retained != nil {
            guard time >= records[slot].letsGoAt ?? .zero else { continue }
            apply(.nodeLetGo(id: store.nodes[slot].id), &changes)
        }
    }
}
