import Synchronization

/// Where randomness comes from: jitter and identities. The simulation injects a seeded one.
package protocol Entropy: Sendable {
    /// 64 random bits.
    func next() -> UInt64
}

extension Entropy {
    /// A number in `[0, 1)`.
    package func fraction() -> Double {
        unitFraction(of: next())
    }

    /// A random (version 4) UUID in its usual lower-case form (RFC 9562 §5.4).
    package func uuid() -> String {
        let high = next() & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
        let low = next() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        let digits = zeroPadded(high, width: 16, radix: 16) + zeroPadded(low, width: 16, radix: 16)
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index == 8 || index == 12 || index == 16 || index == 20 { text.append("-") }
            text.append(digit)
        }
        return text
    }
}

/// The operating system's generator.
package struct SystemEntropy: Entropy {
    /// A source that reads the operating system's generator.
    package init() {}

    /// 64 bits fit for secrets.
    package func next() -> UInt64 {
        var generator = SystemRandomNumberGenerator()
        return generator.next()
    }
}

/// The same numbers for the same seed (`SplitMix64`). For simulation and tests, not for secrets.
package final class SeededEntropy: Entropy {
    private let state: Mutex<SplitMix64>

    /// A generator whose whole sequence follows from `seed`.
    package init(seed: UInt64) {
        state = Mutex(SplitMix64(seed: seed))
    }

    /// The next number of the sequence.
    package func next() -> UInt64 {
        state.withLock { $0.next() }
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): a sequence that follows from its seed. Not for secrets.
package struct SplitMix64: Sendable {
    private var state: UInt64

    /// A generator whose whole sequence follows from `seed`.
    package init(seed: UInt64) {
        state = seed
    }

    /// The next 64 bits.
    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var bits = state
        bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        return bits ^ (bits >> 31)
    }

    /// A number in `[0, 1)`, of the next 64 bits.
    package mutating func fraction() -> Double {
        unitFraction(of: next())
    }
}

/// The number in `[0, 1)` that 64 random bits stand for.
private func unitFraction(of bits: UInt64) -> Double {
    Double(bits >> 11) * 0x1p-53
}
