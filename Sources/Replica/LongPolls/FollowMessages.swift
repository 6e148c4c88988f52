import CheckModel
import ClusterChecks
import JSON
import Platform

/// A follower's call to the leader: which nodes' configs have changed since a version. The leader may hold the call
/// until one does.
struct FollowRequest: Hashable, Sendable {
    /// The version up to which the follower knows everything; 0 for nothing.
    var since: UInt64
    /// The term of that version.
    @ExactText var term: String
    /// How long the leader may hold the call; milliseconds on the wire.
    var wait: Duration
    /// The nodes that called the follower since its last call, with what they run: their heartbeats.
    var heard: [NodeHeartbeat]

    /// Room for the ids of all nodes that may report.
    static let limits = JSONLimits(bytes: 1 << 20)

    init(since: UInt64, term: String, wait: Duration, heard: [NodeHeartbeat]) {
        (self.since, self.term, self.wait, self.heard) = (since, term, wait, heard)
    }

    /// - Throws: `malformedFollow`.
    init(parsing body: [UInt8]) throws(APIError) {
        let json: JSONValue
        do { json = try JSONValue(parsing: body, limits: Self.limits) } catch { throw .malformedFollow("\(error)") }
        guard let since = json["since"]?.integerValue.flatMap(UInt64.init(exactly:)) else {
            throw .malformedFollow("since is missing or not a version")
        }
        guard let term = json["term"]?.stringValue else { throw .malformedFollow("term is missing or not a string") }
        guard let wait = json["wait_ms"]?.integerValue, (0...3_600_000).contains(wait) else {
            throw .malformedFollow("wait_ms is missing or not 0 to 3600000")
        }
        guard let ids = json["heard"]?.arrayValue else { throw .malformedFollow("heard is missing or not a list") }
        let heard = ids.compactMap(\.stringValue)
        guard heard.count == ids.count else { throw .malformedFollow("heard is not a list of strings") }
        let running = json["running"]?.objectValue ?? [:]
        self.init(
            since: since, term: term, wait: .milliseconds(wait),
            heard: heard.map { NodeHeartbeat(id: $0, revision: running[ExactText($0)]?.integerValue) })
    }

    func encoded() -> [UInt8] {
        // Beside `heard`, which the release before knows.
        let running = heard.compactMap { node in node.revision.map { (ExactText(node.id), JSONValue.integer($0)) } }
        return JSONValue.object([
            "since": .number(String(since)), "term": .string(term),
            "heard": .array(heard.map { JSONValue.string($0.id) }),
            "running": .object(Dictionary(running) { $1 }),
            "wait_ms": .integer(wait.nanoseconds / 1_000_000),
        ]).encoded()
    }
}

/// The leader's answer to a follower.
struct FollowAnswer: Hashable, Sendable {
    /// The version up to which the follower now knows everything.
    var version: UInt64
    /// Whether nodes that are not named are unknown; otherwise they have not changed.
    var isWhole: Bool
    /// The revision that each node should run; nil for a node that is no longer known.
    var revisions: [ExactText: Int64?]

    private static let limits = JSONLimits(bytes: 16 << 20, keyBytes: 2_000)

    init(version: UInt64, isWhole: Bool, revisions: [ExactText: Int64?]) {
        (self.version, self.isWhole, self.revisions) = (version, isWhole, revisions)
    }

    /// Nil for a body that is not a leader's answer.
    init?(parsing body: [UInt8]) {
        guard let json = try? JSONValue(parsing: body, limits: Self.limits),
            let version = json["version"]?.integerValue.flatMap(UInt64.init(exactly:)),
            let isWhole = json["whole"]?.boolValue, let members = json["revisions"]?.objectValue
        else { return nil }
        var revisions: [ExactText: Int64?] = [:]
        for (node, value) in members {
            guard value == .null || value.integerValue != nil else { return nil }
            revisions.updateValue(value.integerValue, forKey: node)
        }
        self.init(version: version, isWhole: isWhole, revisions: revisions)
    }

    func encoded() -> [UInt8] {
        JSONValue.object([
            "version": .number(String(version)), "whole": .bool(isWhole),
            "revisions": .object(revisions.mapValues { $0.map(JSONValue.integer) ?? .null }),
        ]).encoded()
    }
}
