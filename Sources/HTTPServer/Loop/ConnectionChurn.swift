import Platform

/// Decides when enough connections have opened or closed to give their freed memory back to the system.
///
/// When many clients connect at once (all node-agents, after a leader change) each TLS handshake holds two buffers of
/// 17 kB. They are freed when it is done, but lie between smaller blocks that stay, so that the C library keeps them:
/// 45 kB for each connection, of which 16 kB are in use.
struct ConnectionChurn {
    /// Fewer changes than this leave little behind.
    private static let connections = 8
    private static let quiet = Duration.milliseconds(300)
    private static let interval = Duration.seconds(1)

    private var changes = 0
    private var lastChange = Instant.distantPast
    private var lastCleanup = Instant.distantPast

    /// A handshake was done or a connection ended.
    mutating func noteChange(at now: Instant) {
        changes += 1
        lastChange = now
    }

    /// When to give memory back; nil if too little has changed.
    var deadline: Instant? {
        guard changes >= Self.connections else { return nil }
        return max(lastChange + Self.quiet, lastCleanup + Self.interval)
    }

    /// Whether the deadline has passed; if so, starts to count anew.
    mutating func isDue(at now: Instant) -> Bool {
        guard let deadline, deadline <= now else { return false }
        changes = 0
        lastCleanup = now
        return true
    }
}
