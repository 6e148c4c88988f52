package import CheckModel
package import Platform

/// Another leader's store, as its stream of changes tells: who was told to run what, by key and content hash. Bytes of
/// configs are not in it.
package struct StoreMirror: Sendable {
    /// The token of the leader's term.
    @ExactText package private(set) var term: String
    /// The version of the leader's store that it equals.
    package private(set) var version: UInt64
    /// The store; its configs are unconfirmed.
    package private(set) var store = ClusterStore()
    /// When the leader last told something, on this process's clock.
    package private(set) var told = Instant.distantPast
    /// Until when nodes that are away are waited for, or keep running whatever they run, on this process's clock.
    private var deadlines: [ExactText: Instant] = [:]
    /// Until when agents that the leader has not heard may run what it does not know of.
    private var unclearUntil = Instant.distantPast

    /// An empty store of a term, to be filled with the changes of a snapshot of this version.
    package init(term: String, version: UInt64) {
        self.term = term
        self.version = version
    }

    /// Applies a change of the snapshot.
    ///
    /// - Parameter sent: an instant not after that at which the leader told it, so that what remains of a
    ///   time never grows.
    /// - Throws: `MirrorError`: no leader's store changes so. Drop the mirror then.
    package mutating func fill(_ change: StoreChange, sent: Instant) throws(MirrorError) {
        if let reason = change.problem(in: store) { throw MirrorError(reason: reason) }
        store.apply(change)
        // Nobody waits for what changes here.
        _ = store.drainChangedNodes()
        told = max(told, sent)
        switch change {
        case .nodeLeft(let id, let duration), .keepsRunning(let id, let duration): deadlines[id] = sent + duration
        case .nodeExpired(let id, _): deadlines[id] = nil
        case .dispatchingBegan(let duration): unclearUntil = sent + duration
        default: break
        }
    }

    /// Applies the leader's next change.
    ///
    /// - Throws: as `fill`.
    package mutating func apply(_ change: StoreChange, sent: Instant) throws(MirrorError) {
        try fill(change, sent: sent)
        version += 1
    }

    /// What a leader that adopts the mirror at `now` begins with: the same placements, with the bytes of its own
    /// configs where they are the same. Every node is awaited; remaining times run on.
    ///
    /// - Parameter own: the configs of the new leader's own sources. They match by key, else by content, for the format
    ///   of keys may differ between two versions of this program.
    package func adoption(own: [EncodedConfig], now: Instant) -> [StoreChange] {
        var bytes = OwnBytes(own, for: store)
        let remaining = store.nodes.map { deadlines[$0.id].map { max(.zero, $0 - now) } ?? .zero }
        let unclear = max(.zero, unclearUntil - now)
        return StoreSnapshot(store, remaining: remaining, unclear: unclear).changes.compactMap { change in
            switch change {
            // Whether two agents report is seen from when they last did, which is not mirrored.
            case .nodeIDShared: nil
            case .nodeRegistered(let id, let type, let address, _):
                .nodeRegistered(id: id, type: type, address: address, isAwaited: true)
            case .configScheduled(let config, let node):
                .configScheduled(bytes.confirmed(config), on: node)
            case .intentChanged(let intent):
                .intentChanged(intent.mappingKeys(bytes.key))
            case .costsChanged(let costs, let unit):
                .costsChanged(
                    costs.map { ChangedCost(key: bytes.key(of: $0.key), cost: $0.cost) }, workersPerInstance: unit)
            case .configWithdrawn(let key, let reason, let mayRun):
                .configWithdrawn(bytes.key(of: key), reason, mayRun: mayRun)
            case .endpointsCheckScheduled(let config):
                .endpointsCheckScheduled(bytes.confirmed(config))
            case .handOverStarted(let config, let node):
                bytes.handedOver(config).map { .handOverStarted($0, from: node) }
            default:
                change
            }
        }
    }
}

/// Why a mirror cannot go on.
package struct MirrorError: Error, Hashable, Sendable {
    /// What is wrong with what the leader told.
    @ExactText package private(set) var reason: String

    /// An error.
    package init(reason: String) {
        self.reason = reason
    }
}

/// The configs of a replica's own sources, to be matched with those of a mirror.
private struct OwnBytes {
    private let byKey: [ConfigKey: EncodedConfig]
    /// By content: the configs whose keys the mirror does not have. Each is given to one config only.
    private var byContent: [UInt64: [EncodedConfig]] = [:]
    /// By the key in the mirror: the configs that have another key here.
    private var renamed: [ConfigKey: EncodedConfig] = [:]
    private var handedOver: Set<ConfigKey> = []

    init(_ own: [EncodedConfig], for store: ClusterStore) {
        byKey = Dictionary(own.map { ($0.key, $0) }) { first, _ in first }
        for config in own.reversed() where store.config(config.key) == nil {
            guard store.endpointsChecks.config(config.key) == nil else { continue }
            byContent[config.contentHash, default: []].append(config)
        }
    }

    /// The config with its bytes, under the key that this replica's sources give it; itself if they do not have it.
    mutating func confirmed(_ config: EncodedConfig) -> EncodedConfig {
        if let own = byKey[config.key] { return own.isSame(as: config) ? own : config }
        guard let own = byContent[config.contentHash]?.last, own.isSame(as: config) else { return config }
        byContent[config.contentHash]?.removeLast()
        renamed[config.key] = own
        return own
    }

    /// The key here of a config that has been asked for.
    func key(of key: ConfigKey) -> ConfigKey { renamed[key]?.key ?? key }

    /// The same for a config that its former node hands over, asked after all that are placed; nil if there is such a
    /// hand-over already.
    mutating func handedOver(_ config: EncodedConfig) -> EncodedConfig? {
        let own = byKey[config.key] ?? renamed[config.key]
        let same = own.flatMap { $0.isSame(as: config) ? $0 : nil } ?? config
        return handedOver.insert(same.key).inserted ? same : nil
    }
}

extension EncodedConfig {
    /// Whether an agent is sent the same bytes, on the same Kubernetes node if it is an endpoints check.
    fileprivate func isSame(as other: EncodedConfig) -> Bool {
        contentHash == other.contentHash && nodeName.hasSameBytes(as: other.nodeName)
    }
}
