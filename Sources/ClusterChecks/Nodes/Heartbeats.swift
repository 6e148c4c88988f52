package import CheckModel
import Platform

/// A node-agent's report.
package struct NodeReport: Sendable {
    /// The node ID in its URL.
    package var id: String
    /// Its body.
    package var status: NodeStatusRequest
    /// The agent's IP address; nil to keep the known one.
    package var address: String?
    /// Whether the agent stated the address, as opposed to the call having come from it.
    package var isAddressStated: Bool

    /// A report.
    package init(id: String, status: NodeStatusRequest, address: String? = nil, isAddressStated: Bool = false) {
        self.id = id
        self.status = status
        self.address = address
        self.isAddressStated = isAddressStated
    }
}

/// When and from where each node was last heard. This is no part of the store, and is not mirrored.
struct Heartbeats: Sendable {
    private let timeout: Duration
    private var listened: ListenedTime
    /// By slot: when its node was last heard, in listened time; nil if the slot is free.
    private(set) var lastHeard: [Duration?] = []
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

    /// A node registered.
    mutating func add(slot: Int) {
        while lastHeard.count <= slot {
            lastHeard.append(nil)
            sightings.append(AddressSightings())
        }
        lastHeard[slot] = time
        sightings[slot] = AddressSightings()
    }

    /// A node was removed.
    mutating func remove(slot: Int) {
        lastHeard[slot] = nil
        sightings[slot] = AddressSightings()
        sharedSlots.remove(slot)
    }

    /// A node was heard.
    ///
    /// - Returns: whether it reported from the address of its newest report, or from none, so that there is nothing to
    ///   `see`.
    @discardableResult
    mutating func hear(slot: Int, from address: String? = nil) -> Bool {
        lastHeard[slot] = time
        guard let address else { return true }
        return sightings[slot].seeNewest(address, at: time)
    }

    /// The nodes that have been silent for longer than the timeout. This looks at every node.
    var silentSlots: [Int] {
        let limit = time - timeout
        return lastHeard.indices.filter { slot in lastHeard[slot].map { $0 < limit } ?? false }
    }

    /// When the next node will have been silent for longer than the timeout, if none is heard and this process keeps
    /// listening; nil without nodes. This looks at every node.
    func nextExpiry(now: Instant) -> Instant? {
        let oldest = lastHeard.lazy.compactMap { $0 }.min()
        return oldest.map { now + (timeout - (time - $0)) + .milliseconds(1) }
    }

    /// Records that a node reported from an address.
    ///
    /// - Returns: the addresses of the two agents that report under its ID, sorted, if that has just become clear.
    mutating func see(_ address: String, of slot: Int, isStated: Bool, _ matching: AgentMatching) -> [String]? {
        guard matching.identifiesAgent(address, isStated: isStated) else { return nil }
        let areTwo = sightings[slot].see(address, at: time, within: timeout) { matching.areOfOnePod($0, $1) }
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

    /// Records that the process listens at `now`, which counts as the latest moment if it is before that.
    mutating func advance(to now: Instant) {
        if let latest, now > latest { total += min(now - latest, longestGap) }
        latest = max(latest ?? now, now)
    }
}
