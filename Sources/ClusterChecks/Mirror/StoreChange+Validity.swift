import CheckModel
import Platform

extension StoreChange {
    /// Why a store cannot change so; nil if it can. `ClusterStore.apply` takes for granted that it can.
    package func problem(in store: ClusterStore) -> String? {
        switch self {
        case .dispatchingBegan, .intentChanged:
            nil
        case .nodeRegistered(let id, _, _, _):
            id.isEmpty ? "a node without an ID" : store.slot(of: id) == nil ? nil : "a node is registered twice"
        case .nodeChanged(let id, _, _), .nodeConditionsChanged(let id, _), .nodeIDShared(let id, _),
            .nodeAbilitiesChanged(let id, _),
            .nodeHeard(let id), .nodeLeft(let id, _), .nodeReturned(let id), .keepsRunning(let id, _),
            .keepsRunningEnded(let id), .nodeExpired(let id, _):
            Self.problem(ofNode: id, in: store)
        case .configScheduled(let config, let id):
            store.config(config.key) == nil
                ? id.flatMap { Self.problem(ofNode: $0, in: store) } : "a config is scheduled twice"
        case .costsChanged(let costs, _):
            costs.contains { store.config($0.key) == nil } ? "a config that does not exist has a cost" : nil
        case .configReplaced(let config):
            store.config(config.key) == nil ? "a config that does not exist is replaced" : nil
        case .configMoved(let key, _, let id, _, _):
            store.config(key) == nil ? "a config that does not exist moves" : Self.problem(ofNode: id, in: store)
        case .configWithdrawn(let key, _, _):
            store.config(key) == nil ? "a config that does not exist is withdrawn" : nil
        case .configRemoved(let key):
            store.config(key) == nil ? "a config that does not exist is removed" : nil
        case .handOverStarted(let config, let id):
            store.handOvers[config.key] != nil
                ? "a config is handed over twice"
                : Self.problem(ofHandOver: config, from: id, in: store)
        case .handOverEnded(let key):
            store.handOvers[key] == nil ? "a config that is not handed over has been" : nil
        case .endpointsCheckScheduled(let config):
            config.nodeName.isEmpty ? "an endpoints check names no node" : nil
        case .endpointsCheckRemoved:
            nil
        }
    }

    private static func problem(
        ofHandOver config: EncodedConfig, from id: String?, in store: ClusterStore
    ) -> String? {
        guard let id else { return config.handOver == .exclusive ? nil : "a config is handed over from nowhere" }
        if let target = store.nodeID(of: config.key), target.hasSameBytes(as: id) {
            return "a config is handed over to the node that has it"
        }
        return problem(ofNode: id, in: store)
    }

    private static func problem(ofNode id: String, in store: ClusterStore) -> String? {
        store.slot(of: id) == nil ? "a change of a node that does not exist" : nil
    }
}
