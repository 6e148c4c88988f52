/// `number` with zeros in front up to `width` digits; a negative one without its sign.
package func zeroPadded(_ number: some BinaryInteger, width: Int, radix: Int = 10, uppercase: Bool = false) -> String {
    let digits = String(number.magnitude, radix: radix, uppercase: uppercase)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
}
