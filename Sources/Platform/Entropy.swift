import Synchronization

/// Where randomness comes from: jitter and identities. The simulation injects a seeded one.
package protocol Entropy: Sendable {
    /// 64 random bits.
    func next() -> UInt64
}

extension Entropy {
    /// A number in `[0, 1)`.
    package func fraction() -> Double {
        Double(next() >> 11) * 0x1p-53
    }

    /// A random (version 4) UUID in its usual lower-case form (RFC 9562 §5.4).
    package func uuid() -> String {
        let high = next() & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
        let low = next() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        let digits = hexadecimal(high) + hexadecimal(low)
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index == 8 || index == 12 || index == 16 || index == 20 { text.append("-") }
            text.append(digit)
        }
        return text
    }

    private func hexadecimal(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
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

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers for the same seed. For simulation and tests, not for secrets.
package final class SeededEntropy: Entropy {
    private let state: Mutex<UInt64>

    /// A generator whose whole sequence follows from `seed`.
    package init(seed: UInt64) {
        state = Mutex(seed)
    }

    /// The next number of the sequence.
    package func next() -> UInt64 {
        state.withLock { state in
            state &+= 0x9E37_79B9_7F4A_7C15
            var bits = state
            bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
            bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
            return bits ^ (bits >> 31)
        }
    }
}
