import Glibc
import Platform

/// One keep-alive connection to loopback that sends the same bytes again and again, and allocates nothing for it.
struct LoopbackClient: ~Copyable {
    /// Why a request got no good answer.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private let descriptor: FileDescriptor
    private let request: [UInt8]
    private var buffer = [UInt8](repeating: 0, count: 65_536)
    /// Bytes of an answer; 0 before the first.
    private var length = 0

    /// Connects.
    ///
    /// - Parameters:
    ///   - head: the request line, without the version.
    ///   - body: sent along, with its length.
    init(port: UInt16, _ head: String, body: String = "") throws(Failure) {
        let number = try Self.connect(port)
        request = Array(
            """
            \(head) HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(LeadingReplica.token)\r\n\
            Content-Type: application/json\r\nAccept-Encoding: gzip\r\nUser-Agent: Go-http-client/1.1\r\n\
            Content-Length: \(body.utf8.count)\r\n\r\n\(body)
            """.utf8)
        descriptor = FileDescriptor(owning: number)
    }

    private static func connect(_ port: UInt16) throws(Failure) -> Int32 {
        let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard number >= 0 else { throw Failure(description: "socket: \(systemErrorText(errno))") }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                unsafe Glibc.connect(number, pointer, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else {
            close(number)
            throw Failure(description: "connect: \(systemErrorText(errno))")
        }
        return number
    }

    /// Sends the request and reads its answer, which must be a 200 that fits the buffer, and as long as the one before.
    mutating func exchange() throws(Failure) {
        guard unsafe write(descriptor.number, request, request.count) == request.count else {
            throw Failure(description: "write: \(systemErrorText(errno))")
        }
        var count = 0
        while count == 0 || count < length {
            let got = unsafe buffer.withUnsafeMutableBytes { bytes in
                unsafe read(descriptor.number, bytes.baseAddress?.advanced(by: count), bytes.count - count)
            }
            guard got > 0 else { throw Failure(description: "no whole answer: \(systemErrorText(errno))") }
            count += got
            if length == 0 { length = try wholeLength(count) }
        }
        guard count == length, buffer[9] == UInt8(ascii: "2") else {
            throw Failure(description: String(decoding: buffer[..<count], as: UTF8.self))
        }
    }

    /// The length of the whole answer; 0 while the first `count` bytes do not hold its head.
    private func wholeLength(_ count: Int) throws(Failure) -> Int {
        guard let end = position(of: "\r\n\r\n", before: count) else { return 0 }
        guard var digit = position(of: "Content-Length: ", before: end) else {
            throw Failure(description: "an answer without its length")
        }
        var body = 0
        while buffer[digit] >= UInt8(ascii: "0"), buffer[digit] <= UInt8(ascii: "9") {
            body = body * 10 + Int(buffer[digit] - UInt8(ascii: "0"))
            digit += 1
        }
        return end + body
    }

    /// Where `text` ends the first time within the first `count` bytes.
    private func position(of text: StaticString, before count: Int) -> Int? {
        let size = text.utf8CodeUnitCount
        guard count >= size else { return nil }
        return (0...(count - size)).first { start in
            (0..<size).allSatisfy { unsafe buffer[start + $0] == text.utf8Start[$0] }
        }.map { $0 + size }
    }
}
