import Glibc

/// The limit on open file descriptors (`RLIMIT_NOFILE`), and the part of it that inbound connections may use.
///
/// A flood of connections must not exhaust the descriptors with which a replica renews its Lease, reads files and
/// forwards requests. Nor may it take the last one: libdispatch, which runs Swift's tasks, reads `/proc` for its
/// threads every second and aborts a process that cannot open it (`_dispatch_workq_monitor_pools`).
package enum DescriptorLimit {
    /// Descriptors that inbound connections leave for everything else; a quarter of the limit where that is less.
    private static let reserve = 256

    /// Raises the soft limit to `count`, or to the hard limit if that is lower. Container runtimes often start
    /// processes with a soft limit of 1,024 and a much higher hard limit, for programs that use select(2), which this
    /// one does not.
    ///
    /// - Returns: the resulting soft limit, which is never lower than before.
    package static func raise(toAtLeast count: Int) -> Int {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1_024 }
        let soft = limit.rlim_cur
        guard soft < rlim_t(count) else { return Int(clamping: soft) }
        limit.rlim_cur = min(rlim_t(count), limit.rlim_max)
        guard unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return Int(clamping: soft)
        }
        return Int(clamping: limit.rlim_cur)
    }

    /// The limit that this many connections need: with the reserve, and as much again for descriptors that are already
    /// open.
    package static func needed(for connections: Int) -> Int {
        connections + 2 * reserve
    }

    /// The number up to which the few connections of probes and metrics go: into half of the reserve.
    package static func reservedCeiling(of limit: Int) -> Int {
        limit - (limit - ceiling(of: limit)) / 2
    }

    /// The number at which the reserve begins. The system gives each new descriptor the lowest free number, so a number
    /// at or above this one means that at least this many descriptors are open.
    package static func ceiling(of limit: Int) -> Int {
        limit - min(reserve, limit / 4)
    }
}
