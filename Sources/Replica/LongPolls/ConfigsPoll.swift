import HTTPServer
import Platform

/// A node-agent's call that waits for its configs to change: `GET …/configs/{id}?last_change=N&wait=SECONDS`.
struct ConfigsPoll: Sendable {
    /// The node.
    let node: String
    /// The path, with which a follower asks the leader.
    let path: String
    /// The revision that the node-agent runs.
    let lastChange: Int64
    /// How long it may wait.
    let wait: Duration

    /// Reads the query; nil without `wait`, for a call that is answered at once.
    ///
    /// - Throws: `invalidQuery`.
    init?(_ request: HTTPRequest, node: String) throws(APIError) {
        let fields = (request.query ?? "").split(separator: "&")
        guard let wait = try Self.value(of: "wait", in: fields) else { return nil }
        guard let lastChange = try Self.value(of: "last_change", in: fields) else {
            throw .invalidQuery(reason: "wait without last_change")
        }
        guard let revision = Int64(lastChange), String(revision) == lastChange else {
            throw .invalidQuery(reason: "last_change is not a 64-bit integer")
        }
        guard let duration = Self.duration(wait) else {
            throw .invalidQuery(reason: "wait is not a number of seconds, such as 10 or 9.125")
        }
        (self.node, path, self.lastChange, self.wait) = (node, request.path, revision, duration)
    }

    private static func value(of name: String, in fields: [Substring]) throws(APIError) -> Substring? {
        let values = fields.filter { $0 == name || $0.hasPrefix("\(name)=") }.map { $0.dropFirst(name.utf8.count + 1) }
        guard values.count <= 1 else { throw .invalidQuery(reason: "\(name) is given twice") }
        return values.first
    }

    /// Seconds, with up to three decimals.
    private static func duration(_ text: Substring) -> Duration? {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let areDigits = parts.allSatisfy { part in
            !part.isEmpty && part.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        }
        guard areDigits, parts[0].utf8.count <= 9, let seconds = Int64(parts[0]) else { return nil }
        guard parts.count == 2 else { return .seconds(seconds) }
        guard parts[1].utf8.count <= 3, let fraction = Int64(parts[1]) else { return nil }
        return .seconds(seconds) + .milliseconds(fraction * [100, 10, 1][parts[1].utf8.count - 1])
    }
}
