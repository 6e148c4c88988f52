package import JSON
package import Platform

/// What an agent knows of one instance that it runs, at the moment at which it says so. All times are counted back from
/// that moment, since clocks of different machines do not agree.
package struct CheckResult: Hashable, Sendable {
    /// The check ID.
    @ExactText package private(set) var id: String
    /// Whether the last run succeeded.
    package let isUp: Bool
    /// The kind of failure, in one word such as `timeout`; empty while it is up.
    @ExactText package private(set) var kind: String
    /// Why it failed, in a line without secrets; empty while it is up.
    @ExactText package private(set) var reason: String
    /// For how long it has been up, or down.
    package let lasted: Duration
    /// How long ago it last succeeded; nil if it never has.
    package let lastSuccess: Duration?
    /// How long the last run took.
    package let duration: Duration
    /// How long until the next run; nil if that is not known.
    package let nextRun: Duration?

    /// The longest reason that is sent and read, in bytes.
    package static let longestReason = 300
    /// The longest check ID that is sent and kept, in bytes: of an instance with a longer one nothing is told.
    package static let longestID = 4_096
    private static let longestKind = 32
    /// Longer ago than anything that is told.
    private static let longest: Int64 = 100 * 366 * 86_400_000

    /// A result. A longer kind or reason is cut.
    package init(
        id: String, isUp: Bool, kind: String = "", reason: String = "", lasted: Duration = .zero,
        lastSuccess: Duration? = nil, duration: Duration = .zero, nextRun: Duration? = nil
    ) {
        self.isUp = isUp
        self.lasted = lasted
        self.lastSuccess = lastSuccess
        self.duration = duration
        self.nextRun = nextRun
        self.id = id
        self.kind = cut(kind, to: Self.longestKind)
        self.reason = cut(reason, to: Self.longestReason)
    }

    /// The result on the wire; what is not known is left out.
    package var json: JSONValue {
        var members: [ExactText: JSONValue] = [
            "id": .string(id), "up": .bool(isUp), "lasted_ms": Self.milliseconds(lasted),
            "took_ms": Self.milliseconds(duration),
        ]
        if !kind.isEmpty { members["kind"] = .string(kind) }
        if !reason.isEmpty { members["reason"] = .string(reason) }
        if let lastSuccess { members["succeeded_ms"] = Self.milliseconds(lastSuccess) }
        if let nextRun { members["next_ms"] = Self.milliseconds(nextRun) }
        return .object(members)
    }

    private static func milliseconds(_ duration: Duration) -> JSONValue {
        .integer(max(0, duration.nanoseconds / 1_000_000))
    }

    /// Reads what `json` made; nil for anything else. The reason is scrubbed again: whoever has the agents' token may
    /// have written it.
    init?(_ json: JSONValue) {
        func time(_ key: String) -> Duration? {
            guard let count = json[key]?.integerValue, (0...Self.longest).contains(count) else { return nil }
            return .milliseconds(count)
        }
        let (kind, reason) = (json["kind"]?.stringValue ?? "", json["reason"]?.stringValue ?? "")
        guard let id = json["id"]?.stringValue, !id.isEmpty, id.utf8.count <= Self.longestID,
            let isUp = json["up"]?.boolValue, let lasted = time("lasted_ms"), let duration = time("took_ms")
        else { return nil }
        self.init(
            id: id, isUp: isUp, kind: kind, reason: Scrubbing.scrubbed(reason),
            lasted: lasted,
            lastSuccess: time("succeeded_ms"), duration: duration, nextRun: time("next_ms"))
    }
}
