/// What the header fields of a request say about the end of its body and the persistence of the connection (RFC 9112
/// §6, §9).
///
/// Anything that two parsers could interpret differently is rejected, to prevent request smuggling.
struct RequestFraming {
    enum Body: Equatable {
        case none
        case length(Int)
        case chunked
    }

    private var hosts = 0
    private var contentLength: Int?
    private var hasTransferEncoding = false
    private var isChunked = false
    private var asksToClose = false
    private var asksToKeep = false
    private var expectsContinue = false

    /// Adds a field.
    mutating func add(_ bytes: Span<UInt8>, _ line: FieldLine) throws(RequestError) {
        let name = line.name
        switch name.count {
        case 4 where bytes.matches(name, "host"):
            hosts += 1
            guard hosts == 1 else { throw .repeatedHost }
            guard !line.value.isEmpty else { throw .malformedHost }
            for index in line.value where !Byte.host.contains(bytes[index]) { throw .malformedHost }
        case 6 where bytes.matches(name, "expect"):
            guard bytes.matches(line.value, "100-continue") else { throw .unknownExpectation }
            expectsContinue = true
        case 10 where bytes.matches(name, "connection"):
            parseConnection(bytes, line.value)
        case 14 where bytes.matches(name, "content-length"):
            try parseContentLength(bytes, line.value)
        case 17 where bytes.matches(name, "transfer-encoding"):
            try parseTransferEncoding(bytes, line.value)
        default: break
        }
    }

    /// The framing of the body, once all fields have been added.
    func body(minorVersion: Int, limit: Int) throws(RequestError) -> Body {
        guard hosts == 1 || minorVersion == 0 else { throw .missingHost }
        if hasTransferEncoding {
            guard minorVersion > 0 else { throw .transferEncodingBeforeHTTP11 }
            guard contentLength == nil else { throw .contentLengthAndTransferEncoding }
            return .chunked
        }
        guard let contentLength, contentLength > 0 else { return .none }
        guard contentLength <= limit else { throw .bodyTooLarge }
        return .length(contentLength)
    }

    /// Whether the connection may serve another request after this one.
    func keepsAlive(minorVersion: Int) -> Bool {
        !asksToClose && (minorVersion > 0 || asksToKeep)
    }

    /// Whether the client waits for `100 Continue` before it sends the body. HTTP/1.0 does not have it (RFC 9110
    /// §10.1.1).
    func awaitsContinue(minorVersion: Int) -> Bool {
        expectsContinue && minorVersion > 0
    }

    private mutating func parseConnection(_ bytes: Span<UInt8>, _ value: Range<Int>) {
        bytes.forEachElement(of: value) { element in
            if bytes.matches(element, "close") { asksToClose = true }
            if bytes.matches(element, "keep-alive") { asksToKeep = true }
        }
    }

    private mutating func parseContentLength(_ bytes: Span<UInt8>, _ value: Range<Int>) throws(RequestError) {
        guard !value.isEmpty else { throw .malformedContentLength }
        var length = 0
        for index in value {
            let digit = bytes[index] &- UInt8(ascii: "0")
            guard digit < 10 else { throw .malformedContentLength }
            let (product, overflow) = length.multipliedReportingOverflow(by: 10)
            // A value that overflows is too large for any limit; its exact size does not matter.
            length = overflow || product > Int.max - 9 ? Int.max / 10 * 10 : product + Int(digit)
        }
        guard contentLength == nil || contentLength == length else { throw .differingContentLengths }
        contentLength = length
    }

    private mutating func parseTransferEncoding(_ bytes: Span<UInt8>, _ value: Range<Int>) throws(RequestError) {
        hasTransferEncoding = true
        try bytes.forEachElement(of: value) { element throws(RequestError) in
            guard !element.isEmpty else { throw .malformedTransferEncoding }
            guard bytes.matches(element, "chunked") else { throw .unknownTransferCoding }
            guard !isChunked else { throw .malformedTransferEncoding }
            isChunked = true
        }
    }
}
