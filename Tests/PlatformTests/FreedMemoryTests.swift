import Glibc
import Platform
import TestKit
import Testing

@Suite struct FreedMemoryTests {
    @Test func `a sparse dictionary is shrunk and keeps its entries`() {
        var dictionary = Dictionary(uniqueKeysWithValues: (0..<10_000).map { ($0, "\($0)") })
        let full = dictionary.capacity
        for key in 5..<10_000 {
            dictionary[key] = nil
            dictionary.shrinkIfSparse()
            #expect(dictionary.count >= dictionary.capacity / 4 || dictionary.capacity <= 64)
        }
        #expect(dictionary.capacity <= 64 && full >= 10_000)
        #expect(dictionary == [0: "0", 1: "1", 2: "2", 3: "3", 4: "4"])
    }

    @Test func `a dense dictionary is left alone`() {
        var dictionary = Dictionary(uniqueKeysWithValues: (0..<10_000).map { ($0, $0) })
        let capacity = dictionary.capacity
        for key in 0..<2_000 { dictionary[key] = nil }
        dictionary.shrinkIfSparse()
        #expect(dictionary.capacity == capacity)
    }

    @Test func `what was freed before the first look is given back`() async {
        await #expect(processExitsWith: .success) {
            // Every second page stays in use, as after a list of which a little is kept.
            var blocks = (0..<40_000).map { _ in [UInt8](repeating: 1, count: 4_064) }
            for index in blocks.indices where index % 16 != 0 { blocks[index] = [] }
            let before = try residentBytes()
            let clock = ManualClock()
            let task = Task { await FreedMemory.giveBack(every: .seconds(10), clock: clock) }
            defer { task.cancel() }
            try await clock.waitForFirstSleep()
            try await clock.advanceToNextSleep(by: .seconds(10))
            let after = try residentBytes()
            precondition(after < before / 2, "\(before) became \(after)")
            precondition(blocks.count == 40_000)
        }
    }
}

/// The resident memory of this process (proc(5), `statm`).
private func residentBytes() throws -> Int {
    let text = String(decoding: try readFile("/proc/self/statm", atMost: 4096), as: UTF8.self)
    return Int(text.split(separator: " ")[1])! * sysconf(Int32(_SC_PAGESIZE))
}
