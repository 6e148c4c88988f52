import JSON
package import Platform

/// The `status` of a ClusterCheck, which the leader alone writes.
package struct ClusterCheckStatus: Hashable, Sendable {
    /// One of its conditions.
    package struct Condition: Hashable, Sendable {
        /// Such as `Placed`.
        @ExactText package private(set) var type: String
        /// `True`, `False` or `Unknown`.
        @ExactText package private(set) var status: String
        /// Why, in one word for machines.
        @ExactText package private(set) var reason: String
        /// Why, in a sentence; may be empty.
        @ExactText package private(set) var message: String
        /// When `status` last changed (RFC 3339).
        @ExactText package var lastTransitionTime: String
        /// The generation that it is about.
        package let observedGeneration: Int64

        /// A condition. Of a longer message, the first `ClusterCheckStatus.messageBytes` bytes are kept.
        package init(
            type: String, status: String, reason: String, message: String, lastTransitionTime: String,
            observedGeneration: Int64
        ) {
            self.type = type
            self.status = status
            self.reason = reason
            self.message = cut(message, to: ClusterCheckStatus.messageBytes)
            self.lastTransitionTime = lastTransitionTime
            self.observedGeneration = observedGeneration
        }
    }

    /// The longest message of a condition, in bytes.
    package static let messageBytes = 1024
    /// The most conditions that are kept: more are of no use to anybody.
    private static let mostConditions = 16

    /// The generation that it is about; 0 for none.
    package var observedGeneration: Int64
    /// The node that runs it; several, sorted and joined by `, `, if its instances are on different nodes. Empty for
    /// none.
    @ExactText package var node: String
    /// Since when it is there (RFC 3339); empty for none.
    @ExactText package var placedAt: String
    /// The conditions, those of others too.
    package var conditions: [Condition]

    /// A status; nothing is said unless it is given.
    package init(
        observedGeneration: Int64 = 0, node: String = "", placedAt: String = "", conditions: [Condition] = []
    ) {
        self.observedGeneration = observedGeneration
        self.node = node
        self.placedAt = placedAt
        self.conditions = conditions
    }

    /// Reads a status. What has another form than ours is left out: it is only compared, and written anew.
    init(_ json: JSONValue) {
        self.init(
            observedGeneration: json["observedGeneration"]?.integerValue ?? 0, node: json["node"]?.stringValue ?? "",
            placedAt: json["placedAt"]?.stringValue ?? "",
            conditions: (json["conditions"]?.arrayValue ?? []).prefix(Self.mostConditions).map { Condition($0) })
    }

    /// The condition of a type.
    package func condition(_ type: String) -> Condition? {
        conditions.first { $0.type.hasSameBytes(as: type) }
    }

    /// The members of `status` in a merge patch, in which null removes what was there. An empty text is left out: the
    /// schema of some API servers refuses it (kubernetes/kubernetes#99804).
    var patch: JSONValue {
        .object([
            "observedGeneration": .integer(observedGeneration), "node": node.isEmpty ? .null : .string(node),
            "placedAt": placedAt.isEmpty ? .null : .string(placedAt),
            "conditions": .array(conditions.map(\.json)),
        ])
    }
}

extension ClusterCheckStatus.Condition {
    fileprivate init(_ json: JSONValue) {
        func text(_ key: String) -> String { json[key]?.stringValue ?? "" }
        self.init(
            type: text("type"), status: text("status"), reason: text("reason"), message: text("message"),
            lastTransitionTime: text("lastTransitionTime"),
            observedGeneration: json["observedGeneration"]?.integerValue ?? 0)
    }

    fileprivate var json: JSONValue {
        var members: [ExactText: JSONValue] = [
            "type": .string(type), "status": .string(status), "reason": .string(reason), "message": .string(message),
            "lastTransitionTime": .string(lastTransitionTime),
        ].filter { $0.value != .string("") }
        if observedGeneration != 0 { members["observedGeneration"] = .integer(observedGeneration) }
        return .object(members)
    }
}
