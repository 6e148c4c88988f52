import CheckModel
import Platform

extension Log {
    /// Logs changes of the store: one line for each move, unless they are too many; one for all other changes of
    /// configs, and one for each node.
    ///
    /// - Parameter history: what the changes mean for the history.
    func record(_ changes: [StoreChange], _ history: [HistoryEntry], nodes: Int) {
        var (scheduled, replaced, moved, removed, handedOver) = (0, 0, 0, 0, 0)
        for change in changes {
            switch change {
            case .configScheduled, .endpointsCheckScheduled: scheduled += 1
            case .configReplaced: replaced += 1
            case .configMoved: moved += 1
            case .configRemoved, .endpointsCheckRemoved: removed += 1
            case .handOverEnded: handedOver += 1
            default: record(ofNode: change, nodes: nodes)
            }
        }
        if moved <= HistoryRecorder.few {
            for move in history where move.kind == .moved {
                info("moved", ["check": move.check, "from": move.from, "to": move.node, "reason": move.reason])
            }
        } else {
            let reasons = Dictionary(grouping: history.filter { $0.kind == .moved }, by: \.reason)
            let counts = reasons.map { "\($1.count) \($0)" }.sortedByBytes()
            info("moved many", ["checks": moved, "reasons": counts.joined(separator: ", ")])
        }
        for entry in history where entry.kind == .dangles {
            warning("check has no node", ["check": entry.check, "from": entry.from, "reason": entry.reason])
        }
        guard scheduled + replaced + removed + handedOver > 0 else { return }
        info(
            "configs dispatched",
            [
                "scheduled": scheduled, "replaced": replaced, "removed": removed, "handed_over": handedOver,
                "nodes": nodes,
            ])
    }

    private func record(ofNode change: StoreChange, nodes: Int) {
        switch change {
        case .nodeRegistered(let id, let type, let address, _):
            info("node registered", ["node": id, "type": type, "address": address ?? "", "nodes": nodes])
        case .nodeChanged(let id, let type, let address):
            info("node changed", ["node": id, "type": type, "address": address ?? ""])
        case .nodeConditionsChanged(let id, let conditions):
            info(
                "node conditions changed",
                [
                    "node": id, "pod": conditions.pod ?? "", "draining": conditions.isDraining,
                    "restarting": conditions.isRestarting,
                    "cordoned": conditions.cordon != nil, "no_pod": conditions.lacksPod,
                ])
        case .nodeAbilitiesChanged(let id, let abilities):
            info(
                "node can run checks",
                [
                    "node": id, "at_a_time": abilities.capacity, "known": abilities.basis.rawValue,
                    "checks": abilities.checks.map { $0.include.isEmpty ? "any" : "\($0.include.count)" } ?? "any",
                    "is_prometheus": abilities.refreshInterval != nil,
                ])
        case .nodeIDShared(let id, let agents) where agents.isEmpty:
            warning("node ID is no longer shared by two agents", ["node": id])
        case .nodeIDShared(let id, let agents):
            warning("node ID is shared by two agents", ["node": id, "agents": agents.joined(separator: ", ")])
        case .nodeLeft(let id, let duration):
            info("node left to be restarted, its configs wait for it", ["node": id, "for_seconds": duration.seconds])
        case .nodeReturned(let id):
            info("node came back", ["node": id])
        case .keepsRunning(let id, _):
            info("node is about to leave and keeps running its checks while others take over", ["node": id])
        case .keepsRunningEnded(let id):
            info("node is told again what to run", ["node": id])
        case .nodeExpired(let id, .silence):
            warning("node expired: no heartbeat within the timeout", ["node": id, "nodes": nodes])
        case .nodeExpired(let id, .podDeleted(let pod)):
            info("node removed: its pod was deleted", ["node": id, "pod": pod, "nodes": nodes])
        case .nodeExpired(let id, .left):
            info("node removed: its agent left", ["node": id, "nodes": nodes])
        case .dispatchingBegan, .nodeHeard, .handOverStarted, .handOverEnded, .configScheduled, .configReplaced,
            .configMoved, .configRemoved, .configWithdrawn, .costsChanged, .intentChanged,
            .endpointsCheckScheduled, .endpointsCheckRemoved:
            break
        }
    }
}
