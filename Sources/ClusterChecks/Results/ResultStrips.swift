import CheckModel
import Platform

/// How check instances fared in the last 24 hours: of each quarter of an hour, whether it passed, failed, or both.
///
/// A strip follows its check from node to node, and begins with the term. Memory: about 120 bytes for each instance,
/// and the bytes of its check ID beyond 15.
struct ResultStrips: Sendable {
    /// How long a slot is.
    static let slot = Duration.seconds(900)
    /// How many slots are kept: 24 hours.
    static let count = 96
    /// The most strips that are kept.
    static let limit = 100_000

    /// Two bits for each slot of a ring: the lower one says that it passed, the upper one that it failed.
    private struct Strip: Sendable {
        private var bits = InlineArray<24, UInt8>(repeating: 0)
        /// The node that ran the check when it was last looked at.
        var runner: String
        private(set) var first: Int64
        private(set) var newest: Int64

        init(_ slot: Int64, _ runner: String) {
            (first, newest, self.runner) = (slot, slot, runner)
        }

        subscript(slot: Int64) -> UInt8 {
            let index = Int(slot % Int64(ResultStrips.count))
            return bits[index / 4] >> UInt8(index % 4 * 2) & 3
        }

        mutating func note(_ isUp: Bool, in slot: Int64) {
            // Whatever the clock does, a slot that is not the newest is left as it is.
            guard slot >= newest else { return }
            while newest < slot {
                newest = max(newest + 1, slot - Int64(ResultStrips.count) + 1)
                set(0, in: newest)
            }
            first = max(first, slot - Int64(ResultStrips.count) + 1)
            set(self[slot] | (isUp ? 1 : 2), in: slot)
        }

        private mutating func set(_ value: UInt8, in slot: Int64) {
            let index = Int(slot % Int64(ResultStrips.count))
            let shift = UInt8(index % 4 * 2)
            bits[index / 4] = bits[index / 4] & ~(3 << shift) | value << shift
        }
    }

    private var strips: [ExactText: Strip] = [:]

    /// Notes that an instance passed or failed at a time, on the node that runs it.
    mutating func note(_ id: ExactText, isUp: Bool, by node: String, at time: WallTime) {
        let slot = Self.slot(of: time)
        if strips[id] == nil {
            guard strips.count < Self.limit else { return }
            strips[id] = Strip(slot, node)
        }
        strips[id]?.runner = node
        strips[id]?.note(isUp, in: slot)
    }

    /// The node that ran an instance when it was last noted; nil if it never was.
    func runner(of id: ExactText) -> String? { strips[id]?.runner }

    /// Forgets the instances of which nothing has been noted for 24 hours.
    mutating func forgetOld(at time: WallTime) {
        let oldest = Self.slot(of: time) - Int64(Self.count)
        guard strips.values.contains(where: { $0.newest < oldest }) else { return }
        strips = strips.filter { $0.value.newest >= oldest }
    }

    /// The strip of an instance; nil if nothing has been noted of it.
    func strip(of id: String, at time: WallTime) -> ResultStrip? {
        guard let strip = strips[id] else { return nil }
        let newest = max(strip.newest, Self.slot(of: time))
        let first = max(strip.first, newest - Int64(Self.count) + 1)
        let slots = (first...newest).map { slot -> ResultStrip.Slot in
            guard slot <= strip.newest else { return .unknown }
            switch strip[slot] {
            case 1: return .passed
            case 2: return .failed
            case 3: return .both
            default: return .unknown
            }
        }
        return ResultStrip(
            slot: Self.slot, from: WallTime(nanoseconds: first * Self.slot.nanoseconds), slots: slots)
    }

    private static func slot(of time: WallTime) -> Int64 {
        max(0, time.nanoseconds) / slot.nanoseconds
    }
}
