package import CheckModel
package import Platform

/// A node-agent's report.
package struct NodeReport: Sendable {
    /// The node ID in its URL.
    package var id: String
    /// Its body; what is known of it if this is a Prometheus' fetch of its targets.
    package var status: NodeStatusRequest
    /// If this is a Prometheus' fetch of its targets, how often it fetches them; nil for an agent.
    package var refreshInterval: Duration?
    /// The agent's IP address; nil to keep the known one.
    package var address: String?
    /// Whether the agent stated the address, as opposed to the call having come from it.
    package var isAddressStated: Bool
    /// The address from which the call came, whatever the agent stated; nil if it is not known.
    package var peer: String?

    /// A report.
    package init(
        id: String, status: NodeStatusRequest, address: String? = nil, isAddressStated: Bool = false,
        peer: String? = nil, refreshInterval: Duration? = nil
    ) {
        self.refreshInterval = refreshInterval
        self.id = id
        self.status = status
        self.address = address
        self.isAddressStated = isAddressStated
        self.peer = peer
    }
}

/// A node-agent's call that waits for a change, as a heartbeat.
package struct NodeHeartbeat: Hashable, Sendable {
    /// The node ID in its URL.
    @ExactText package private(set) var id: String
    /// The revision that the agent runs; nil if it did not say.
    package let revision: Int64?

    /// A heartbeat.
    package init(id: String, revision: Int64? = nil) {
        self.revision = revision
        self.id = id
    }
}

/// When and from where each node last reported. This is not part of the store, and is not mirrored.
struct Heartbeats: Sendable {
    private let timeout: Duration
    private var listened: ListenedTime
    /// By slot: the time of the node's last heartbeat, in listened time; nil if the slot is free.
    private(set) var lastHeartbeat: [Duration?] = []
    private var sightings: [AddressSightings] = []
    /// The slots of the node IDs under which two agents report.
    private var sharedSlots: Set<Int> = []

    init(timeout: Duration, longestListenedGap: Duration) {
        self.timeout = timeout
        listened = ListenedTime(longestGap: longestListenedGap)
    }

    /// The time for which this process has listened.
    var time: Duration { listened.total }

    /// Records that this process listens at `now`.
    mutating func advance(to now: Instant) {
        listened.advance(to: now)
    }

    /// Records that this process begins to listen at `now`: the time before does not count.
    mutating func beginListening(at now: Instant) {
        listened.begin(at: now)
    }

    /// A node registered.
    mutating func add(slot: Int) {
        while lastHeartbeat.count <= slot {
            lastHeartbeat.append(nil)
            sightings.append(AddressSightings())
        }
        lastHeartbeat[slot] = time
        sightings[slot] = AddressSightings()
    }

    /// A node was removed.
    mutating func remove(slot: Int) {
        lastHeartbeat[slot] = nil
        sightings[slot] = AddressSightings()
        sharedSlots.remove(slot)
    }

    /// Records a heartbeat of a node.
    ///
    /// - Returns: whether its address is that of its newest report, or nil. If not, call `observe`.
    @discardableResult
    mutating func record(slot: Int, from address: String? = nil) -> Bool {
        lastHeartbeat[slot] = time
        guard let address else { return true }
        return sightings[slot].observeNewest(address, at: time)
    }

    /// How long a node may be silent. Of a Prometheus one fetch may be lost, or meet a change of leaders.
    private func timeout(_ refreshInterval: Duration?) -> Duration {
        refreshInterval.map { max(timeout, $0 * 2 + Dispatcher.longestDelay) } ?? timeout
    }

    /// The nodes that have been silent for longer than their timeout. This looks at every node.
    ///
    /// - Parameter refreshInterval: how often the node of a slot fetches its targets, if it is a Prometheus.
    func silentSlots(_ refreshInterval: (Int) -> Duration?) -> [Int] {
        lastHeartbeat.indices.filter { slot in
            lastHeartbeat[slot].map { $0 < time - timeout(refreshInterval(slot)) } ?? false
        }
    }

    /// When the next node will have been silent for longer than its timeout, if no heartbeat comes and this process
    /// keeps listening; nil without nodes. This looks at every node.
    ///
    /// - Parameters:
    ///   - refreshInterval: as in `silentSlots`.
    ///   - counts: whether the node of a slot expires by silence.
    func nextExpiry(now: Instant, _ refreshInterval: (Int) -> Duration?, _ counts: (Int) -> Bool) -> Instant? {
        var next: Duration?
        for (slot, last) in lastHeartbeat.enumerated() {
            guard let last, counts(slot) else { continue }
            let end = last + timeout(refreshInterval(slot))
            next = min(next ?? end, end)
        }
        return next.map { now + ($0 - time) + .milliseconds(1) }
    }

    /// Records that a node reported from another address than before.
    ///
    /// - Returns: the addresses of the two agents that report under its ID, sorted, if that has just become clear.
    mutating func observe(_ address: String, of slot: Int, isStated: Bool, _ matching: AgentMatching) -> [String]? {
        guard matching.identifiesAgent(address, isStated: isStated) else { return nil }
        let areTwo = sightings[slot].observe(address, at: time, within: timeout) { matching.areOfOnePod($0, $1) }
        guard areTwo else { return nil }
        sharedSlots.insert(slot)
        return sightings[slot].shared
    }

    /// Ends the sharing of the node IDs under which only one agent still reports.
    ///
    /// - Returns: their slots, in order, each with the address of that agent.
    mutating func endSharing() -> [(slot: Int, address: String?)] {
        sharedSlots.sorted().compactMap { slot in
            guard sightings[slot].endsSharing(at: time, after: timeout) else { return nil }
            sharedSlots.remove(slot)
            return (slot, sightings[slot].newest)
        }
    }
}

/// How long this process has listened to node-agents: the only time that counts when a node is silent.
///
/// It is advanced at every moment at which the process listened. Of a gap between two such moments at most `longestGap`
/// counts, so that after a pause, a stall, or another replica's term every node gets the gap back.
struct ListenedTime: Sendable {
    private let longestGap: Duration
    private var latest: Instant?
    private(set) var total = Duration.zero

    /// Starts at zero. It must be advanced more often than once in `longestGap`.
    init(longestGap: Duration) {
        self.longestGap = longestGap
    }

    /// Records that the process begins to listen at `now`. Nothing of the time before counts.
    mutating func begin(at now: Instant) {
        latest = max(latest ?? now, now)
    }

    /// Records that the process listens at `now`, which counts as the latest moment if it is before that.
    mutating func advance(to now: Instant) {
        if let latest, now > latest { total += min(now - latest, longestGap) }
        latest = max(latest ?? now, now)
    }
}
