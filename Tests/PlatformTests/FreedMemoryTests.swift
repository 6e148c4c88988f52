import Platform
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
}
