/// FNV-1a, 64 bits (Fowler, Noll, Vo; http://www.isthe.com/chongo/tech/comp/fnv): the same hash in every process, as
/// `Hasher`'s is not. Not for secrets.
package struct FNV1a: Sendable {
    /// The hash of what was added so far.
    package private(set) var value = FowlerNollVo.basis

    /// The hash of nothing.
    package init() {}

    /// The hash of a text's UTF-8.
    package init(_ text: String) {
        add(text.utf8)
    }

    /// Adds bytes.
    package mutating func add(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { add(UInt64(byte)) }
    }

    /// Adds a number in one step, as if it were one byte.
    package mutating func add(_ number: UInt64) {
        value = (value ^ number) &* FowlerNollVo.prime
    }
}

/// FNV-1, 64 bits: multiplies before it xors, unlike FNV-1a.
package struct FNV1: Sendable {
    /// The hash of what was added so far.
    package private(set) var value = FowlerNollVo.basis

    /// The hash of nothing.
    package init() {}

    /// Adds bytes.
    package mutating func add(_ bytes: [UInt8]) {
        for byte in bytes { value = value &* FowlerNollVo.prime ^ UInt64(byte) }
    }
}

private enum FowlerNollVo {
    static let basis: UInt64 = 0xCBF2_9CE4_8422_2325
    static let prime: UInt64 = 0x100_0000_01B3
}
