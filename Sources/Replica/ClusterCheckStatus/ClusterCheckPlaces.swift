import CheckModel
import ClusterChecks
import Kubernetes
import Platform

/// Where the configs of ClusterChecks are, by what happens to the store.
struct ClusterCheckPlaces {
    /// Where one config is.
    enum Place: Hashable {
        /// On a node, since this time here.
        case node(String, since: WallTime)
        /// Nowhere: why.
        case nowhere(DanglingReason)
    }

    /// The configs of each ClusterCheck, by source: one, or its parts.
    private var places: [ExactText: [ConfigKey: Place]] = [:]
    /// The check IDs of each config, as far as its bytes are known.
    private var instances: [ConfigKey: [String]] = [:]
    /// The ClusterChecks of each check ID: two that say the same have one.
    private var sources: [ExactText: Set<ExactText>] = [:]

    /// Where the configs of a ClusterCheck are, sorted by key.
    subscript(source: ExactText) -> [Place] {
        (places[source] ?? [:]).sorted { $0.key < $1.key }.map(\.value)
    }

    /// The check IDs of a ClusterCheck's instances, each with the node of its config, sorted by key; none while any of
    /// them is not known.
    func instances(of source: ExactText) -> [(id: String, node: String)] {
        let configs = (places[source] ?? [:]).sorted { $0.key < $1.key }
        guard configs.allSatisfy({ instances[$0.key]?.isEmpty == false }) else { return [] }
        return configs.flatMap { key, place -> [(id: String, node: String)] in
            guard case .node(let node, _) = place else { return [] }
            return (instances[key] ?? []).map { ($0, node) }
        }
    }

    /// The ClusterChecks that an instance is of.
    func sources(ofInstance id: ExactText) -> Set<ExactText> { sources[id] ?? [] }

    /// Applies what happened to the store.
    ///
    /// - Returns: the sources of the ClusterChecks whose place that changes; nil for all of them.
    mutating func apply(_ event: StoreEvent, at now: WallTime) -> [ExactText]? {
        switch event {
        case .termBegan(_, let keepsPlacements, _):
            if !keepsPlacements { (places, instances, sources) = ([:], [:], [:]) }
            return nil
        case .termEnded:
            return []
        case .changed(let changes, _, _):
            var sources: [ExactText] = []
            var concernsAll = false
            for change in changes {
                if let changed = apply(change, now) { sources += changed } else { concernsAll = true }
            }
            return concernsAll ? nil : sources
        }
    }

    private mutating func apply(_ change: StoreChange, _ now: WallTime) -> [ExactText]? {
        switch change {
        case .dispatchingBegan: return nil
        case .configReplaced(let config):
            note(config)
            return set(config.key, places[ExactText(config.key.source)]?[config.key])
        case .configScheduled(let config, let node):
            note(config)
            return set(config.key, node.map { .node($0, since: now) } ?? .nowhere(.noNode))
        case .configMoved(let key, _, let node, _, _): return set(key, .node(node, since: now))
        case .configWithdrawn(let key, let reason, _): return set(key, .nowhere(reason))
        case .configRemoved(let key):
            forgetInstances(of: key)
            return set(key, nil)
        case .nodeExpired(let id, let reason): return leave(id, reason)
        default: return []
        }
    }

    private mutating func note(_ config: EncodedConfig) {
        guard config.key.source.utf8.starts(with: ConfigKey.clusterCheckPrefix.utf8) else { return }
        forgetInstances(of: config.key)
        instances[config.key] = config.instanceIDs
        for id in config.instanceIDs { sources[ExactText(id), default: []].insert(ExactText(config.key.source)) }
    }

    private mutating func forgetInstances(of key: ConfigKey) {
        for id in instances.removeValue(forKey: key) ?? [] {
            sources[ExactText(id)]?.remove(ExactText(key.source))
            if sources[id]?.isEmpty == true { sources[ExactText(id)] = nil }
        }
    }

    private mutating func set(_ key: ConfigKey, _ place: Place?) -> [ExactText] {
        guard key.source.utf8.starts(with: ConfigKey.clusterCheckPrefix.utf8) else { return [] }
        let source = ExactText(key.source)
        places[source, default: [:]][key] = place
        if places[source]?.isEmpty == true { places[source] = nil }
        return [source]
    }

    /// What was on a node that is gone is nowhere until it moves.
    private mutating func leave(_ id: String, _ reason: ExpiryReason) -> [ExactText] {
        var changed: [ExactText] = []
        for (source, configs) in places {
            for case (let key, .node(let node, _)) in configs where node.hasSameBytes(as: id) {
                places[source]?[key] = .nowhere(DanglingReason(id, reason))
                changed.append(source)
            }
        }
        return changed
    }
}
