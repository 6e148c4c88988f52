import CheckModel
import Platform

/// What agents say in a warm-up that they run, when no leader is left that told them: where configs stay.
///
/// An agent that can, lists its checks. Of one that cannot, the revision that it reports proves what it runs if a hint
/// knows a set of the same revision.
struct Claims: Sendable {
    /// How long after the last new node the warm-up may end early: the lists of those that give any have come by then.
    private static let settling = Duration.seconds(1)

    /// By check ID: the slot of the node that runs it. Of two, the one that said so first.
    private var slots: [ExactText: Int] = [:]
    /// By slot: the revision that the node reported last.
    private var revisions: [Int: Int64] = [:]
    /// The nodes that listed their checks.
    private var listed: Set<Int> = []
    /// When a node was last heard for the first time.
    private var newest = Duration.zero

    /// Notes a report in the warm-up.
    mutating func note(_ report: NodeReport, slot: Int, at time: Duration) {
        if revisions[slot] == nil { newest = time }
        if report.status.lastChange != NodeStatusRequest.heartbeatOnly { revisions[slot] = report.status.lastChange }
        guard let running = report.status.running else { return }
        listed.insert(slot)
        for id in running where slots[id] == nil { slots[id] = slot }
    }

    /// A node was removed: it claims nothing any more.
    mutating func remove(_ slot: Int) {
        revisions[slot] = nil
        guard listed.remove(slot) != nil else { return }
        slots = slots.filter { $0.value != slot }
    }

    /// Whether an agent should be asked what it runs: it runs something, and has not said what.
    func asks(_ report: NodeReport) -> Bool {
        report.status.running == nil && report.status.departure == nil && report.status.lastChange > 0
    }

    /// Whether every node that was heard has had time to say what it runs.
    func areSettled(at time: Duration) -> Bool { !revisions.isEmpty && time >= newest + Self.settling }

    /// The slot of the node that runs a config, all of it; nil if none says so.
    func slot(of config: EncodedConfig) -> Int? {
        guard !slots.isEmpty, let first = config.instanceIDs.first, let slot = slots[ExactText(first)] else {
            return nil
        }
        return config.instanceIDs.allSatisfy { slots[ExactText($0)] == slot } ? slot : nil
    }

    /// Whether a node is proved to run the set of this revision.
    func proves(_ revision: Int64, _ slot: Int) -> Bool { revisions[slot] == revision }
}
