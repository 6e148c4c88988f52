import CheckModel
import HTTPServer
import Platform

/// What an operator wants to know of the history: `?since=SECONDS&check=TEXT&node=ID`, each of them optional.
struct HistoryQuery: Hashable, Sendable {
    /// How long ago the oldest entry may have been.
    private var since: Duration?
    /// What is part of the check ID, or of where the config comes from.
    @ExactText private var check = ""
    /// The node that the entry is about, or from which a config went.
    @ExactText private var node = ""

    /// The most that can be asked for: a hundred years.
    private static let longest: Int64 = 3_155_760_000

    /// - Throws: `invalidQuery`.
    init(_ request: HTTPRequest) throws(APIError) {
        for (name, value) in try request.queryParameters() {
            switch name {
            case "since":
                guard let seconds = Int64(value), (0...Self.longest).contains(seconds) else {
                    throw .invalidQuery(reason: "since is not a number of seconds")
                }
                since = .seconds(seconds)
            case "check": check = value
            case "node": node = value
            default: throw .invalidQuery(reason: "it takes since, check and node")
            }
        }
    }

    /// The entries that are asked for, at a time.
    func matching(_ entries: [HistoryEntry], at now: WallTime) -> [HistoryEntry] {
        let oldest = since.map { WallTime(nanoseconds: now.nanoseconds - $0.nanoseconds) }
        return entries.filter { entry in
            if let oldest, entry.time < oldest { return false }
            let isOfCheck = check.isEmpty || entry.check.contains(check) || entry.config.contains(check)
            return isOfCheck && (node.isEmpty || [entry.node, entry.from].contains { $0.hasSameBytes(as: node) })
        }
    }
}
