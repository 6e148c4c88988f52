import CLinux

extension Dictionary {
    /// Gives back the memory of entries that are gone, which a dictionary keeps for good otherwise. To be called after each removal: it does
    /// nothing until a quarter is left of what there is room for, so that it costs O(1) on average.
    package mutating func shrinkIfSparse() {
        guard capacity > 64, count < capacity / 4 else { return }
        var smaller = Dictionary(minimumCapacity: count + count / 2)
        for (key, value) in self { smaller[key] = value }
        self = smaller
    }
}

/// Gives memory back to the system that was freed but that the C library keeps.
///
/// It gives back by itself only what lies at the end of a heap, of which each thread has one: a few small blocks that stay hold megabytes.
package struct FreedMemory: Sendable {
    /// Less than this more of it (bytes) is not worth the milliseconds that a look through all heaps takes.
    private static let worthwhile = 1 << 20

    /// The least that was free since the last time; the C library counts what it gave back as free too.
    private var free = Self.bytes

    /// Does it again and again until the task is cancelled.
    package static func giveBack(every pause: Duration, clock: any Clock) async {
        var memory = FreedMemory()
        while (try? await clock.sleep(until: clock.now() + pause)) != nil { memory.giveBack() }
    }

    private mutating func giveBack() {
        let now = Self.bytes
        guard now - free >= Self.worthwhile else {
            free = min(free, now)
            return
        }
        malloc_trim(0)
        free = Self.bytes
    }

    private static var bytes: Int {
        Int(mallinfo2().fordblks)
    }
}
