import CheckModel
package import Platform

// Time.
extension Dispatcher {
    /// How much longer this process must listen before configs may be dispatched.
    ///
    /// Time in which it did not lead, or was stopped, does not count: nobody could report then.
    /// It ends early once every ready pod has reported and, if another leader's placements are known, every node that
    /// had any.
    var remainingWarmUp: Duration {
        let remaining = store.isDispatching ? .zero : max(.zero, options.warmup - heartbeats.time)
        guard remaining > .zero, claims.areSettled(at: heartbeats.time), matching.isEveryReadyPodHeard else {
            return remaining
        }
        return hint?.isEveryNode { store.slot(of: $0) != nil } ?? true ? .zero : remaining
    }

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
        let due = deadlines.indices.filter { slot in deadlines[slot].map { heartbeats.time >= $0 } ?? false }
        let away = due.filter { store.nodes[$0].isAway }
        let silent = heartbeats.silentSlots(refreshInterval).filter { !store.nodes[$0].isAway }
        // Remove all of them before placing any config: none goes to another silent node.
        for id in away.map({ store.nodes[$0].id }).sortedByBytes() { remove(id, .left) }
        for id in silent.map({ store.nodes[$0].id }).sortedByBytes() { remove(id, .silence) }
        reconcileNodes(hasLost: !silent.isEmpty || !away.isEmpty)
        for (slot, address) in heartbeats.endSharing() { endSharing(slot, address) }
        for slot in due { endKeepingRunning(slot) }
        for id in flapping.settle(at: heartbeats.time) { matching.touch(id) }
        if !rebalanced.isEmpty { rebalanced = rebalanced.filter { $0.value > heartbeats.time } }
        matching.forgetLeaving(since: heartbeats.time - Self.longestLeave)
        endUnclear()
        return unscheduled.update(store, at: heartbeats.time)
    }

    /// When the next node will expire if no heartbeat comes and this process keeps listening; nil without nodes. Call
    /// it right after `expire`.
    func nextExpiry(now: Instant) -> Instant? {
        heartbeats.nextExpiry(now: now, refreshInterval) { !store.nodes[$0].isAway }
    }

    private func refreshInterval(_ slot: Int) -> Duration? { store.nodes[slot].abilities.refreshInterval }

    private mutating func endSharing(_ slot: Int, _ newest: String?) {
        let (id, type) = (store.nodes[slot].id, store.nodes[slot].type)
        let address = newest ?? store.nodes[slot].address
        apply(.nodeIDShared(id: id, agents: []))
        if store.nodes[slot].address != address { apply(.nodeChanged(id: id, type: type, address: address)) }
        matching.set(addresses: address.map { [$0] } ?? [], of: slot)
        // What had to stay while nobody could speak for both.
        reconcileNodes(changed: [slot])
    }

    private mutating func endKeepingRunning(_ slot: Int) {
        // It ends by itself when the node gets a config.
        guard store.nodes[slot].keepsRunning else { return }
        deadlines[slot] = nil
        apply(.keepsRunningEnded(id: store.nodes[slot].id))
    }

    /// Has the agent of a node keep running whatever it runs, while others start what they are told, for the timeout at
    /// most: that bounds how long two run one config.
    mutating func keepRunning(_ slot: Int) {
        deadlines[slot] = heartbeats.time + options.nodeExpirationTimeout
        apply(.keepsRunning(id: store.nodes[slot].id, atMost: options.nodeExpirationTimeout))
    }

    /// The agent of a node says that it leaves, and Kubernetes has not been asked yet since an adoption.
    mutating func leave(_ slot: Int) {
        var conditions = store.nodes[slot].conditions
        guard !conditions.isLeaving else { return }
        conditions.isRestarting = matching.isRestart(slot)
        conditions.isDraining = !conditions.isRestarting
        apply(.nodeConditionsChanged(id: store.nodes[slot].id, conditions))
        reconcileNodes(hasLost: true)
    }

    /// The agent of a node is gone. If it is to be restarted, the node's configs wait for the next one.
    mutating func agentLeft(_ slot: Int, _ reason: ExpiryReason, isRestart: Bool) {
        let id = store.nodes[slot].id
        guard isRestart else { return remove(id, reason) }
        forgetAgent(slot)
        endKeepingRunning(slot)
        guard !store.nodes[slot].isAway else { return }
        deadlines[slot] = heartbeats.time + options.restartGrace
        apply(.nodeLeft(id: id, returnsWithin: options.restartGrace))
    }

    /// Whether a heartbeat, which may have been on its way for some seconds, is one of the next agent of a node.
    func isOfNextAgent(_ slot: Int) -> Bool {
        guard store.nodes[slot].isAway, let end = deadlines[slot] else { return false }
        return heartbeats.time - (end - options.restartGrace) >= Self.longestDelay
    }

    /// The agent of a node that was away reports again.
    mutating func comeBack(_ slot: Int) {
        guard store.nodes[slot].isAway else { return }
        (deadlines[slot], peers[slot]) = (nil, nil)
        apply(.nodeReturned(id: store.nodes[slot].id))
        flapping.noteReturn(of: store.nodes[slot].id, at: heartbeats.time, isRestart: true)
        if flapping.has(store.nodes[slot].id) { matching.touch(store.nodes[slot].id) }
        reconcileNodes(returned: slot)
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
    ///   - hasLost: whether nodes have just been removed, or begun to leave.
    ///   - heard: whether nodes that were awaited have just been heard.
    ///   - returned: the slot of a node that had left to be restarted, and has come back.
    ///   - changed: the slots of nodes whose configs may have to go, such as those that run other checks now.
    mutating func reconcileNodes(
        joined: Int? = nil, hasLost: Bool = false, heard: Bool = false, returned: Int? = nil, changed: [Int] = []
    ) {
        var changed = changed
        var hasChanged = joined != nil || hasLost || heard || returned != nil || !changed.isEmpty
        var (joiners, returners) = (joined.map { [$0] } ?? [], returned.map { [$0] } ?? [])
        let isLate = heartbeats.time >= Self.longestReading
        if let adopted = adoptedAt, isLate || matching.isRead(since: adopted) { adoptedAt = nil }
        for (slot, verdict) in adoptedAt == nil ? matching.assess() : [] {
            let isNew = unassessed.remove(slot) != nil
            if eligible.set(matching.worker(of: slot), id: store.nodes[slot].id, slot: slot) {
                changed.append(slot)
                hasChanged = true
            }
            refreshAbilities(slot)
            switch verdict {
            case .gone(let pod, let isRestart):
                agentLeft(slot, .podDeleted(pod.fullName), isRestart: isRestart)
                hasChanged = true
            case .stays(var conditions):
                if conditions.cordon == nil, flapping.has(store.nodes[slot].id) { conditions.cordon = .flapping }
                conditions.isDrained = store.intent.drained.contains(ExactText(store.nodes[slot].id))
                let former = store.nodes[slot].conditions
                guard conditions != former else { continue }
                setConditions(conditions, of: slot, isNew: isNew)
                if store.nodes[slot].isAway, conditions.cordon != nil {
                    remove(store.nodes[slot].id, .left)
                    hasChanged = true
                    continue
                }
                guard conditions.standing != former.standing else { continue }
                hasChanged = true
                guard conditions.standing < former.standing, slot != joined, slot != returned else { continue }
                if former.isRestarting { returners.append(slot) } else { joiners.append(slot) }
            }
        }
        guard hasChanged, store.isDispatching else { return }
        relieveUnfit(changed)
        placeDangling()
        relieveLeaving()
        relieveReserved()
        for slot in joiners { giveShare(to: slot) }
        for slot in returners { giveShare(to: slot, isBack: true) }
    }

    private mutating func setConditions(_ conditions: NodeConditions, of slot: Int, isNew: Bool) {
        let former = store.nodes[slot].conditions
        apply(.nodeConditionsChanged(id: store.nodes[slot].id, conditions))
        if conditions.isLeaving, isNew, store.isDispatching { keepRunning(slot) }
        guard former.isLeaving, !conditions.isLeaving else { return }
        endKeepingRunning(slot)
        guard let pod = former.pod, conditions.pod != pod, !matching.hasPod(pod) else { return }
        // From here on the reports come from another agent, in another pod.
        endOutgoing(slot)
    }

    private mutating func remove(_ id: String, _ reason: ExpiryReason) {
        guard let slot = store.slot(of: id) else { preconditionFailure("a node that does not exist") }
        matching.remove(slot: slot)
        heartbeats.remove(slot: slot)
        tellings.remove(slot)
        claims.remove(slot)
        eligible.remove(slot)
        flapping.noteLoss(of: id, at: heartbeats.time)
        unassessed.remove(slot)
        deadlines[slot] = nil
        peers[slot] = nil
        statistics[slot] = nil
        apply(.nodeExpired(id: id, reason))
        endUnclear()
    }
}
