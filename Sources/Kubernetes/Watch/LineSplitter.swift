/// Cuts a stream of bytes into lines, whatever the chunks in which it arrives; a watch has one event on each line.
///
/// It works on bytes: a chunk may end inside a UTF-8 sequence. What follows the last newline is no line.
struct LineSplitter: Sendable {
    /// The longest line of a watch (bytes): far above etcd's limit of 1.5 MiB for an object.
    static let watchLimit = 16 * 1024 * 1024

    private let limit: Int
    private var partial: [UInt8] = []

    init(limit: Int = Self.watchLimit) {
        self.limit = limit
    }

    /// Whether the stream so far ends inside a line.
    var hasPartialLine: Bool {
        !partial.isEmpty
    }

    /// The lines that `chunk` completes, without their newlines; blank lines are left out.
    ///
    /// - Throws: `KubernetesError.malformed` when a line is longer than the limit.
    mutating func append(_ chunk: [UInt8]) throws(KubernetesError) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        var start = chunk.startIndex
        while let newline = chunk[start...].firstIndex(of: UInt8(ascii: "\n")) {
            try extend(with: chunk[start..<newline])
            if partial.contains(where: { $0 > UInt8(ascii: " ") }) { lines.append(partial) }
            partial = []
            start = newline + 1
        }
        try extend(with: chunk[start...])
        return lines
    }

    private mutating func extend(with bytes: ArraySlice<UInt8>) throws(KubernetesError) {
        guard partial.count + bytes.count <= limit else {
            throw .malformed(place: "watch", reason: "a line is longer than \(limit) bytes")
        }
        partial += bytes
    }
}
