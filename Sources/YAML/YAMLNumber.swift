import Platform

/// A number as go-yaml v2 reads one, with the digits of its author.
struct YAMLNumber {
    /// The number as JSON that YAML 1.1 reads as the same number: decimal, no leading zero, an exponent only with point
    /// and sign.
    let json: String
    let isInteger: Bool

    /// nil if the text is no number.
    ///
    /// - Throws: `ScalarFault` where one reader takes it for a number and another for a string or another number, and
    ///   for a number of more bytes than `longest`.
    init?(_ text: String, longest: Int) throws(ScalarFault) {
        let bytes = Array(text.utf8)
        // Looked at before it is converted, which takes the square of its length.
        var isTooLong = bytes.count > longest
        guard !isTooLong || bytes.allSatisfy(Self.canContain) else { return nil }
        let number = isTooLong ? nil : try Self.numberWithSeparators(bytes)
        if let number, number.json.utf8.count > longest { isTooLong = true }
        guard !isTooLong else { throw ScalarFault("a number longer than \(longest) bytes; quote it if it is text") }
        guard let number else { return nil }
        self = number
    }

    /// A number in which `_` may stand where all readers drop it.
    private static func numberWithSeparators(_ bytes: [UInt8]) throws(ScalarFault) -> YAMLNumber? {
        guard bytes.contains(UInt8(ascii: "_")) else { return try number(bytes) }
        let digits = bytes.filter { $0 != UInt8(ascii: "_") }
        // go-yaml drops `_` from what begins with a digit or a sign.
        let number = bytes.first == UInt8(ascii: ".") ? nil : try number(digits)
        guard (number != nil) == isNumberWithSeparators(bytes) else {
            throw ScalarFault("'_' in an odd place of a number; quote it if it is text")
        }
        return number
    }

    private init(_ json: String, isInteger: Bool) {
        self.json = json
        self.isInteger = isInteger
    }

    private static func number(_ bytes: [UInt8]) throws(ScalarFault) -> YAMLNumber? {
        let hasSign = bytes.first == UInt8(ascii: "-") || bytes.first == UInt8(ascii: "+")
        let sign = bytes.first == UInt8(ascii: "-") ? "-" : ""
        let body = bytes.dropFirst(hasSign ? 1 : 0)
        if body.first == UInt8(ascii: "0"), body.count > 1, let letter = body.dropFirst().first,
            let base = Base(letter: letter)
        {
            let digits = Array(body.dropFirst(2))
            guard base.radix != 2 || letter != UInt8(ascii: "b") || !isSignedBinary(digits) else {
                throw ScalarFault("a sign inside a number; quote it if it is text")
            }
            guard let magnitude = decimal(digits, radix: base.radix) else { return nil }
            // Beyond 64 bits the agents' Python reads the lower-case prefixes 0x and 0b only, and others none.
            guard base.isUnbounded || fits(magnitude, bytes.first) else { return nil }
            return integer(sign, magnitude)
        }
        guard let first = body.first, first == UInt8(ascii: ".") || isDigit(first) else { return nil }
        if body.allSatisfy(isDigit) { return try decimalOrOctal(Array(body), sign, bytes.first) }
        return try float(body, sign)
    }

    /// Digits only. With a leading zero they are octal, unless one of them is 8 or 9.
    private static func decimalOrOctal(
        _ digits: [UInt8], _ sign: String, _ first: UInt8?
    ) throws(ScalarFault) -> YAMLNumber? {
        guard digits.count > 1, digits[0] == UInt8(ascii: "0"), let octal = decimal(digits, radix: 8) else {
            return integer(sign, trimmed(digits))
        }
        guard fits(octal, first) else { throw ScalarFault("an octal number beyond 64 bits; quote it if it is text") }
        return integer(sign, octal)
    }

    private static func integer(_ sign: String, _ magnitude: String) -> YAMLNumber {
        YAMLNumber(magnitude == "0" ? "0" : sign + magnitude, isInteger: true)
    }

    /// Digits, a point and digits, of which some may be missing, and an exponent.
    private static func float(_ body: ArraySlice<UInt8>, _ sign: String) throws(ScalarFault) -> YAMLNumber? {
        var rest = body
        let integer = Array(rest.prefix(while: isDigit))
        rest = rest.dropFirst(integer.count)
        var fraction: [UInt8] = []
        if rest.first == UInt8(ascii: ".") {
            fraction = Array(rest.dropFirst().prefix(while: isDigit))
            rest = rest.dropFirst(1 + fraction.count)
        }
        guard !integer.isEmpty || !fraction.isEmpty else { return nil }
        var json = sign + trimmed(integer) + "." + (fraction.isEmpty ? "0" : String(decoding: fraction, as: UTF8.self))
        if let letter = rest.first {
            let exponent = rest.dropFirst()
            let hasSign = exponent.first == UInt8(ascii: "-") || exponent.first == UInt8(ascii: "+")
            let digits = exponent.dropFirst(hasSign ? 1 : 0)
            guard letter | 0x20 == UInt8(ascii: "e"), !digits.isEmpty, digits.allSatisfy(isDigit) else { return nil }
            json += (exponent.first == UInt8(ascii: "-") ? "e-" : "e+") + String(decoding: digits, as: UTF8.self)
        }
        guard let value = Double(json), value.isFinite else {
            throw ScalarFault("a number beyond what others can hold; quote it if it is text")
        }
        return YAMLNumber(json, isInteger: false)
    }
}

extension YAMLNumber {
    private struct Base {
        let radix: UInt32
        let isUnbounded: Bool

        init?(letter: UInt8) {
            switch letter {
            case UInt8(ascii: "x"), UInt8(ascii: "X"): radix = 16
            case UInt8(ascii: "o"), UInt8(ascii: "O"): radix = 8
            case UInt8(ascii: "b"), UInt8(ascii: "B"): radix = 2
            default: return nil
            }
            isUnbounded = letter == UInt8(ascii: "x") || letter == UInt8(ascii: "b")
        }
    }

    /// Whether any number can have this byte.
    private static func canContain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "x"), UInt8(ascii: "X"), UInt8(ascii: "o"), UInt8(ascii: "O"), UInt8(ascii: "_"),
            UInt8(ascii: "."), UInt8(ascii: "+"), UInt8(ascii: "-"):
            true
        default: hexadecimalValue(of: byte) != nil
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }

    /// go-yaml reads `0b-1` as -1, nobody else does.
    private static func isSignedBinary(_ digits: [UInt8]) -> Bool {
        guard digits.first == UInt8(ascii: "-") || digits.first == UInt8(ascii: "+") else { return false }
        return decimal(Array(digits.dropFirst()), radix: 2) != nil
    }

    /// Decimal digits without leading zeros.
    private static func trimmed(_ digits: [UInt8]) -> String {
        let significant = digits.drop { $0 == UInt8(ascii: "0") }
        return significant.isEmpty ? "0" : String(decoding: significant, as: UTF8.self)
    }

    /// Whether go-yaml has a 64-bit integer for a magnitude behind the given first byte of the text.
    private static func fits(_ magnitude: String, _ first: UInt8?) -> Bool {
        switch first {
        case UInt8(ascii: "-"): Int64("-" + magnitude) != nil
        case UInt8(ascii: "+"): Int64(magnitude) != nil
        default: UInt64(magnitude) != nil
        }
    }

    /// The decimal digits of a number of any size; nil if there is none, or if a digit is not one of its base.
    private static func decimal(_ digits: [UInt8], radix: UInt32) -> String? {
        guard !digits.isEmpty else { return nil }
        // Nine decimal digits each, the least first.
        var limbs: [UInt32] = [0]
        for digit in digits {
            guard let value = hexadecimalValue(of: digit), value < radix else { return nil }
            var carry = UInt64(value)
            for index in limbs.indices {
                let sum = UInt64(limbs[index]) * UInt64(radix) + carry
                limbs[index] = UInt32(sum % 1_000_000_000)
                carry = sum / 1_000_000_000
            }
            if carry > 0 { limbs.append(UInt32(carry)) }
        }
        let first = limbs.last.map { String($0) } ?? ""
        return limbs.dropLast().reversed().reduce(into: first) { text, limb in
            let digits = String(limb)
            text += String(repeating: "0", count: 9 - digits.utf8.count) + digits
        }
    }

    /// Whether PyYAML takes a text with `_` for a number, base 60 left out.
    private static func isNumberWithSeparators(_ bytes: [UInt8]) -> Bool {
        let isSigned = bytes.first == UInt8(ascii: "-") || bytes.first == UInt8(ascii: "+")
        var rest = bytes.dropFirst(isSigned ? 1 : 0)
        if rest.starts(with: "0x".utf8) { return areDigits(rest.dropFirst(2)) { hexadecimalValue(of: $0) != nil } }
        if rest.starts(with: "0b".utf8) { return areDigits(rest.dropFirst(2)) { $0 & ~1 == UInt8(ascii: "0") } }
        let isSeparated = { (byte: UInt8) in isDigit(byte) || byte == UInt8(ascii: "_") }
        let integer = rest.prefix(while: isSeparated)
        rest = rest.dropFirst(integer.count)
        guard integer.first.map(isDigit) ?? !isSigned else { return false }
        if rest.isEmpty {
            guard integer.first == UInt8(ascii: "0"), integer.count > 1 else { return !integer.isEmpty }
            return areDigits(integer) { $0 & ~7 == UInt8(ascii: "0") }
        }
        guard rest.first == UInt8(ascii: ".") else { return false }
        rest = rest.dropFirst()
        let fraction = rest.prefix(while: isSeparated)
        guard !integer.isEmpty || fraction.first.map(isDigit) ?? false else { return false }
        rest = rest.dropFirst(fraction.count)
        if rest.isEmpty { return true }
        guard rest.count > 2, rest.removeFirst() | 0x20 == UInt8(ascii: "e") else { return false }
        let sign = rest.removeFirst()
        return (sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+")) && rest.allSatisfy(isDigit)
    }

    private static func areDigits(_ bytes: ArraySlice<UInt8>, _ isDigit: (UInt8) -> Bool) -> Bool {
        !bytes.isEmpty && bytes.allSatisfy { $0 == UInt8(ascii: "_") || isDigit($0) }
    }
}
