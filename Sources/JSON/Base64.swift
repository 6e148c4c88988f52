/// Base64 (RFC 4648 §4), padded: the standard alphabet.
package enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let padding = UInt8(ascii: "=")
    private static let invalid: UInt8 = 0xFF
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: invalid, count: 256)
        for (value, letter) in alphabet.enumerated() { values[Int(letter)] = UInt8(value) }
        return values
    }()

    /// How many letters encode so many bytes.
    package static func encodedLength(of count: Int) -> Int { (count + 2) / 3 * 4 }

    /// Appends `bytes` in base64.
    package static func encode(_ bytes: [UInt8], into output: inout [UInt8]) {
        let bytes = bytes.span
        let letters = alphabet.span
        output.append(addingCapacity: encodedLength(of: bytes.count)) { output in
            var index = 0
            while index + 2 < bytes.count {
                let word = UInt32(bytes[index]) << 16 | UInt32(bytes[index + 1]) << 8 | UInt32(bytes[index + 2])
                output.append(letters[Int(word >> 18)])
                output.append(letters[Int(word >> 12 & 0x3F)])
                output.append(letters[Int(word >> 6 & 0x3F)])
                output.append(letters[Int(word & 0x3F)])
                index += 3
            }
            guard index < bytes.count else { return }
            let hasSecond = index + 1 < bytes.count
            let word = UInt32(bytes[index]) << 16 | (hasSecond ? UInt32(bytes[index + 1]) << 8 : 0)
            output.append(letters[Int(word >> 18)])
            output.append(letters[Int(word >> 12 & 0x3F)])
            output.append(hasSecond ? letters[Int(word >> 6 & 0x3F)] : padding)
            output.append(padding)
        }
    }

    /// Decodes a base64 text; nil if it is invalid: a length that is not a multiple of four, a character outside the
    /// alphabet, padding that is not at the end, or unused bits that are not zero.
    package static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        let letters = Array(text)
        guard letters.count.isMultiple(of: 4) else { return nil }
        let padded = letters.suffix(2).count { $0 == padding }
        let significant = letters.dropLast(padded)
        var output: [UInt8] = []
        output.reserveCapacity(letters.count / 4 * 3)
        var bits: UInt32 = 0
        var count = 0
        for letter in significant {
            let value = values[Int(letter)]
            guard value != invalid else { return nil }
            bits = bits << 6 | UInt32(value)
            count += 6
            guard count >= 8 else { continue }
            count -= 8
            output.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
        }
        let leftover = bits & (1 << UInt32(count) - 1)
        return leftover == 0 ? output : nil
    }
}
