/// MurmurHash3 x64-128 (Austin Appleby, public domain), seed 0: the first 64 of its 128 bits. Not for secrets.
package enum Murmur3 {
    private static let c1: UInt64 = 0x87C3_7B91_1142_53D5
    private static let c2: UInt64 = 0x4CF5_AD43_2745_937F

    /// The first 64 bits of the hash of `bytes`.
    package static func hash(_ bytes: [UInt8]) -> UInt64 {
        var h1: UInt64 = 0
        var h2: UInt64 = 0
        let blocks = bytes.count / 16
        for block in 0..<blocks {
            h1 ^= mixed(word(bytes, at: block * 16, count: 8), c1, 31, c2)
            h1 = (rotated(h1, 27) &+ h2) &* 5 &+ 0x52DC_E729
            h2 ^= mixed(word(bytes, at: block * 16 + 8, count: 8), c2, 33, c1)
            h2 = (rotated(h2, 31) &+ h1) &* 5 &+ 0x3849_5AB5
        }
        let rest = bytes.count - blocks * 16
        h2 ^= mixed(word(bytes, at: blocks * 16 + 8, count: max(0, rest - 8)), c2, 33, c1)
        h1 ^= mixed(word(bytes, at: blocks * 16, count: min(8, rest)), c1, 31, c2)

        h1 ^= UInt64(bytes.count)
        h2 ^= UInt64(bytes.count)
        h1 &+= h2
        h2 &+= h1
        return finished(h1) &+ finished(h2)
    }

    /// `count` bytes from `offset`, little-endian, the missing ones zero.
    private static func word(_ bytes: [UInt8], at offset: Int, count: Int) -> UInt64 {
        if count == 8 {
            precondition(offset + 8 <= bytes.count)
            return unsafe bytes.withUnsafeBytes { bytes in
                unsafe UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            }
        }
        var word: UInt64 = 0
        for index in 0..<count { word |= UInt64(bytes[offset + index]) << (8 * UInt64(index)) }
        return word
    }

    private static func mixed(_ word: UInt64, _ before: UInt64, _ distance: UInt64, _ after: UInt64) -> UInt64 {
        rotated(word &* before, distance) &* after
    }

    private static func rotated(_ word: UInt64, _ distance: UInt64) -> UInt64 {
        word << distance | word >> (64 - distance)
    }

    private static func finished(_ word: UInt64) -> UInt64 {
        var word = word
        word = (word ^ word >> 33) &* 0xFF51_AFD7_ED55_8CCD
        word = (word ^ word >> 33) &* 0xC4CE_B9FE_1A85_EC53
        return word ^ word >> 33
    }
}
