import CheckModel
import Platform

/// What agents say in a warm-up that they run, when no leader is left that told them: where configs stay.
///
/// An agent that can, lists its checks with its reports. One that does not is asked for its statistics, which name
/// them. Of one that has none either, the revision that it reports proves what it runs if a hint knows a set of the
/// same revision.
struct Claims: Sendable {
    /// How long after the last first report the warm-up may end early: the lists of those that give any have come by
    /// then.
    private static let settling = Duration.seconds(1)
    /// How long after its first report an agent is asked: one that lists its checks has done so by then.
    private static let patience = Duration.milliseconds(500)

    /// A node that was heard.
    private struct Reporter {
        /// When it first reported what it runs, by a revision; nil while it has only sent heartbeats.
        var since: Duration?
        /// The revision that it reported last.
        var revision: Int64 = 0
        /// Whether it listed its checks.
        var hasListed = false
        /// Whether it was asked for its statistics.
        var isAsked = false
        /// Whether it was asked and the outcome is not known yet.
        var isPending = false

        /// Whether it has had so much time since it first said what it runs.
        func hasHad(_ duration: Duration, at time: Duration) -> Bool {
            since.map { time >= $0 + duration } ?? false
        }
    }

    /// By check ID: the slot of the node that runs it. Of two, the one that said so first.
    private var slots: [ExactText: Int] = [:]
    /// By slot.
    private var reporters: [Int: Reporter] = [:]

    /// Whether no agent has named a check that it runs.
    var isEmpty: Bool { slots.isEmpty }

    /// Notes a report in the warm-up.
    ///
    /// - Parameter isBelieved: whether the list in it counts.
    mutating func note(_ report: NodeReport, slot: Int, isBelieved: Bool, at time: Duration) {
        var reporter = reporters[slot] ?? Reporter()
        if report.status.lastChange != NodeStatusRequest.heartbeatOnly {
            (reporter.since, reporter.revision) = (reporter.since ?? time, report.status.lastChange)
        }
        reporters[slot] = reporter
        if let running = report.status.running { note(running: isBelieved ? running : [], slot: slot) }
    }

    /// Notes which checks a node runs.
    mutating func note(running: some Sequence<ExactText>, slot: Int) {
        guard reporters[slot] != nil else { return }
        reporters[slot]?.hasListed = true
        for id in running where slots[id] == nil { slots[id] = slot }
    }

    /// A node was removed: it claims nothing any more.
    mutating func remove(_ slot: Int) {
        guard reporters.removeValue(forKey: slot)?.hasListed == true else { return }
        slots = slots.filter { $0.value != slot }
    }

    /// Whether the answer to a report asks the agent what it runs: it runs something, and has not said what.
    func asks(_ report: NodeReport) -> Bool {
        report.status.running == nil && report.status.departure == nil && report.status.lastChange > 0
    }

    /// The slots of the nodes to ask for their statistics, each once: those that run something and were given the time
    /// to list it. They count as asked from now on.
    mutating func slotsToAsk(at time: Duration) -> [Int] {
        let due = reporters.filter { _, reporter in
            !reporter.hasListed && !reporter.isAsked && reporter.revision > 0
                && reporter.hasHad(Self.patience, at: time)
        }.keys.sorted()
        for slot in due { reporters[slot]?.isAsked = true }
        return due
    }

    /// Notes whether the outcome of asking a node is still awaited: the warm-up does not end early before.
    mutating func setPending(_ slot: Int, _ isPending: Bool) {
        reporters[slot]?.isPending = isPending
    }

    /// Whether every node that was heard has had time to say what it runs. A heartbeat alone says nothing.
    func areSettled(at time: Duration) -> Bool {
        !reporters.isEmpty && reporters.values.allSatisfy { !$0.isPending && $0.hasHad(Self.settling, at: time) }
    }

    /// The slot of the node that runs a config, all of it; nil if none says so.
    func slot(of config: EncodedConfig) -> Int? {
        guard !slots.isEmpty, let first = config.instanceIDs.first, let slot = slots[ExactText(first)] else {
            return nil
        }
        return config.instanceIDs.allSatisfy { slots[ExactText($0)] == slot } ? slot : nil
    }

    /// Whether a node is proved to run the set of this revision.
    func proves(_ revision: Int64, _ slot: Int) -> Bool {
        reporters[slot].map { $0.since != nil && $0.revision == revision } ?? false
    }
}
