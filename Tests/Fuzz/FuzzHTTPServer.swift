#if canImport(HTTPServer)
    @testable import HTTPServer
#endif

/// What a connection made of some bytes.
private struct Result: Equatable {
    var requests: [String] = []
    var error: RequestError?
    var output: [UInt8] = []
    var firstBody: [UInt8]?
}

/// Feeds the input whole and in pieces, whose length the first byte gives: both must read the same requests, refuse for
/// the same reason, and answer alike. Odd requests are answered late. A first request that is taken must have the body
/// that a decoder as simple as can be finds in it.
func fuzzHTTPServer(_ input: [UInt8]) {
    guard let first = input.first else { return }
    let bytes = Array(input.dropFirst())
    let whole = result(bytes, pieces: bytes.count)
    precondition(whole == result(bytes, pieces: Int(first % 16) + 1), "read otherwise in pieces")
    if let body = whole.firstBody { precondition(simplyDecoded(bytes, body), "a body is not what its bytes say") }
}

/// Whether the body of the first request of `bytes` is `body`: as many bytes as Content-Length has, or chunks of plain
/// hexadecimal sizes.
private func simplyDecoded(_ bytes: [UInt8], _ body: [UInt8]) -> Bool {
    let skipped = bytes.starts(with: [13, 10]) ? 2 : 0
    guard let end = bytes.indices.dropFirst(skipped).first(where: { bytes[$0...].starts(with: [13, 10, 13, 10]) })
    else {
        return false
    }
    let head = String(decoding: bytes[skipped..<end], as: UTF8.self).lowercased()
    var rest = bytes[(end + 4)...]
    guard head.contains("\r\ntransfer-encoding:") else { return rest.starts(with: body) }
    var decoded: [UInt8] = []
    while let lineEnd = rest.indices.first(where: { rest[$0...].starts(with: [13, 10]) }) {
        let digits = String(decoding: rest[..<lineEnd].prefix { $0 != UInt8(ascii: ";") }, as: UTF8.self)
        guard digits.utf8.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit }), let size = Int(digits, radix: 16),
            size < bytes.count
        else { return false }
        if size == 0 { return decoded == body }
        decoded += rest[(lineEnd + 2)...].prefix(size)
        rest = rest[(lineEnd + 2)...].dropFirst(size)
        guard rest.starts(with: [13, 10]) else { return false }
        rest = rest.dropFirst(2)
    }
    return false
}

private func result(_ bytes: [UInt8], pieces length: Int) -> Result {
    var limits = HTTPLimits()
    limits.headerBytes = 300
    limits.headerFields = 5
    limits.bodyBytes = 100
    limits.pipelinedRequests = 3
    var state = ConnectionState(limits: limits, peer: PeerAddress(host: "192.0.2.1", port: 1))
    var result = Result()
    var late: [UInt64] = []
    var start = 0
    while start < bytes.count, state.wantsInput {
        let end = min(bytes.count, start + max(1, length))
        let piece = Array(bytes[start..<end])
        start = end
        var error = state.receive(piece.span) { answer($0, $1, &result, &late) }
        flush(&state, &result)
        while !late.isEmpty {
            state.respond(late.removeFirst(), .text(200, "late"))
            flush(&state, &result)
            while state.canResume {
                error = error ?? state.resume { answer($0, $1, &result, &late) }
                flush(&state, &result)
            }
        }
        result.error = result.error ?? error
    }
    return result
}

private func answer(
    _ sequence: UInt64, _ request: HTTPRequest, _ result: inout Result, _ late: inout [UInt64]
) -> HTTPResponse? {
    precondition(request.body.count <= 100 && request.headers.fields.count <= 5, "beyond the limits")
    result.requests.append(
        "\(request.method) \(request.path) \(request.query ?? "-") \(request.headers.fields) \(request.body)")
    if sequence == 0 { result.firstBody = request.body }
    guard sequence % 2 == 1 else { return .json([request.body]) }
    late.append(sequence)
    return nil
}

private func flush(_ state: inout ConnectionState, _ result: inout Result) {
    var buffer: [UInt8] = []
    while state.nextWrite(into: &buffer, date: []) == .bytes {
        // Whether a 100 is said depends on how much of the body is there.
        let interim = ResponseEncoder.continueBytes
        result.output += buffer.suffix(interim.count) == interim[...] ? buffer.dropLast(interim.count) : buffer[...]
        buffer = []
    }
}
