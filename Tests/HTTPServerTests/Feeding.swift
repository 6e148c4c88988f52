@testable import HTTPServer

/// What a parser made of some bytes.
struct ParseResult: Equatable, CustomStringConvertible {
    var requests: [String] = []
    var error: RequestError?
    var isWaiting = false

    var description: String {
        requests.joined(separator: " | ") + (error.map { " ! \($0)" } ?? "") + (isWaiting ? " …" : "")
    }
}

enum Feeding {
    static let peer = PeerAddress(host: "192.0.2.7", port: 4_711)

    /// Parses `bytes`, given to the parser in pieces that end at `ends`.
    static func parse(_ bytes: [UInt8], splitAt ends: [Int], limits: HTTPLimits = HTTPLimits()) -> ParseResult {
        var parser = RequestParser(limits: limits, peer: peer)
        var result = ParseResult()
        var start = 0
        for end in ends + [bytes.count] where end > start {
            let piece = Array(bytes[start..<end])
            var position = 0
            do throws(RequestError) {
                while let parsed = try parser.parse(piece.span, at: &position) {
                    result.requests.append(describe(parsed))
                }
            } catch {
                result.error = error
                return result
            }
            start = end
        }
        result.isWaiting = parser.position != .betweenRequests
        return result
    }

    /// What every way of cutting `text` in two, and cutting it into single bytes, gives; one result if all agree.
    static func parseEveryWay(_ text: String, limits: HTTPLimits = HTTPLimits()) -> [ParseResult] {
        let bytes = Array(text.utf8)
        var results = [parse(bytes, splitAt: [], limits: limits)]
        let ways = bytes.indices.map { [$0] } + [Array(bytes.indices)]
        for way in ways {
            let result = parse(bytes, splitAt: way, limits: limits)
            if !results.contains(result) { results.append(result) }
        }
        return results
    }

    static func describe(_ parsed: RequestParser.Parsed) -> String {
        let request = parsed.request
        var text = "\(name(request.method)) \(request.path)"
        if let query = request.query { text += " ?\(query)" }
        text += parsed.isHTTP10 ? " 1.0" : " 1.1"
        if !parsed.keepsAlive { text += " close" }
        for field in request.headers.fields where field.name.lowercased() != "host" {
            text += " [\(field.name)=\(field.value)]"
        }
        if !request.body.isEmpty { text += " <\(String(decoding: request.body, as: UTF8.self))>" }
        return text
    }

    static func name(_ method: HTTPMethod) -> String {
        switch method {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .delete: "DELETE"
        case .other(let name): "\(name)*"
        }
    }
}
