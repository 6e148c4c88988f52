import JSON
import Platform

/// A standard tag.
struct Tag {
    enum Kind: String {
        case string = "!!str"
        case integer = "!!int"
        case float = "!!float"
        case bool = "!!bool"
        case null = "!!null"
        case binary = "!!binary"
        case timestamp = "!!timestamp"
        case list = "!!seq"
        case map = "!!map"
    }

    let kind: Kind
    let offset: Int

    var name: String { kind.rawValue }
}

extension YAMLParser {
    /// Reads a tag. One that is not standard is refused: go-yaml drops it in silence, others call code for it.
    mutating func tag() throws(YAMLError) -> Tag {
        let offset = position
        while !isSpace(peek), !isFlowIndicator(peek) { position += 1 }
        let name = text(offset..<position)
        guard let kind = Tag.Kind(rawValue: name) else {
            // Any other name may be a secret that begins so.
            let shown =
                ["!!set", "!!omap", "!!pairs"].contains(name) ? "the tag \(name)" : "a tag that is not standard"
            let known = "!!str, !!int, !!float, !!bool, !!null, !!binary, !!timestamp, !!seq or !!map"
            throw failure("\(shown) is not supported; expected \(known), or quotes if it is text", at: offset)
        }
        return Tag(kind: kind, offset: offset)
    }

    /// The value of a scalar, by its tag if it has one.
    func value(of scalar: Scalar, tag: Tag?) throws(YAMLError) -> JSONValue {
        do throws(ScalarFault) {
            guard let tag else { return scalar.isPlain ? try plainValue(scalar.text) : .string(scalar.text) }
            if let value = try value(of: scalar.text, tag.kind) { return value }
            throw ScalarFault("the tag \(tag.name) does not fit this value")
        } catch {
            throw failure(error.reason, at: scalar.offset)
        }
    }

    func plainValue(_ text: String) throws(ScalarFault) -> JSONValue {
        try JSONValue(plain: text, longestNumber: limits.numberBytes)
    }

    /// The value of a text that has a tag, whether it is quoted or not; nil if the tag does not fit.
    private func value(of text: String, _ kind: Tag.Kind) throws(ScalarFault) -> JSONValue? {
        switch kind {
        case .string, .timestamp: return .string(text)
        case .list, .map: return nil
        case .binary: return try Self.decodedBinary(text)
        case .null: return try plainValue(text) == .null ? .null : nil
        case .bool: return try plainValue(text).boolValue.map { .bool($0) }
        case .integer, .float:
            guard let number = try YAMLNumber(text, longest: limits.numberBytes) else { return nil }
            if kind == .float { return .number(number.isInteger ? number.json + ".0" : number.json) }
            return number.isInteger ? .number(number.json) : nil
        }
    }

    /// The text that a base64 text stands for. Line breaks may be in it, blanks not, as in go-yaml.
    private static func decodedBinary(_ text: String) throws(ScalarFault) -> JSONValue {
        guard let bytes = Base64.decode(text.utf8.filter { !isBreak($0) }) else {
            throw ScalarFault("expected base64 after !!binary")
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else {
            throw ScalarFault("what !!binary stands for is not UTF-8, which JSON needs")
        }
        return .string(decoded)
    }
}
