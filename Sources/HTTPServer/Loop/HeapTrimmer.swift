import CLinux
import Platform

/// Gives memory back to the system after many connections have come or gone.
///
/// When many clients connect at once (all node-agents, after a leader change) each TLS handshake holds two buffers of 17 kB. They
/// are freed when it is done, but lie between smaller blocks that stay, so that the C library keeps them: 45 kB for each connection,
/// of which 16 kB are in use. `malloc_trim` releases the whole pages between; it takes some milliseconds for thousands of connections.
struct HeapTrimmer {
    /// Fewer changes than this leave little behind.
    private static let connections = 8
    private static let quiet = Duration.milliseconds(300)
    private static let interval = Duration.seconds(1)

    private var changes = 0
    private var lastChange = Instant.distantPast
    private var lastTrim = Instant.distantPast

    /// A handshake was done or a connection ended.
    mutating func noteChange(at now: Instant) {
        changes += 1
        lastChange = now
    }

    /// When to trim next, if there is a reason.
    var deadline: Instant? {
        guard changes >= Self.connections else { return nil }
        return max(lastChange + Self.quiet, lastTrim + Self.interval)
    }

    /// Whether the time has come; then the reason is gone.
    mutating func isDue(at now: Instant) -> Bool {
        guard let deadline, deadline <= now else { return false }
        changes = 0
        lastTrim = now
        return true
    }

    /// Does it.
    func trim() {
        malloc_trim(0)
    }
}
