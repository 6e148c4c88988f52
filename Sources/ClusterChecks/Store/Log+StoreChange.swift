import Platform

extension Log {
    /// Logs changes of the store: one line for all configs of a batch, and one for each node.
    func record(_ changes: [StoreChange], nodes: Int) {
        var (scheduled, replaced, moved, removed) = (0, 0, 0, 0)
        for change in changes {
            switch change {
            case .configScheduled, .endpointsCheckScheduled: scheduled += 1
            case .configReplaced: replaced += 1
            case .configMoved: moved += 1
            case .configRemoved, .endpointsCheckRemoved: removed += 1
            default: record(ofNode: change, nodes: nodes)
            }
        }
        guard scheduled + replaced + moved + removed > 0 else { return }
        info(
            "configs dispatched",
            ["scheduled": scheduled, "replaced": replaced, "moved": moved, "removed": removed, "nodes": nodes])
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
                    "cordoned": conditions.cordon != nil, "no_pod": conditions.lacksPod,
                ])
        case .nodeIDShared(let id, let agents) where agents.isEmpty:
            warning("node ID is no longer shared by two agents", ["node": id])
        case .nodeIDShared(let id, let agents):
            warning("node ID is shared by two agents", ["node": id, "agents": agents.joined(separator: ", ")])
        case .handOverStarted(let id, .retains, _):
            info("node is draining, handing over its configs", ["node": id])
        case .handOverStarted(let id, .keepsRunning, _):
            info("node is draining and keeps running its checks while others take over", ["node": id])
        case .handOverEnded(let id):
            info("node has handed over its configs", ["node": id])
        case .nodeExpired(let id, .silence):
            warning("node expired: no heartbeat within the timeout", ["node": id, "nodes": nodes])
        case .nodeExpired(let id, .podDeleted(let pod)):
            info("node removed: its pod was deleted", ["node": id, "pod": pod, "nodes": nodes])
        case .dispatchingBegan, .nodeHeard, .configScheduled, .configReplaced, .configMoved, .configRemoved,
            .endpointsCheckScheduled, .endpointsCheckRemoved:
            break
        }
    }
}
