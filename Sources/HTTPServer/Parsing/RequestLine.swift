import Platform

/// The first line of a request (RFC 9112 §3): exactly `method SP target SP version CRLF`, without other white space.
struct RequestLine: Equatable {
    var method: HTTPMethod
    /// Begins with `/`, or is `*` for OPTIONS.
    @ExactText var path: String
    var query: String?
    /// The minor version, 0 or 1. Later versions of HTTP/1 are treated as 1.1 (RFC 9110 §2.5).
    var minorVersion: Int

    /// Parses the line at `position` and moves `position` to the next line.
    ///
    /// - Parameter bytes: contain a line feed at or after `position`.
    init(_ bytes: Span<UInt8>, at position: inout Int) throws(RequestError) {
        var reader = Reader(position: position)
        let methodRange = try reader.word(bytes, Byte.token, or: .malformedRequestLine)
        let targetRange = try reader.word(bytes, Byte.target, or: .malformedTarget)
        minorVersion = try reader.version(bytes)
        position = try reader.end(bytes)
        method = Self.method(bytes, methodRange)
        guard method != .other("CONNECT") else { throw .connectNotSupported }
        let (pathRange, queryRange) = try Self.target(bytes, targetRange, method)
        path = pathRange.isEmpty ? "/" : bytes.text(pathRange)
        query = queryRange.map { bytes.text($0) }
    }

    private static func method(_ bytes: Span<UInt8>, _ range: Range<Int>) -> HTTPMethod {
        switch bytes.text(range) {
        case "GET": .get
        case "HEAD": .head
        case "POST": .post
        case "PUT": .put
        case "DELETE": .delete
        case let other: .other(other)
        }
    }

    private static func target(
        _ bytes: Span<UInt8>, _ range: Range<Int>, _ method: HTTPMethod
    ) throws(RequestError) -> (path: Range<Int>, query: Range<Int>?) {
        var question: Int?
        for index in range {
            switch bytes[index] {
            case UInt8(ascii: "?"): question = question ?? index
            case UInt8(ascii: "%"):
                guard index + 2 < range.upperBound, hexadecimalValue(of: bytes[index + 1]) != nil,
                    hexadecimalValue(of: bytes[index + 2]) != nil
                else { throw .malformedTarget }
            default: break
            }
        }
        let end = question ?? range.upperBound
        let query = question.map { $0 + 1..<range.upperBound }
        if bytes[range.lowerBound] == UInt8(ascii: "/") { return (range.lowerBound..<end, query) }
        if method == .other("OPTIONS"), bytes.matches(range, "*") { return (range, nil) }
        let start = try endOfAuthority(bytes, range.lowerBound..<end)
        return (start..<end, query)
    }

    /// Skips `http://host` of a target in absolute form, which servers must accept (RFC 9112 §3.2.2). The host is
    /// ignored, because this server serves only one.
    private static func endOfAuthority(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(RequestError) -> Int {
        var start = range.lowerBound
        if range.count > 7, bytes.matches(start..<start + 7, "http://") {
            start += 7
        } else if range.count > 8, bytes.matches(start..<start + 8, "https://") {
            start += 8
        } else {
            throw .malformedTarget
        }
        var end = start
        while end < range.upperBound, bytes[end] != UInt8(ascii: "/") {
            guard Byte.host.contains(bytes[end]) else { throw .malformedTarget }
            end += 1
        }
        guard end > start else { throw .malformedTarget }
        return end
    }
}

extension RequestLine {
    private struct Reader {
        var position: Int

        /// Reads characters of `set`, then one space.
        mutating func word(
            _ bytes: Span<UInt8>, _ set: Byte.Set, or error: RequestError
        ) throws(RequestError) -> Range<Int> {
            let start = position
            while set.contains(bytes[position]) { position += 1 }
            guard position > start, bytes[position] == Byte.space else { throw fault(bytes, error) }
            defer { position += 1 }
            return start..<position
        }

        /// Reads `HTTP/` and two digits separated by a dot; returns the minor version.
        mutating func version(_ bytes: Span<UInt8>) throws(RequestError) -> Int {
            let start = position
            // The line feed at the end of the line stops this loop, so that nothing after it is read.
            while bytes[position] > Byte.space, position < start + 8 { position += 1 }
            guard position == start + 8, bytes.matches(start..<start + 5, "http/"), bytes[start] == UInt8(ascii: "H"),
                bytes[start + 1] == UInt8(ascii: "T"), bytes[start + 2] == UInt8(ascii: "T"),
                bytes[start + 3] == UInt8(ascii: "P"), bytes[start + 6] == UInt8(ascii: "."),
                let major = Self.digit(bytes[start + 5]), let minor = Self.digit(bytes[start + 7])
            else { throw fault(bytes, .malformedRequestLine) }
            guard major == 1 else { throw .unsupportedVersion }
            return min(minor, 1)
        }

        /// Reads the line ending; returns the start of the next line.
        func end(_ bytes: Span<UInt8>) throws(RequestError) -> Int {
            guard bytes[position] == Byte.carriageReturn, bytes[position + 1] == Byte.lineFeed else {
                throw fault(bytes, .malformedRequestLine)
            }
            return position + 2
        }

        /// `error`, or a more specific error about the byte at `position`.
        private func fault(_ bytes: Span<UInt8>, _ error: RequestError) -> RequestError {
            switch bytes[position] {
            case Byte.lineFeed: .bareLineFeed
            case Byte.carriageReturn where bytes[position + 1] != Byte.lineFeed: .bareCarriageReturn
            case Byte.carriageReturn, Byte.space: .malformedRequestLine
            default: error
            }
        }

        private static func digit(_ byte: UInt8) -> Int? {
            byte &- UInt8(ascii: "0") < 10 ? Int(byte - UInt8(ascii: "0")) : nil
        }
    }
}
