/// `number` with zeros in front up to `width` digits; a negative one without its sign.
package func zeroPadded(_ number: some BinaryInteger, width: Int, radix: Int = 10, uppercase: Bool = false) -> String {
    let digits = String(number.magnitude, radix: radix, uppercase: uppercase)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
}

/// The value of an ASCII hexadecimal digit; nil if `letter` is none.
package func hexadecimalValue(of letter: UInt8) -> UInt8? {
    switch letter {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): letter - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): letter - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): letter - UInt8(ascii: "A") + 10
    default: nil
    }
}

/// The number of a port, from 1 to 65535, which consists of digits alone; nil if `text` is none.
package func portNumber(_ text: some StringProtocol) -> UInt16? {
    guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
    return UInt16(text).flatMap { $0 > 0 ? $0 : nil }
}
