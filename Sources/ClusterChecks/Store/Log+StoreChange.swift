import Platform

extension Log {
    /// Logs changes of the store: one line for all configs of a batch, and one for each node.
    func record(_ changes: [StoreChange], nodes: Int) {
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
        guard scheduled + replaced + moved + removed + handedOver > 0 else { return }
        info(
            "configs dispatched",
            [
                "scheduled": scheduled, "replaced": replaced, "moved": moved, "removed": removed,
                "handed_over": handedOver, "nodes": nodes,
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
            .configMoved, .configRemoved,
            .endpointsCheckScheduled, .endpointsCheckRemoved:
            break
        }
    }
}
