package import JSON
package import Platform

/// One thing that happened: what an operator reads to learn why a check is where it is.
package struct HistoryEntry: Hashable, Sendable {
    /// What happened.
    package enum Kind: String, CaseIterable, Sendable {
        /// A config is new.
        case added
        /// A config was edited. It stays where it is.
        case changed
        /// A config is no longer desired.
        case removed
        /// A config went from one node to another, or got one at last.
        case moved
        /// A config has no node.
        case dangles
        /// A node reported for the first time.
        case joined
        /// What Kubernetes says of a node changed, or how many agents report under its ID.
        case condition
        /// A node's agent left to be restarted.
        case left
        /// A node's next agent reported.
        case returned
        /// A node was removed.
        case lost
        /// An operator wants something of a check, or wants it no more.
        case intent
        /// A replica began to lead.
        case leader
        /// An operator made a call: the check is the call, the node where it came from.
        case `operator`
    }

    /// When it happened, by the leader's clock.
    package var time: WallTime
    /// What happened.
    package let kind: Kind
    /// The ID of the check that it is about, as `clusterchecks` shows it; how many checks, if they are too many to be
    /// listed; empty if it is about no check.
    @ExactText package private(set) var check: String
    /// Where the config comes from; empty if it is about no single config.
    @ExactText package private(set) var config: String
    /// The node from which a config went; empty if there was none.
    @ExactText package private(set) var from: String
    /// The node that it is about; of a config, the one that has it. Empty if there is none.
    @ExactText package private(set) var node: String
    /// Why, in a word that the metrics use too, or in a few; empty where the kind says it all.
    @ExactText package private(set) var reason: String

    /// An entry. Until it is given a time, that is 1970.
    package init(
        _ kind: Kind, check: String = "", config: String = "", from: String = "", node: String = "",
        reason: String = "", time: WallTime = WallTime(nanoseconds: 0)
    ) {
        self.time = time
        self.kind = kind
        self.check = check
        self.config = config
        self.from = from
        self.node = node
        self.reason = reason
    }

    /// Its JSON: `time` for people, `time_ms` (since 1970) for programs, and what is not empty of the rest.
    package var encoded: JSONValue {
        var members: [ExactText: JSONValue] = [
            "time": .string(timestamp(time)), "time_ms": .integer(time.nanoseconds / 1_000_000),
            "kind": .string(kind.rawValue),
        ]
        for (name, text) in [
            ("check", check), ("config", config), ("from", from), ("node", node), ("reason", reason),
        ] where !text.isEmpty { members[ExactText(name)] = .string(text) }
        return .object(members)
    }

    /// Reads what `encoded` made; nil if it is of a kind that this version does not know.
    package init?(_ json: JSONValue) {
        guard let kind = json["kind"]?.stringValue.flatMap(Kind.init(rawValue:)),
            let time = json["time_ms"]?.integerValue, (0..<Int64.max / 1_000_000).contains(time)
        else { return nil }
        func text(_ name: String) -> String { json[name]?.stringValue ?? "" }
        self.init(
            kind, check: text("check"), config: text("config"), from: text("from"), node: text("node"),
            reason: text("reason"), time: WallTime(nanoseconds: time * 1_000_000))
    }

    /// The entry in one line for people: when, and what.
    package var line: String { "\(timestamp(time))  \(what)" }

    /// What happened, in one line for people: what, who, from where, to where and why.
    package var what: String {
        // The source outlives edits, which give a check another ID.
        let source = config.prefix { $0 != "#" }
        let check = source.isEmpty ? check : "\(check) of \(source)"
        let subject =
            switch kind {
            case .moved: "\(check) \(from.isEmpty ? "" : "from \(from) ")to \(node)"
            case .added, .changed, .removed, .dangles, .intent: node.isEmpty ? check : "\(check) on \(node)"
            case .joined, .condition, .left, .returned, .lost, .leader: node
            case .operator: "\(check) from \(node)"
            }
        let width = HistoryEntry.Kind.allCases.map(\.rawValue.utf8.count).max() ?? 0
        let padding = String(repeating: " ", count: width - kind.rawValue.utf8.count + 2)
        return "\(kind)\(padding)\(subject)\(reason.isEmpty ? "" : " (\(reason))")"
    }
}
