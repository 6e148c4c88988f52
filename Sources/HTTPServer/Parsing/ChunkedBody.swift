import Platform

/// A decoder of chunked bodies (RFC 9112 §7.1). Extensions and trailers are validated, limited and discarded.
struct ChunkedBody {
    private enum Stage {
        /// In the chunk size: value and number of digits so far.
        case size(Int, digits: Int)
        /// After the chunk size, up to the end of the line.
        case extensions(size: Int, Extension)
        case sizeLineFeed(size: Int)
        case data(remaining: Int)
        case dataCarriageReturn
        case dataLineFeed
        case trailer
    }

    /// Where in the extensions of a chunk (RFC 9112 §7.1.1).
    private enum Extension {
        /// After a semicolon: a name must follow.
        case beforeName
        case text
        case quoted
        case escaped
    }

    private static let extensionLimit = 1_024
    /// 16 digits represent any 64-bit size; further digits could only be leading zeros.
    private static let digitLimit = 16

    private let limits: HTTPLimits
    private var stage = Stage.size(0, digits: 0)
    private var extensionBytes = 0
    private var trailerLine: [UInt8] = []
    private var trailerBytes = 0
    private var trailerFields = 0
    /// Whether the last chunk and the trailer have been read.
    private(set) var isComplete = false

    init(limits: HTTPLimits) {
        self.limits = limits
    }

    /// Decodes `input` from `start` and appends the data to `body`.
    ///
    /// - Returns: the index after the last decoded byte: the end of the input or of the body.
    mutating func decode(
        _ input: Span<UInt8>, from start: Int, into body: inout [UInt8]
    ) throws(RequestError) -> Int {
        var index = start
        while index < input.count, !isComplete {
            if case .data(let remaining) = stage {
                let count = min(remaining, input.count - index)
                body.append(input, index..<index + count)
                index += count
                stage = count == remaining ? .dataCarriageReturn : .data(remaining: remaining - count)
            } else {
                try consume(input[index], bodyBytes: body.count)
                index += 1
            }
        }
        return index
    }

    private mutating func consume(_ byte: UInt8, bodyBytes: Int) throws(RequestError) {
        switch stage {
        case .size(let size, let digits):
            try consumeSize(byte, size, digits, bodyBytes: bodyBytes)
        case .extensions(let size, let place):
            try consumeExtension(byte, size, place)
        case .sizeLineFeed(let size):
            guard byte == Byte.lineFeed else { throw .bareCarriageReturn }
            stage = size == 0 ? .trailer : .data(remaining: size)
        case .dataCarriageReturn:
            guard byte == Byte.carriageReturn else { throw .malformedChunk }
            stage = .dataLineFeed
        case .dataLineFeed:
            guard byte == Byte.lineFeed else { throw .bareCarriageReturn }
            stage = .size(0, digits: 0)
        case .trailer:
            try consumeTrailer(byte)
        case .data:
            break  // `decode` copies data in bulk.
        }
    }

    private mutating func consumeSize(
        _ byte: UInt8, _ size: Int, _ digits: Int, bodyBytes: Int
    ) throws(RequestError) {
        if let digit = hexadecimalValue(of: byte) {
            guard digits < Self.digitLimit else { throw .malformedChunk }
            let larger = size << 4 | Int(digit)
            // Checked at each digit, so that the size cannot overflow.
            guard larger <= limits.bodyBytes - bodyBytes else { throw .bodyTooLarge }
            stage = .size(larger, digits: digits + 1)
            return
        }
        guard digits > 0 else { throw .malformedChunk }
        switch byte {
        case Byte.carriageReturn: stage = .sizeLineFeed(size: size)
        case UInt8(ascii: ";"): stage = .extensions(size: size, .beforeName)
        case Byte.lineFeed: throw .bareLineFeed
        default: throw .malformedChunk
        }
    }

    private mutating func consumeExtension(_ byte: UInt8, _ size: Int, _ place: Extension) throws(RequestError) {
        extensionBytes += 1
        guard extensionBytes <= Self.extensionLimit else { throw .chunkExtensionsTooLarge }
        if byte == Byte.carriageReturn, place == .text {
            stage = .sizeLineFeed(size: size)
            return
        }
        guard Byte.isFieldValue(byte) else { throw byte == Byte.lineFeed ? .bareLineFeed : .malformedChunk }
        let next: Extension
        switch (place, byte) {
        case (.beforeName, 0x20), (.beforeName, 0x09): next = .beforeName
        case (.beforeName, _):
            guard Byte.token.contains(byte) else { throw .malformedChunk }
            next = .text
        case (.text, UInt8(ascii: ";")): next = .beforeName
        case (.text, UInt8(ascii: "\"")): next = .quoted
        case (.quoted, UInt8(ascii: "\"")): next = .text
        case (.quoted, UInt8(ascii: "\\")): next = .escaped
        case (.escaped, _): next = .quoted
        case (.text, _), (.quoted, _): next = place
        }
        stage = .extensions(size: size, next)
    }

    private mutating func consumeTrailer(_ byte: UInt8) throws(RequestError) {
        trailerBytes += 1
        guard trailerBytes <= limits.headerBytes else { throw .trailerTooLarge }
        trailerLine.append(byte)
        guard byte == Byte.lineFeed else { return }
        if trailerLine == [Byte.carriageReturn, Byte.lineFeed] {
            isComplete = true
            return
        }
        var position = 0
        _ = try FieldLine(trailerLine.span, at: &position)
        trailerFields += 1
        guard trailerFields <= limits.headerFields else { throw .tooManyFields }
        trailerLine.removeAll(keepingCapacity: true)
    }
}
