import Platform

/// Why a test cannot go on.
package struct TestFailure: Error, CustomStringConvertible {
    package let description: String

    /// A failure for this reason.
    package init(_ reason: String) {
        description = reason
    }
}

/// Asks again and again, at least every 20 ms, until there is an answer.
///
/// What counts is the time that asking took and the pauses that were meant, not how late the executor came back: with
/// a thousand tests on two threads one pause may last half a minute, and what is waited for has stood still as well.
///
/// - Parameters:
///   - limit: many times what a healthy machine needs: a test must not fail because the machine is slow.
///   - what: what is waited for, for the failure's text; evaluated only then.
///   - answer: nil while it is not there.
/// - Throws: `TestFailure` after `limit`, and what `answer` throws.
@discardableResult
package func eventually<Answer>(
    within limit: Duration = .seconds(60), _ what: @autoclosure () -> String = "a condition",
    _ answer: () async throws -> Answer?
) async throws -> Answer {
    let clock = SystemClock()
    var waited = Duration.zero
    var pause = Duration.milliseconds(1)
    while true {
        let asked = clock.now()
        if let answer = try await answer() { return answer }
        waited += clock.now() - asked + pause
        guard waited < limit else { throw TestFailure("waited \(limit) in vain for \(what())") }
        try await clock.sleep(until: clock.now() + pause)
        pause = min(pause * 2, .milliseconds(20))
    }
}

/// Waits until a condition holds.
///
/// - Throws: `TestFailure` after `limit`, and what `condition` throws.
package func eventually(
    within limit: Duration = .seconds(60), _ what: @autoclosure () -> String = "a condition",
    _ condition: () async throws -> Bool
) async throws {
    _ = try await eventually(within: limit, what()) { () -> Void? in try await condition() ? () : nil }
}
