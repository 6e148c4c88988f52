import CheckModel
import Platform

// From one node to another, without a config that runs nowhere, or an exclusive one that runs on two.
extension Dispatcher {
    /// Notes what the agent of a node is told.
    mutating func noteTold(_ slot: Int) {
        tellings.note(slot, store.nodes[slot].revision.value, at: store.version, time: heartbeats.time)
    }

    /// Notes the revision that the agent of a node runs, and ends the hand-overs that waited for it.
    mutating func noteRunning(_ revision: Int64, _ slot: Int) {
        guard revision != NodeStatusRequest.heartbeatOnly else { return }
        // It may have been told by the former leader, or an edit have been undone. But one that has just been told
        // something else may have said this before.
        if revision == store.nodes[slot].revision.value, !store.nodes[slot].keepsRunning,
            tellings.mayProve(slot, revision, at: heartbeats.time - Self.longestLeave)
        {
            noteTold(slot)
        }
        guard let version = tellings.version(confirmedBy: revision, slot) else { return }
        // Of two agents under one ID one does not speak for the other.
        let areShared = !store.nodes[slot].agents.isEmpty
        if store.nodes[slot].isHandingOver {
            let confirmed = store.handOvers(confirmedBy: slot, upTo: options.bugs.has(.confirmUnseen) ? .max : version)
            endConfirmed(confirmed.filter { !areShared || store.handOvers[$0]?.isExclusive == false })
        }
        if !areShared { tellings.clear(slot) }
        endUnclear()
    }

    /// Ends hand-overs that a node has confirmed; but not of an exclusive config while another agent may run it under a
    /// key that it had. The node's next report asks again.
    private mutating func endConfirmed(_ confirmed: [ConfigKey]) {
        end(confirmed.filter { store.config($0) == nil })
        let placed = confirmed.filter { store.config($0) != nil }
        guard placed.contains(where: store.isWithheld) else { return end(placed) }
        let removed = RemovedExclusives(store)
        end(
            placed.filter { key in
                !store.isWithheld(key) || removed.other(than: store.slot(ofConfig: key), for: key) == nil
            })
    }

    /// Whether agents may run what nobody here knows of: those that were heard in the warm-up or soon after it and have
    /// not said what they run, and those that have not been heard at all. One that reports and never says what it runs
    /// holds exclusive configs up for the warm-up and two timeouts more at most.
    var isUnclear: Bool {
        let longest = unclearUntil + options.warmup + options.nodeExpirationTimeout * 2
        return heartbeats.time < unclearUntil || tellings.hasUnclear && heartbeats.time < longest
    }

    /// Ends the hand-overs from nobody knows where, once it is known what each agent runs.
    mutating func endUnclear() {
        guard store.hasUnknownFormers, !isUnclear else { return }
        end(store.handOvers.filter { $0.value.former == nil }.map(\.key).sorted())
    }

    /// Ends the hand-overs of what nobody here has the bytes of, and never will: the node that hands it over could be
    /// told nothing.
    mutating func endUntellable() {
        end(store.handOvers.filter { !$0.value.isExclusive && !$0.value.config.isConfirmed }.map(\.key).sorted())
    }

    private mutating func end(_ handOvers: [ConfigKey]) {
        for key in handOvers { apply(.handOverEnded(key)) }
    }

    /// Ends the hand-overs of what a node's former agent ran, which is gone.
    mutating func endOutgoing(_ slot: Int) {
        end(store.nodes[slot].outgoing.sorted())
    }

    /// The agent of a node is gone, and runs nothing any more.
    mutating func forgetAgent(_ slot: Int) {
        endOutgoing(slot)
        tellings.remove(slot)
        endUnclear()
    }

    /// Whether the agent of the node on which a config is placed may run it.
    func mayRun(_ key: ConfigKey) -> Bool {
        guard let slot = store.slot(ofConfig: key), !store.nodes[slot].isAway,
            let since = store.toldSince(key)
        else { return false }
        return tellings.mayRun(slot, toldSince: since) || mayRunPredecessor(of: key, slot)
    }

    /// Whether the agent of a node may still run an exclusive config under a former key.
    private func mayRunPredecessor(of key: ConfigKey, _ slot: Int) -> Bool {
        guard !store.nodes[slot].outgoing.isEmpty, store.config(key)?.handOver == .exclusive else { return false }
        let lineage = Lineage(key)
        return store.nodes[slot].outgoing.contains { Lineage($0) == lineage && store.isWithheld($0) }
    }

    /// Moves a config; the node that may run it hands it over.
    mutating func move(_ key: ConfigKey, to id: String, _ reason: MoveReason) {
        let mayRun = !options.bugs.has(.letGoAtOnce) && mayRun(key)
        apply(.configMoved(key, from: store.nodeID(of: key), to: id, reason, mayRun: mayRun))
    }

    /// Moves configs from nodes whose agents leave to nodes that stay, if there are any: all of them, or those that do
    /// not wait for the next agent.
    ///
    /// A config whose bytes are not known here yet stays: its new node could not be told, nor confirm it.
    mutating func relieveLeaving() {
        guard let best = store.bestStanding, best < .restarting else { return }
        for slot in store.leavingSlots where !store.nodes[slot].configs.isEmpty {
            let conditions = store.nodes[slot].conditions
            let isRestart = !conditions.isDrained && (store.nodes[slot].isAway || conditions.isRestarting)
            let leaving = store.nodes[slot].configs.filter { config in
                config.isConfirmed && !(isRestart && config.handOver == .sticky)
            }
            for weighed in heaviestFirst(leaving) {
                guard let node = bestNode(for: weighed.config, load: weighed.load), let target = store.slot(of: node),
                    store.nodes[target].conditions.standing < (isRestart ? .restarting : .draining)
                else { continue }
                move(weighed.config.key, to: node, .drained)
            }
        }
    }
}
