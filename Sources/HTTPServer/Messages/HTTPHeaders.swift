/// The header fields of a request, in the order received. Names are compared ignoring case (RFC 9110 §5.1).
///
/// Fields parsed by the server stay bytes until they are read.
package struct HTTPHeaders: Sendable {
    private enum Storage: Sendable {
        case texts([(name: String, value: String)])
        case bytes(head: [UInt8], lines: [FieldLine])
    }

    private let storage: Storage

    /// Creates a header from fields.
    package init(_ fields: [(name: String, value: String)] = []) {
        storage = .texts(fields)
    }

    init(head: [UInt8], lines: [FieldLine]) {
        storage = .bytes(head: head, lines: lines)
    }

    /// The fields.
    package var fields: [(name: String, value: String)] {
        switch storage {
        case .texts(let fields): fields
        case .bytes(let head, let lines): lines.map { (head.span.text($0.name), head.span.text($0.value)) }
        }
    }

    /// The first value of `name`.
    package subscript(name: String) -> String? {
        switch storage {
        case .texts(let fields):
            return fields.first { Self.areEqual($0.name.utf8, name.utf8) }?.value
        case .bytes(let head, let lines):
            return lines.first { Self.areEqual(head[$0.name], name.utf8) }.map { head.span.text($0.value) }
        }
    }

    /// Every value of `name`, in order.
    package func values(_ name: String) -> [String] {
        switch storage {
        case .texts(let fields):
            return fields.filter { Self.areEqual($0.name.utf8, name.utf8) }.map(\.value)
        case .bytes(let head, let lines):
            return lines.filter { Self.areEqual(head[$0.name], name.utf8) }.map { head.span.text($0.value) }
        }
    }

    /// The bytes of the first value of `name`, without a copy if the server parsed the field: for fields of every
    /// request.
    package func bytes(_ name: String) -> ArraySlice<UInt8>? {
        switch storage {
        case .texts:
            return self[name].map { ArraySlice($0.utf8) }
        case .bytes(let head, let lines):
            return lines.first { Self.areEqual(head[$0.name], name.utf8) }.map { head[$0.value] }
        }
    }

    private static func areEqual(_ left: some Collection<UInt8>, _ right: String.UTF8View) -> Bool {
        left.count == right.count && zip(left, right).allSatisfy { Byte.lowered($0) == Byte.lowered($1) }
    }
}

/// The position of a header field in the bytes of the head, which has at most 65,535 bytes.
struct FieldLine: Sendable {
    private let nameStart: UInt16
    private let nameEnd: UInt16
    private let valueStart: UInt16
    private let valueEnd: UInt16

    var name: Range<Int> {
        Int(nameStart)..<Int(nameEnd)
    }

    /// Without leading and trailing white space.
    var value: Range<Int> {
        Int(valueStart)..<Int(valueEnd)
    }

    /// Parses the field at `position` (RFC 9112 §5) and moves `position` to the next line.
    ///
    /// - Parameter bytes: contain a line feed at or after `position`.
    init(_ bytes: Span<UInt8>, at position: inout Int) throws(RequestError) {
        var index = position
        while Byte.token.contains(bytes[index]) { index += 1 }
        guard index > position, bytes[index] == UInt8(ascii: ":") else {
            throw Self.nameError(bytes[index], isFirst: index == position)
        }
        let name = position..<index
        index += 1
        let valueStart = index
        while Byte.isFieldValue(bytes[index]) { index += 1 }
        guard bytes[index] == Byte.carriageReturn else {
            throw bytes[index] == Byte.lineFeed ? .bareLineFeed : .controlByteInValue
        }
        guard bytes[index + 1] == Byte.lineFeed else { throw .bareCarriageReturn }
        let value = bytes.trimmed(valueStart..<index)
        position = index + 2
        nameStart = UInt16(truncatingIfNeeded: name.lowerBound)
        nameEnd = UInt16(truncatingIfNeeded: name.upperBound)
        self.valueStart = UInt16(truncatingIfNeeded: value.lowerBound)
        valueEnd = UInt16(truncatingIfNeeded: value.upperBound)
    }

    private static func nameError(_ byte: UInt8, isFirst: Bool) -> RequestError {
        switch byte {
        case Byte.space, Byte.tab: isFirst ? .foldedLine : .whitespaceBeforeColon
        case Byte.lineFeed: .bareLineFeed
        default: .malformedFieldName
        }
    }
}
