import CheckModel
import Platform

/// What the agent of each node was told in this term, by the revisions under which it was told: what an agent may run,
/// and what a revision that it reports proves. This is not part of the store, and is not mirrored: nothing is confirmed
/// but in the term that waits for it.
struct Tellings: Sendable {
    private struct Agent {
        /// The newest version of the store of which it was told something.
        var told: UInt64 = 0
        /// What it was told last: the revision, the version of the store at which it was so, and when; the newest last.
        var recent: [(revision: Int64, version: UInt64, time: Duration)] = []
        /// Whether it may run what nobody here knows of.
        var isUnclear = false
        /// Whether it is a Prometheus, which runs nothing that is exclusive.
        var isPrometheus = false
        /// The version of the store in which it registered, if others had been given everything before: what is
        /// exclusive and given to it then, it has not run before.
        var lateSince: UInt64?
    }

    /// How many tellings are remembered of each node. An agent reports what it was told with its next call.
    private static let limit = 8

    /// By slot.
    private var agents: [Agent] = []
    private var unclear = 0

    /// Whether any agent may run what is exclusive and nobody here knows of.
    var hasUnclear: Bool { unclear > 0 }

    /// A node registered.
    ///
    /// - Parameters:
    ///   - isUnclear: whether its agent may run what nobody here knows of.
    ///   - isPrometheus: whether it is a Prometheus.
    ///   - lateSince: the version of the store in which it registered, if others have been given everything before.
    mutating func add(_ slot: Int, isUnclear: Bool, isPrometheus: Bool, lateSince: UInt64? = nil) {
        while agents.count <= slot { agents.append(Agent()) }
        (agents[slot].isPrometheus, agents[slot].lateSince) = (isPrometheus, lateSince)
        if isUnclear { doubt(slot) }
    }

    /// A node was removed, or its agent is gone: the next one has been told nothing.
    mutating func remove(_ slot: Int) {
        clear(slot)
        agents[slot] = Agent()
    }

    /// The agent of a node may have been told anything up to a version, under revisions that nobody here knows.
    mutating func assumeTold(_ slot: Int, upTo version: UInt64) {
        agents[slot].told = version
    }

    /// The agent of a node is told the set of this revision, as it is at a version; `time` is listened time.
    mutating func note(_ slot: Int, _ revision: Int64, at version: UInt64, time: Duration) {
        agents[slot].told = version
        if agents[slot].recent.last?.revision == revision {
            return agents[slot].recent[agents[slot].recent.count - 1] = (revision, version, time)
        }
        agents[slot].recent.append((revision, version, time))
        if agents[slot].recent.count > Self.limit { agents[slot].recent.removeFirst() }
    }

    /// The revision that the agent of a node was told last in this term; that of a mere heartbeat if there is none.
    func newestRevision(_ slot: Int) -> Int64 {
        agents[slot].recent.last?.revision ?? NodeStatusRequest.heartbeatOnly
    }

    /// The version of the store in which the node of an agent registered late that may run what nobody here knows of;
    /// nil for any other.
    func lateSince(_ slot: Int) -> UInt64? {
        agents[slot].isUnclear && !agents[slot].isPrometheus ? agents[slot].lateSince : nil
    }

    /// The agent of a node may run what nobody here knows of after all.
    mutating func doubt(_ slot: Int) {
        guard !agents[slot].isUnclear else { return }
        agents[slot].isUnclear = true
        if !agents[slot].isPrometheus { unclear += 1 }
    }

    /// The agent of a node runs a set that is known here.
    mutating func clear(_ slot: Int) {
        guard agents[slot].isUnclear else { return }
        agents[slot].isUnclear = false
        if !agents[slot].isPrometheus { unclear -= 1 }
    }

    /// Whether the agent of a node may run what it is told to run since this version.
    func mayRun(_ slot: Int, toldSince version: UInt64) -> Bool {
        version <= agents[slot].told || agents[slot].isUnclear && agents[slot].lateSince == nil
    }

    /// Whether a report of this revision is newer than what the agent of a node was told last: it was told nothing else
    /// since this time.
    func mayProve(_ slot: Int, _ revision: Int64, at time: Duration) -> Bool {
        agents[slot].recent.last.map { $0.revision == revision || $0.time < time } ?? true
    }

    /// Up to which version of the store the agent of a node runs what it was told, if it reports this revision; nil if
    /// it was told no such set in this term.
    func version(confirmedBy revision: Int64, _ slot: Int) -> UInt64? {
        agents[slot].recent.last { $0.revision == revision }?.version
    }
}
