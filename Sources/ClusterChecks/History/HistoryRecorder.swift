import CheckModel
import Platform

/// Makes entries of the history from changes of the store.
///
/// Of configs that are added, edited or removed it tells each while they are few in one step, else how many: a first
/// placement of thousands says nothing that `clusterchecks` does not. Moves are told one by one.
struct HistoryRecorder: Sendable {
    /// How many configs of a step are told one by one.
    static let few = 20
    /// The longest reason, in characters.
    private static let longestReason = 500

    /// What happened to configs of one kind in this step.
    private struct Tally: Sendable {
        var count = 0
        var first: [HistoryEntry] = []

        mutating func add(_ entry: @autoclosure () -> HistoryEntry) {
            count += 1
            if count <= HistoryRecorder.few { first.append(entry()) }
        }

        /// Forgets one of the same source and check, if one was noted, and returns the check: an instance without a
        /// name has another key after an edit.
        mutating func takeBack(_ key: ConfigKey) -> String? {
            guard count > 0, count <= HistoryRecorder.few else { return nil }
            let lineage = "\(key.source)#\(key.check)#"
            guard let index = first.firstIndex(where: { $0.config.hasPrefix(lineage) }) else { return nil }
            count -= 1
            return first.remove(at: index).check
        }

        func entries(_ kind: HistoryEntry.Kind) -> [HistoryEntry] {
            count <= HistoryRecorder.few ? first : [HistoryEntry(kind, check: "\(count) checks")]
        }
    }

    private var entries: [HistoryEntry] = []
    private var added = Tally()
    private var changed = Tally()
    private var removed = Tally()
    private var dangling = Tally()

    /// Whether there is nothing to tell.
    private var isEmpty: Bool {
        entries.isEmpty && added.count + changed.count + removed.count + dangling.count == 0
    }

    /// Notes a change.
    ///
    /// - Parameter store: as it is before the change.
    mutating func note(_ change: StoreChange, before store: ClusterStore) {
        switch change {
        case .configScheduled(let config, let node):
            if let former = removed.takeBack(config.key) {
                changed.add(Self.changed(config, from: former, on: node))
            } else {
                added.add(Self.entry(.added, config, node: node ?? ""))
            }
            // If there are nodes, why none of them may run it follows.
            if node == nil, store.nodeCount == 0 {
                dangling.add(Self.entry(.dangles, config, reason: DanglingReason.noNode.description))
            }
        case .intentChanged(let intent):
            entries += intent.news(since: store.intent).map { key, what in
                let check = store.config(key)?.checkID ?? key.description
                return HistoryEntry(.intent, check: check, config: key.description, reason: what)
            }
        case .configWithdrawn(let key, let reason, _):
            // One that had no node before is no news, but for why that is so now.
            guard let config = store.config(key), store.danglingReason(of: key) != reason else { return }
            dangling.add(
                Self.entry(.dangles, config, from: store.nodeID(of: key) ?? "", reason: reason.description))
        case .configReplaced(let config):
            // What becomes known after an adoption is no news.
            guard let former = store.config(config.key), former.contentHash != config.contentHash else { return }
            changed.add(Self.changed(config, from: former.checkID, on: store.nodeID(of: config.key)))
        case .configRemoved(let key):
            guard let config = store.config(key) else { return }
            removed.add(Self.entry(.removed, config, node: store.nodeID(of: key) ?? ""))
        case .configMoved(let key, let from, let to, let reason, _):
            guard let config = store.config(key) else { return }
            entries.append(Self.entry(.moved, config, from: from ?? "", node: to, reason: reason.rawValue))
        case .endpointsCheckScheduled(let config):
            let former = store.endpointsChecks.config(config.key)
            guard former?.contentHash != config.contentHash else { return }
            if former == nil {
                added.add(Self.entry(.added, config, node: config.nodeName))
            } else {
                changed.add(Self.entry(.changed, config, node: config.nodeName))
            }
        case .endpointsCheckRemoved(let key):
            guard let config = store.endpointsChecks.config(key) else { return }
            removed.add(Self.entry(.removed, config, node: config.nodeName))
        default:
            noteNode(change, store)
        }
    }

    private mutating func noteNode(_ change: StoreChange, _ store: ClusterStore) {
        switch change {
        case .nodeRegistered(let id, _, _, isAwaited: false):
            entries.append(HistoryEntry(.joined, node: id))
        case .nodeConditionsChanged(let id, let conditions):
            let former = store.slot(of: id).map { store.nodes[$0].conditions } ?? NodeConditions()
            guard let reason = conditions.news(since: former) else { return }
            entries.append(HistoryEntry(.condition, node: id, reason: reason))
        case .nodeIDShared(let id, let agents):
            let reason =
                agents.isEmpty
                ? "one agent reports under its ID again"
                : "two agents report under its ID: \(agents.joined(separator: ", "))"
            entries.append(HistoryEntry(.condition, node: id, reason: reason))
        case .nodeLeft(let id, let duration):
            let reason = "its checks wait for its next agent, for \(Int(duration.seconds)) s at most"
            entries.append(HistoryEntry(.left, node: id, reason: reason))
        case .nodeReturned(let id):
            entries.append(HistoryEntry(.returned, node: id))
        case .nodeExpired(let id, let reason):
            entries.append(HistoryEntry(.lost, node: id, reason: reason.description))
        default:
            break
        }
    }

    /// What was noted since the last call.
    mutating func drain() -> [HistoryEntry] {
        guard !isEmpty else { return [] }
        defer { self = HistoryRecorder() }
        return entries + added.entries(.added) + changed.entries(.changed) + removed.entries(.removed)
            + dangling.entries(.dangles)
    }

    /// An edit, with the ID that the check had.
    private static func changed(_ config: EncodedConfig, from former: String, on node: String?) -> HistoryEntry {
        entry(.changed, config, node: node ?? "", reason: former == config.checkID ? "" : "was \(former)")
    }

    private static func entry(
        _ kind: HistoryEntry.Kind, _ config: EncodedConfig, from: String = "", node: String = "", reason: String = ""
    ) -> HistoryEntry {
        HistoryEntry(
            kind, check: config.checkID, config: config.key.description, from: from, node: node,
            reason: String(reason.prefix(longestReason)))
    }
}

extension ExpiryReason {
    /// The reason in words.
    fileprivate var description: String {
        switch self {
        case .silence: "no heartbeat within the timeout"
        case .podDeleted(let pod): "its pod \(pod) was deleted"
        case .left: "its agent left"
        }
    }
}

extension NodeConditions {
    /// What is new compared with the former conditions, in words; nil if an operator need not know.
    fileprivate func news(since former: NodeConditions) -> String? {
        var news: [String] = []
        if isDraining != former.isDraining { news.append(isDraining ? "drains" : "no longer drains") }
        if isDrained != former.isDrained {
            news.append(isDrained ? "an operator drains it" : "an operator uncordons it")
        }
        if isRestarting != former.isRestarting {
            news.append(isRestarting ? "its agent is about to be restarted" : "its agent has been restarted")
        }
        switch (cordon, former.cordon) {
        case (.cordoned, let former) where former != .cordoned: news.append("cordoned")
        case (.workerGone, let former) where former != .workerGone: news.append("its Kubernetes node is gone")
        case (.flapping, let former) where former != .flapping:
            news.append("it came back more than three times in ten minutes: nothing new until it has stayed for five")
        case (nil, .flapping): news.append("it has stayed")
        case (nil, .some): news.append("uncordoned")
        default: break
        }
        if fault != former.fault { news.append(fault ?? "its capacity can be used") }
        if lacksPod != former.lacksPod { news.append(lacksPod ? "no pod" : "its pod is known") }
        return news.isEmpty ? nil : news.joined(separator: ", ")
    }
}

extension OperatorIntent {
    /// What is wanted of which check now, and was not before. Drained nodes are among the conditions of nodes.
    fileprivate func news(since former: OperatorIntent) -> [(key: ConfigKey, what: String)] {
        func differences(_ now: Set<ConfigKey>, _ before: Set<ConfigKey>, _ done: String, _ undone: String) -> [(
            ConfigKey, String
        )] {
            now.symmetricDifference(before).map { ($0, now.contains($0) ? done : undone) }
        }
        let pins = Set(pinned.keys).union(former.pinned.keys).filter { pinned[$0] != former.pinned[$0] }.map { key in
            (key, pinned[key].map { "pinned to \($0.text)" } ?? "unpinned")
        }
        let all =
            differences(isolated, former.isolated, "isolated", "no longer isolated")
            + differences(paused, former.paused, "paused", "resumed") + pins
        return all.sorted { $0.0 < $1.0 }
    }
}
