extension ResponseHead {
    /// Whether the body is compressed more than once. libcurl would decode it, but a few bytes can keep it busy for as
    /// long as their sender likes.
    var isEncodedTwice: Bool {
        let fields = headers.filter { areEqualFieldNames($0.name, "Content-Encoding") }
        let encodings = fields.map(\.value).joined(separator: ",").lowercased().split(separator: ",")
            .map { $0.filter { $0 != " " && $0 != "\t" } as String }
        return encodings.count { !$0.isEmpty && $0 != "identity" } > 1
    }
}

/// Collects the header lines of a transfer. After interim responses (`1xx`) the last block is the header of the
/// response.
struct ResponseCollector {
    /// The result of one header line.
    enum Progress: Equatable {
        /// More lines follow.
        case partial
        /// The header of the response is complete.
        case complete
        /// The header exceeds `maximumHeaderBytes`.
        case tooLarge
    }

    /// The maximum size of a header block, in bytes.
    static let maximumHeaderBytes = 128 << 10

    /// The current block so far.
    private(set) var head = ResponseHead(status: 0)
    /// Whether `head` is the complete header of the response.
    private(set) var isComplete = false
    private var bytesInBlock = 0

    /// Adds a line, including its line ending, as libcurl delivers it.
    mutating func add(line bytes: some RandomAccessCollection<UInt8>) -> Progress {
        // Lines after the header are the trailer of a chunked body, which is not used.
        guard !isComplete else { return .partial }
        bytesInBlock += bytes.count
        guard bytesInBlock <= Self.maximumHeaderBytes else { return .tooLarge }
        let text = trimmed(bytes)
        if text.isEmpty { return endBlock() }
        if text.starts(with: "HTTP/".utf8) {
            head = ResponseHead(status: status(text))
            bytesInBlock = bytes.count
        } else if let colon = text.firstIndex(of: UInt8(ascii: ":")) {
            let name = String(decoding: text[..<colon], as: UTF8.self)
            let value = String(decoding: trimmed(text[text.index(after: colon)...]), as: UTF8.self)
            head.headers.append((name, value))
        }
        return .partial
    }

    private mutating func endBlock() -> Progress {
        bytesInBlock = 0
        let isInterim = (100..<200).contains(head.status) && head.status != 101
        guard !isInterim else { return .partial }
        isComplete = true
        return .complete
    }

    /// The status code after the version (RFC 9112 §4); 0 if there is none.
    private func status(_ line: some Collection<UInt8>) -> Int {
        guard let space = line.firstIndex(of: 0x20) else { return 0 }
        return Int(String(decoding: line[line.index(after: space)...].prefix(3), as: UTF8.self)) ?? 0
    }

    private func trimmed<Bytes: RandomAccessCollection<UInt8>>(_ bytes: Bytes) -> Bytes.SubSequence {
        let isSpace = { (byte: UInt8) in byte == 0x20 || byte == 0x09 || byte == 0x0D || byte == 0x0A }
        guard let last = bytes.lastIndex(where: { !isSpace($0) }) else { return bytes[bytes.endIndex...] }
        return bytes[...last].drop(while: isSpace)
    }
}
