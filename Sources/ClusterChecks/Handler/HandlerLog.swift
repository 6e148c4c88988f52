import Platform

extension Handler {
    /// One line for a batch, whatever its size, but for nodes that come, change and go. Every batch passes here, after the lock: who waits for
    /// changes is told too.
    func logChanges(_ changes: [StoreChange], nodes: Int) {
        self.changes.set(())
        var scheduled = 0
        var replaced = 0
        var moved = 0
        var removed = 0
        for change in changes {
            switch change {
            case .configScheduled, .endpointsCheckScheduled: scheduled += 1
            case .configReplaced: replaced += 1
            case .configMoved: moved += 1
            case .configRemoved, .endpointsCheckRemoved: removed += 1
            default: logNode(change, nodes: nodes)
            }
        }
        guard scheduled + replaced + moved + removed > 0 else { return }
        log.info(
            "configs dispatched",
            ["scheduled": scheduled, "replaced": replaced, "moved": moved, "removed": removed, "nodes": nodes])
    }

    private func logNode(_ change: StoreChange, nodes: Int) {
        switch change {
        case .nodeRegistered(let id, let type, let address):
            log.info("node registered", ["node": id, "type": type, "address": address ?? "", "nodes": nodes])
        case .nodeChanged(let id, let type, let address):
            log.info("node changed", ["node": id, "type": type, "address": address ?? ""])
        case .nodeConditionsChanged(let id, let conditions):
            log.info(
                "what Kubernetes says of a node has changed",
                [
                    "node": id, "pod": conditions.pod ?? "", "draining": conditions.isDraining,
                    "cordoned": conditions.cordon != nil, "no_pod": conditions.lacksPod,
                ])
        case .nodeShared(let id, let agents) where agents.isEmpty:
            log.warning("one agent reports under the id again", ["node": id])
        case .nodeShared(let id, let agents):
            log.warning("two agents report under one id", ["node": id, "agents": agents.joined(separator: ", ")])
        case .nodeHandsOver(let id):
            log.info("node is about to leave and hands its configs over", ["node": id])
        case .nodeLetGo(let id):
            log.info("node has handed its configs over", ["node": id])
        case .nodeExpired(let id, .silence):
            log.warning("node fell silent and is forgotten", ["node": id, "nodes": nodes])
        case .nodeExpired(let id, .podDeleted(let pod)):
            log.info("node's pod was deleted and it is forgotten", ["node": id, "pod": pod, "nodes": nodes])
        case .configScheduled, .configReplaced, .configMoved, .configRemoved, .endpointsCheckScheduled,
            .endpointsCheckRemoved:
            break
        }
    }
}
