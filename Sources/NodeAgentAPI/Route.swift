import HTTPServer

/// What a path asks for. Ids are decoded.
enum Route: Hashable, Sendable {
    case version
    case status(id: String)
    case configs(id: String)
    case endpointsChecks(nodeName: String)
    case allEndpointsChecks
    case state

    /// Every path lies under the one or the other; the second is an older spelling.
    private static let roots = ["/api/v1/", "/v1/api/"]

    /// The route of a path as it came, percent-encoded.
    ///
    /// - Throws: `notFound`, or `invalidPath` for an id that is not correctly encoded.
    init(path: String) throws(APIError) {
        guard let root = Self.roots.first(where: { path.hasPrefix($0) }) else {
            guard path == "/version" else { throw .notFound }
            self = .version
            return
        }
        let rest = path.utf8.dropFirst(root.utf8.count)
        if let id = Self.segment(of: rest, after: "clusterchecks/status/") {
            self = .status(id: try Self.decoded(id))
        } else if let id = Self.segment(of: rest, after: "clusterchecks/configs/") {
            self = .configs(id: try Self.decoded(id))
        } else if let nodeName = Self.segment(of: rest, after: "endpointschecks/configs/") {
            self = .endpointsChecks(nodeName: try Self.decoded(nodeName))
        } else if rest.elementsEqual("endpointschecks/configs".utf8) {
            self = .allEndpointsChecks
        } else if rest.elementsEqual("clusterchecks".utf8) {
            self = .state
        } else {
            throw .notFound
        }
    }

    /// The only method that it takes.
    var method: HTTPMethod {
        if case .status = self { return .post }
        return .get
    }

    /// What follows `prefix`, if that is one segment and not empty.
    private static func segment(of path: Substring.UTF8View, after prefix: String) -> Substring.UTF8View? {
        guard path.starts(with: prefix.utf8) else { return nil }
        let segment = path.dropFirst(prefix.utf8.count)
        return segment.isEmpty || segment.contains(UInt8(ascii: "/")) ? nil : segment
    }

    /// The text that a segment encodes (RFC 3986 §2.1): two hexadecimal digits after each `%`, UTF-8 in the end.
    private static func decoded(_ segment: Substring.UTF8View) throws(APIError) -> String {
        guard segment.contains(UInt8(ascii: "%")) else { return String(Substring(segment)) }
        var bytes: [UInt8] = []
        var rest = segment
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else {
                throw .invalidPath(reason: "a % without two hexadecimal digits after it")
            }
            bytes.append(high << 4 | low)
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .invalidPath(reason: "an id that is not UTF-8")
        }
        return text
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        Character(UnicodeScalar(byte)).hexDigitValue.map { UInt8($0) }
    }
}
