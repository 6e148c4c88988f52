import HTTPServer
import JSON

/// What a path asks for, its ids decoded.
enum Route: Hashable, Sendable {
    case version
    case status(id: String)
    case configs(id: String)
    case endpointsChecks(nodeName: String)
    /// A Prometheus' fetch of its targets.
    case targets(id: String)
    case allEndpointsChecks
    case state
    case overview
    case rebalance
    case isolate(checkID: String)
    case history
    case intent
    case explain(checkID: String)
    case simulate
    /// Between replicas only.
    case follow
    /// Between replicas only.
    case mirror

    /// The route of a percent-encoded path. Every path but `/version` lies under `/api/v1/` or its older spelling.
    ///
    /// - Throws: `notFound`, or `invalidPath` for an id that is not correctly encoded.
    init(path: String) throws(APIError) {
        let bytes = path.utf8.span
        let root = 8
        guard Self.has(bytes, "/api/v1/", at: 0) || Self.has(bytes, "/v1/api/", at: 0) else {
            guard path == "/version" else { throw .notFound }
            self = .version
            return
        }
        if let id = Self.segment(of: bytes, after: "clusterchecks/status/", at: root) {
            self = .status(id: try Self.decoded(path.utf8.suffix(id)))
        } else if let id = Self.segment(of: bytes, after: "clusterchecks/configs/", at: root) {
            self = .configs(id: try Self.decoded(path.utf8.suffix(id)))
        } else if let nodeName = Self.segment(of: bytes, after: "endpointschecks/configs/", at: root) {
            self = .endpointsChecks(nodeName: try Self.decoded(path.utf8.suffix(nodeName)))
        } else if let id = Self.segment(of: bytes, after: "targets/", at: root) {
            self = .targets(id: try Self.decoded(path.utf8.suffix(id)))
        } else if path.utf8.dropFirst(root).elementsEqual("endpointschecks/configs".utf8) {
            self = .allEndpointsChecks
        } else if path.utf8.dropFirst(root).elementsEqual("clusterchecks".utf8) {
            self = .state
        } else if path.utf8.dropFirst(root).elementsEqual("clusterchecks/rebalance".utf8) {
            self = .rebalance
        } else if let checkID = Self.segment(of: bytes, after: "clusterchecks/isolate/check/", at: root) {
            self = .isolate(checkID: try Self.decoded(path.utf8.suffix(checkID)))
        } else if path.utf8.dropFirst(root).elementsEqual("clusterchecks/history".utf8) {
            self = .history
        } else if path.utf8.dropFirst(root).elementsEqual("clusterchecks/intent".utf8) {
            self = .intent
        } else if path.utf8.dropFirst(root).elementsEqual("clusterchecks/simulate".utf8) {
            self = .simulate
        } else if let checkID = Self.segment(of: bytes, after: "clusterchecks/explain/check/", at: root) {
            self = .explain(checkID: try Self.decoded(path.utf8.suffix(checkID)))
        } else if path.utf8.dropFirst(root).elementsEqual("clusterchecks/overview".utf8) {
            self = .overview
        } else if path == Self.followPath {
            self = .follow
        } else if path == Self.mirrorPath {
            self = .mirror
        } else {
            throw .notFound
        }
    }

    /// Where everybody asks for the overview.
    static let overviewPath = "/api/v1/clusterchecks/overview"
    /// Where a follower asks the leader for changes. It has no older spelling.
    static let followPath = "/api/v1/clusterchecks/follow"
    /// Where a follower asks the leader for its store. It has no older spelling.
    static let mirrorPath = "/api/v1/clusterchecks/mirror"

    /// A route without what its path names: what its calls are counted by.
    enum Kind: Int, CaseIterable {
        case version, status, configs, endpointsChecks, targets, allEndpointsChecks, state, overview, rebalance, isolate
        case history, intent, explain, simulate, follow, mirror
    }

    /// Its kind.
    var kind: Kind {
        switch self {
        case .version: .version
        case .status: .status
        case .configs: .configs
        case .endpointsChecks: .endpointsChecks
        case .targets: .targets
        case .allEndpointsChecks: .allEndpointsChecks
        case .state: .state
        case .overview: .overview
        case .rebalance: .rebalance
        case .isolate: .isolate
        case .history: .history
        case .intent: .intent
        case .explain: .explain
        case .simulate: .simulate
        case .follow: .follow
        case .mirror: .mirror
        }
    }

    /// Whose token a route needs.
    enum Authority {
        /// Node-agents, runners and other replicas.
        case agents
        /// Operators, whose token also opens the agents' routes.
        case operators
        /// Operators, and other replicas, which keep what they read.
        case readers
        /// Other replicas, by a token of their own.
        case replicas
    }

    /// Whose token this route needs. Agents see what concerns them; who runs what, with all configs, is the operator's.
    var authority: Authority {
        switch self {
        case .version, .status, .configs, .endpointsChecks, .targets, .follow: .agents
        case .allEndpointsChecks, .state, .rebalance, .isolate, .history, .intent, .explain, .simulate: .operators
        case .overview: .readers
        case .mirror: .replicas
        }
    }

    /// The only method that this route takes.
    var method: HTTPMethod {
        switch self {
        case .status, .follow, .mirror, .rebalance, .isolate, .intent, .simulate: .post
        case .version, .configs, .endpointsChecks, .targets, .allEndpointsChecks, .state, .overview, .history, .explain:
            .get
        }
    }

    /// The length of what follows `prefix`, if that is one non-empty segment.
    private static func segment(of path: Span<UInt8>, after prefix: String, at offset: Int) -> Int? {
        guard has(path, prefix, at: offset) else { return nil }
        let start = offset + prefix.utf8.count
        for index in start..<path.count where path[index] == UInt8(ascii: "/") { return nil }
        return start < path.count ? path.count - start : nil
    }

    private static func has(_ path: Span<UInt8>, _ text: String, at offset: Int) -> Bool {
        let text = text.utf8.span
        guard path.count - offset >= text.count else { return false }
        for index in text.indices where path[offset + index] != text[index] { return false }
        return true
    }

    private static func decoded(_ segment: Substring.UTF8View) throws(APIError) -> String {
        do throws(PercentEncodingError) {
            return try percentDecoded(segment)
        } catch {
            switch error {
            case .incompleteEscape: throw .invalidPath(reason: "a % without two hexadecimal digits after it")
            case .notUTF8: throw .invalidPath(reason: "an id that is not UTF-8")
            }
        }
    }
}
