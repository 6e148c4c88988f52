package import JSON
import Platform

/// A result as it is by now.
package struct ShownResult: Sendable {
    /// What the agent said.
    package let result: CheckResult
    /// How long ago that was, or the agent last said that nothing has changed.
    package let age: Duration
    /// For how long it has been up, or down.
    package let lasted: Duration
    /// How long ago it last succeeded, as far as is known; nil if it never has.
    package let lastSuccess: Duration?
    /// Whether nothing has been heard of it for three periods.
    package let isStale: Bool

    /// A result as it is by now.
    package init(result: CheckResult, age: Duration, lasted: Duration, lastSuccess: Duration?, isStale: Bool) {
        self.result = result
        self.age = age
        self.lasted = lasted
        self.lastSuccess = lastSuccess
        self.isStale = isStale
    }

    /// The result in an answer to people. Times are in seconds before the answer was made.
    package var json: JSONValue {
        var members: [ExactText: JSONValue] = [
            "up": .bool(result.isUp), "stale": .bool(isStale), "age": .integer(Int64(age.seconds)),
            "lasted": .integer(Int64(lasted.seconds)),
            "took_ms": .integer(result.duration.nanoseconds / 1_000_000),
        ]
        if !result.isUp { members["kind"] = .string(result.kind) }
        if !result.reason.isEmpty { members["reason"] = .string(result.reason) }
        if let lastSuccess { members["succeeded"] = .integer(Int64(lastSuccess.seconds)) }
        return .object(members)
    }
}
