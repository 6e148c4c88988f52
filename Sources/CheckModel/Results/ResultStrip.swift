package import JSON
package import Platform

/// How one check instance fared over a time, in slots of equal length.
package struct ResultStrip: Hashable, Sendable {
    /// What is known of one slot. The raw value is its character on the wire.
    package enum Slot: Character, Sendable {
        /// It passed throughout.
        case passed = "p"
        /// It failed throughout.
        case failed = "F"
        /// It passed at some time and failed at another.
        case both = "f"
        /// Nothing was heard of it.
        case unknown = "-"
    }

    /// How long a slot is.
    package let slot: Duration
    /// When the first slot begins.
    package let from: WallTime
    /// The slots, the oldest first.
    package let slots: [Slot]

    /// A strip.
    package init(slot: Duration, from: WallTime, slots: [Slot]) {
        self.slot = slot
        self.from = from
        self.slots = slots
    }

    /// Its JSON: `slot_ms`, `from_ms` (since 1970) and `slots`, a character for each.
    package var json: JSONValue {
        .object([
            "slot_ms": .integer(slot.nanoseconds / 1_000_000), "from_ms": .integer(from.nanoseconds / 1_000_000),
            "slots": .string(String(slots.map(\.rawValue))),
        ])
    }
}
