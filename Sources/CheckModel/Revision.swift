/// The revision of a set of configs: a 63-bit hash of their content, independent of their order and of who leads.
///
/// It is the sum, modulo 2⁶³, of the configs' content hashes: a config is added or removed by one addition, and two
/// configs with the same content count twice (with exclusive or they would cancel). The hashes are 64 bits of
/// MurmurHash3: two different sets have the same revision with a probability of 2⁻⁶³. Only the empty set has 0, and no
/// revision is negative: an agent's −1 means "heartbeat only".
package struct Revision: Hashable, Sendable {
    private var sum: UInt64 = 0
    private var count = 0

    /// The revision of the empty set.
    package init() {}

    /// The revision of a set of content hashes.
    package init(of contentHashes: some Sequence<UInt64>) {
        for hash in contentHashes { add(hash) }
    }

    /// Adds a config to the set.
    package mutating func add(_ contentHash: UInt64) {
        sum &+= contentHash
        count += 1
    }

    /// Removes a config, which must be in the set.
    package mutating func remove(_ contentHash: UInt64) {
        precondition(count > 0, "removed from an empty set")
        sum &-= contentHash
        count -= 1
    }

    /// The `last_change` on the wire.
    package var value: Int64 {
        guard count > 0 else { return 0 }
        return max(1, Int64(sum & 0x7FFF_FFFF_FFFF_FFFF))
    }
}
