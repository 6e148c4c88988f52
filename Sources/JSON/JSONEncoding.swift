package import Platform

/// Agents read instances with YAML 1.1 parsers (libyaml, PyYAML, go-yaml v2), in which not every JSON text means the
/// same:
///
/// - `1e3` is a string in YAML 1.1, whose floats need a dot and a signed exponent: it is written `1.0e+3`. Other
///   numbers keep their text.
/// - U+007F to U+009F, U+FEFF, U+FFFE and U+FFFF are not printable, U+0085, U+2028 and U+2029 are line breaks: they are
///   escaped. All else beyond ASCII is raw UTF-8, because YAML has no pairs of surrogate escapes.
/// - `\/` is no escape: the slash is written as it is.
///
/// Keys are sorted by their bytes, so that equal values have equal bytes.
extension JSONValue {
    /// The value as compact JSON that YAML 1.1 parsers read as the same value.
    package func encoded() -> [UInt8] {
        var output: [UInt8] = []
        encode(into: &output)
        return output
    }

    /// Appends the value as `encoded` returns it.
    package func encode(into output: inout [UInt8]) {
        switch self {
        case .null: output.append("null")
        case .bool(let value): output.append(value ? "true" : "false")
        case .number(let text): Self.encode(number: text, into: &output)
        case .string(let text): Self.encode(text, into: &output)
        case .array(let elements):
            output.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                element.encode(into: &output)
            }
            output.append(UInt8(ascii: "]"))
        case .object(let members):
            output.append(UInt8(ascii: "{"))
            var isFirst = true
            for (key, value) in Self.sorted(members) {
                if !isFirst { output.append(UInt8(ascii: ",")) }
                isFirst = false
                Self.encode(key.text, into: &output)
                output.append(UInt8(ascii: ":"))
                value.encode(into: &output)
            }
            output.append(UInt8(ascii: "}"))
        }
    }

    /// The members of an object in the order in which they are encoded.
    package static func sorted(_ members: [ExactText: JSONValue]) -> [(key: ExactText, value: JSONValue)] {
        members.sorted { $0.key < $1.key }
    }

    /// Appends `text` as a JSON string.
    package static func encode(_ text: String, into output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        if isPlain(text) {
            output.append(contentsOf: text.utf8)
            return output.append(UInt8(ascii: "\""))
        }
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x22: output.append("\\\"")
            case 0x5C: output.append("\\\\")
            case 0x20...0x7E: output.append(UInt8(truncatingIfNeeded: scalar.value))
            case 0x0A: output.append("\\n")
            case 0x0D: output.append("\\r")
            case 0x09: output.append("\\t")
            case _ where needsEscape(scalar):
                output.append("\\u" + zeroPadded(scalar.value, width: 4, radix: 16))
            default: output.append(contentsOf: scalar.utf8)
            }
        }
        output.append(UInt8(ascii: "\""))
    }

    /// Whether `text` is printable ASCII of which nothing is escaped.
    private static func isPlain(_ text: String) -> Bool {
        let bytes = text.utf8.span
        for index in bytes.indices {
            let byte = bytes[index]
            guard byte &- 0x20 < 0x5F, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") else { return false }
        }
        return true
    }

    /// How many bytes `text` has as a JSON string, without quotes.
    package static func encodedLength(of text: String) -> Int {
        var output: [UInt8] = []
        encode(text, into: &output)
        return output.count - 2
    }

    private static func needsEscape(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F...0x9F, 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF: true
        default: false
        }
    }

    /// Appends a number: its own text, but an exponent gets a sign, and the digits before it a dot.
    private static func encode(number text: String, into output: inout [UInt8]) {
        let bytes = Array(text.utf8)
        guard let exponent = bytes.firstIndex(where: { $0 | 0x20 == UInt8(ascii: "e") }) else {
            return output.append(contentsOf: bytes)
        }
        output.append(contentsOf: bytes[..<exponent])
        if !bytes[..<exponent].contains(UInt8(ascii: ".")) { output.append(".0") }
        output.append(UInt8(ascii: "e"))
        let power = bytes[(exponent + 1)...]
        if power.first != UInt8(ascii: "-"), power.first != UInt8(ascii: "+") { output.append(UInt8(ascii: "+")) }
        output.append(contentsOf: power)
    }
}

extension [UInt8] {
    /// Appends the UTF-8 of `text`.
    package mutating func append(_ text: String) {
        append(contentsOf: text.utf8)
    }
}
