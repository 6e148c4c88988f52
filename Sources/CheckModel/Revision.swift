/// The revision of a set of configs: 63 bits that follow from their content alone, whatever the order in which they came and whoever leads.
///
/// It is the sum, modulo 2⁶³, of the configs' content hashes, so that adding or removing one is one addition, and two configs with the same
/// content count twice (with exclusive or they would cancel). The hashes are 64 well-mixed bits of MurmurHash3: two different sets have the same
/// revision with a chance of 2⁻⁶³. The empty set alone has 0, and none is negative: an agent's −1 means "heartbeat only".
package struct Revision: Hashable, Sendable {
    private var sum: UInt64 = 0
    private var count = 0

    /// The revision of the empty set.
    package init() {}

    /// The revision of a set of content hashes.
    package init(of contentHashes: some Sequence<UInt64>) {
        for hash in contentHashes { add(hash) }
    }

    /// Takes a config into the set.
    package mutating func add(_ contentHash: UInt64) {
        sum &+= contentHash
        count += 1
    }

    /// Takes a config out of the set, in which it must be.
    package mutating func remove(_ contentHash: UInt64) {
        precondition(count > 0, "removed from an empty set")
        sum &-= contentHash
        count -= 1
    }

    /// What travels as `last_change`.
    package var value: Int64 {
        guard count > 0 else { return 0 }
        return max(1, Int64(sum & 0x7FFF_FFFF_FFFF_FFFF))
    }
}
