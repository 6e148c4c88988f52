import Glibc

/// Bytes and character sets of the HTTP grammar.
enum Byte {
    static let tab = UInt8(ascii: "\t")
    static let lineFeed = UInt8(ascii: "\n")
    static let carriageReturn = UInt8(ascii: "\r")
    static let space = UInt8(ascii: " ")
    static let delete: UInt8 = 0x7F

    /// A set of ASCII characters as a bitmap of 128 bits, tested without a memory access.
    struct Set: Sendable {
        let low: UInt64
        let high: UInt64

        @inline(__always)
        func contains(_ byte: UInt8) -> Bool {
            let bits = byte < 64 ? low : high
            return byte < 128 && bits >> UInt64(byte & 63) & 1 == 1
        }
    }

    /// `tchar` (RFC 9110 §5.6.2): letters, digits and ``!#$%&'*+-.^_`|~``.
    @inline(__always)
    static var token: Set {
        Set(low: 0x03FF_6CFA_0000_0000, high: 0x57FF_FFFF_C7FF_FFFE)
    }

    /// The characters of a request target: letters, digits and `-._~:/?@!$&'()*+,;=%[]`, which are the unreserved and
    /// reserved characters of RFC 3986 and `%`, without `#` for the fragment.
    @inline(__always)
    static var target: Set {
        Set(low: 0xAFFF_FFF2_0000_0000, high: 0x47FF_FFFE_AFFF_FFFF)
    }

    /// The characters of an authority without user information: letters, digits and `-._~!$&'()*+;=:%[]`. A comma is
    /// excluded because it would look like two hosts.
    @inline(__always)
    static var host: Set {
        Set(low: 0x2FFF_6FF2_0000_0000, high: 0x47FF_FFFE_AFFF_FFFE)
    }

    /// Whether a field value may contain the byte: visible characters, space, tab and, as RFC 9110 §5.5 requires, bytes
    /// above ASCII.
    @inline(__always)
    static func isFieldValue(_ byte: UInt8) -> Bool {
        byte >= space && byte != delete || byte == tab
    }

    /// The byte in ASCII lower case.
    @inline(__always)
    static func lowered(_ byte: UInt8) -> UInt8 {
        byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
    }
}

extension Span where Element == UInt8 {
    /// Whether the bytes in `range` equal `text`, which is in lower case, ignoring case.
    func matches(_ range: Range<Int>, _ text: StaticString) -> Bool {
        guard range.count == text.utf8CodeUnitCount else { return false }
        return text.withUTF8Buffer { text in
            for index in 0..<range.count {
                guard unsafe Byte.lowered(self[range.lowerBound + index]) == text[index] else { return false }
            }
            return true
        }
    }

    /// The index of the first line feed at or after `start`.
    func lineFeed(from start: Int) -> Int? {
        unsafe withUnsafeBufferPointer { bytes in
            guard start < bytes.count, let base = bytes.baseAddress,
                let found = unsafe memchr(base + start, Int32(Byte.lineFeed), bytes.count - start)
            else { return nil }
            return unsafe UnsafeRawPointer(found) - UnsafeRawPointer(base)
        }
    }

    /// The bytes in `range` as text.
    func text(_ range: Range<Int>) -> String {
        unsafe extracting(range).withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }

    /// `range` without leading and trailing spaces and tabs.
    func trimmed(_ range: Range<Int>) -> Range<Int> {
        var (start, end) = (range.lowerBound, range.upperBound)
        while start < end, self[start] == Byte.space || self[start] == Byte.tab { start += 1 }
        while end > start, self[end - 1] == Byte.space || self[end - 1] == Byte.tab { end -= 1 }
        return start..<end
    }

    /// Calls `body` with each element of a comma-separated list in `range`, trimmed, including empty ones.
    func forEachElement<Failure: Error>(
        of range: Range<Int>, _ body: (Range<Int>) throws(Failure) -> Void
    ) throws(Failure) {
        var start = range.lowerBound
        for index in range where self[index] == UInt8(ascii: ",") {
            try body(trimmed(start..<index))
            start = index + 1
        }
        try body(trimmed(start..<range.upperBound))
    }
}

extension [UInt8] {
    /// Appends the bytes in `range` of `bytes`.
    mutating func append(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        unsafe bytes.extracting(range).withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }
}
