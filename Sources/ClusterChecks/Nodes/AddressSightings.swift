/// From where the reports under one id came of late: whether one agent sends them, or two.
///
/// An agent that restarts elsewhere goes from one address to another and stays there. Two that share an id alternate: reports from A, from B and
/// from A again within the timeout are those of two.
struct AddressSightings: Sendable {
    private struct Sighting {
        let address: String
        var last: Duration
    }

    /// So many addresses of one id are kept in mind.
    private static let remembered = 4

    /// Oldest first.
    private var sightings: [Sighting] = []
    /// The addresses of the two that report, sorted; empty while one does.
    private(set) var shared: [String] = []

    /// Takes a report from an address in.
    ///
    /// - Parameter areSame: whether two addresses are those of one agent.
    /// - Returns: whether this shows that two agents report.
    mutating func see(
        _ address: String, at time: Duration, within timeout: Duration, areSame: (String, String) -> Bool
    ) -> Bool {
        if let newest = sightings.last, newest.address == address {
            sightings[sightings.count - 1].last = time
            return false
        }
        let between = sightings.last
        var returned: Sighting?
        if let former = sightings.firstIndex(where: { $0.address == address }) {
            returned = sightings.remove(at: former)
        } else if sightings.count == Self.remembered {
            sightings.removeFirst()
        }
        sightings.append(Sighting(address: address, last: time))
        guard shared.isEmpty, let returned, let between, time - returned.last <= timeout else { return false }
        guard !areSame(address, between.address) else { return false }
        shared = [address, between.address].sorted()
        return true
    }

    /// Whether one of the two has been silent for longer than the timeout, so that one agent remains; it is counted as one from here on.
    mutating func endsSharing(at time: Duration, after timeout: Duration) -> Bool {
        guard !shared.isEmpty else { return false }
        let live = sightings.filter { shared.contains($0.address) && time - $0.last <= timeout }
        guard live.count < 2 else { return false }
        shared = []
        return true
    }

    /// The address of the newest report; nil before the first.
    var newest: String? { sightings.last?.address }
}
