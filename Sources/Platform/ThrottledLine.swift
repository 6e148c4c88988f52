/// A line of the log about what may happen at any rate: written once in ten seconds at most, each time with how often
/// it has happened since the last one.
package struct ThrottledLine: Sendable {
    private static let pause = Duration.seconds(10)

    private var count = 0
    private var written = Instant.distantPast

    package init() {}

    /// Counts one more.
    ///
    /// - Returns: how often it has happened since the last line, with this time; nil if no line is due.
    package mutating func note(at now: Instant) -> Int? {
        count += 1
        guard now - written >= Self.pause else { return nil }
        defer { (count, written) = (0, now) }
        return count
    }
}
