import CLinux
import Glibc

extension Dictionary {
    /// Gives back the memory of entries that are gone, which a dictionary keeps for good otherwise. To be called after
    /// each removal: it does nothing until a quarter is left of what there is room for, so that it costs O(1) on
    /// average.
    package mutating func shrinkIfSparse() {
        guard capacity > 64, count < capacity / 4 else { return }
        var smaller = Dictionary(minimumCapacity: count + count / 2)
        for (key, value) in self { smaller[key] = value }
        self = smaller
    }
}

/// Gives memory back to the system that was freed but that the C library keeps.
///
/// It gives back by itself only what lies at the end of a heap, of which each thread has one: a few small blocks that
/// stay hold megabytes.
package struct FreedMemory: Sendable {
    /// Less than this more of it (bytes) is not worth a look through all heaps, which takes longer the more is in use.
    private static func worthwhile(inUse used: Int) -> Int { max(128 << 10, used / 32) }

    /// The least resident memory, in bytes, that was not in use since memory was last given back: parts of pages,
    /// stacks, and so on. The C library's own count of free memory includes what was given back. 0 before the first
    /// time: what a start leaves behind, such as a first list, is given back too.
    private var leastHeld = 0

    /// Gives back every whole free page, of all heaps: milliseconds for each 100 MB in use.
    package static func giveBack() {
        malloc_trim(0)
    }

    /// Gives back what is worthwhile after each pause, until the task is cancelled.
    package static func giveBack(every pause: Duration, clock: any Clock) async {
        var memory = FreedMemory()
        while (try? await clock.sleep(until: clock.now() + pause)) != nil { memory.giveBackIfWorthwhile() }
    }

    /// Has the C library keep little for later, in the whole process: to be called once, before there is a second
    /// thread.
    ///
    /// Its own limits grow with the largest block that was ever freed (mallopt(3), "M_MMAP_THRESHOLD"): after one list
    /// of thousands of objects each heap would keep megabytes at its end, which no `malloc_trim` gives back but that of
    /// the first heap.
    package static func keepLittle() {
        mallopt(M_MMAP_THRESHOLD, 128 << 10)
        mallopt(M_TRIM_THRESHOLD, 256 << 10)
    }

    private mutating func giveBackIfWorthwhile() {
        let used = Self.used
        let held = Self.resident - used
        leastHeld = min(leastHeld, held)
        guard held - leastHeld >= Self.worthwhile(inUse: used) else { return }
        Self.giveBack()
        leastHeld = Self.resident - Self.used
    }

    /// The allocated bytes.
    private static var used: Int {
        let now = mallinfo2()
        return Int(now.uordblks) + Int(now.hblkhd)
    }

    /// The resident anonymous bytes; 0 if the system does not tell.
    private static var resident: Int {
        // In pages: total, resident, resident and shared with files.
        let text = String(decoding: (try? readFile("/proc/self/statm", atMost: 4096)) ?? [], as: UTF8.self)
        let pages = text.split(separator: " ").compactMap { Int($0) }
        return pages.count > 2 ? (pages[1] - pages[2]) * sysconf(Int32(_SC_PAGESIZE)) : 0
    }
}
