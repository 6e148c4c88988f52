/// The addresses from which reports under one node ID came recently: they tell whether one agent sends them or two.
///
/// An agent that restarts elsewhere moves from one address to another and stays there. Two agents that share an ID
/// alternate: a report from A, one from B, and one from A again within the timeout are those of two agents.
struct AddressSightings: Sendable {
    private struct Sighting {
        let address: String
        var last: Duration
    }

    /// The number of addresses remembered.
    private static let limit = 4

    /// Oldest first.
    private var sightings: [Sighting] = []
    /// The addresses of the two agents that report, sorted; empty while only one does.
    private(set) var shared: [String] = []

    /// The address of the newest report; nil before the first.
    var newest: String? { sightings.last?.address }

    /// Records a report if it is from the address of the newest one, and returns whether it is.
    mutating func seeNewest(_ address: String, at time: Duration) -> Bool {
        guard sightings.last?.address == address else { return false }
        sightings[sightings.count - 1].last = time
        return true
    }

    /// Records a report.
    ///
    /// - Parameter areSame: whether two addresses belong to one agent.
    /// - Returns: whether it has just become clear that two agents report.
    mutating func see(
        _ address: String, at time: Duration, within timeout: Duration, areSame: (String, String) -> Bool
    ) -> Bool {
        if seeNewest(address, at: time) { return false }
        let between = sightings.last
        var returned: Sighting?
        if let former = sightings.firstIndex(where: { $0.address == address }) {
            returned = sightings.remove(at: former)
        } else if sightings.count == Self.limit {
            sightings.removeFirst()
        }
        sightings.append(Sighting(address: address, last: time))
        guard shared.isEmpty, let returned, let between, time - returned.last <= timeout else { return false }
        guard !areSame(address, between.address) else { return false }
        shared = [address, between.address].sorted()
        return true
    }

    /// Whether one of the two agents has been silent for longer than the timeout. From then on there is one agent.
    mutating func endsSharing(at time: Duration, after timeout: Duration) -> Bool {
        guard !shared.isEmpty else { return false }
        let live = sightings.filter { shared.contains($0.address) && time - $0.last <= timeout }
        guard live.count < 2 else { return false }
        shared = []
        return true
    }
}
