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

    /// Where the configs of a ClusterCheck are, sorted by key.
    subscript(source: ExactText) -> [Place] {
        (places[source] ?? [:]).sorted { $0.key < $1.key }.map(\.value)
    }

    /// Applies what happened to the store.
    ///
    /// - Returns: the sources of the ClusterChecks whose place that changes; nil for all of them.
    mutating func apply(_ event: StoreEvent, at now: WallTime) -> [ExactText]? {
        switch event {
        case .termBegan(_, let keepsPlacements, _):
            if !keepsPlacements { places = [:] }
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
        case .configScheduled(let config, let node):
            return set(config.key, node.map { .node($0, since: now) } ?? .nowhere(.noNode))
        case .configMoved(let key, _, let node, _, _): return set(key, .node(node, since: now))
        case .configWithdrawn(let key, let reason, _): return set(key, .nowhere(reason))
        case .configRemoved(let key): return set(key, nil)
        case .nodeExpired(let id, let reason): return leave(id, reason)
        default: return []
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
