import Glibc

/// How many descriptors the process may have (`RLIMIT_NOFILE`), and how many of them connections from outside may take.
///
/// A flood of connections must not take the descriptors with which a replica renews its Lease, reads its files or forwards calls. Nor may it
/// take the last one: libdispatch, which runs Swift's tasks, looks at its threads in `/proc` each second, and ends a process that cannot open
/// them (`_dispatch_workq_monitor_pools`).
package enum DescriptorLimit {
    /// What connections from outside leave for everything else, or a quarter of the limit where it is low.
    private static let reserve = 256

    /// Raises the soft limit to `count`, as far as the hard limit allows. Container runtimes often start processes with a soft limit of 1,024
    /// and a far higher hard one, for the sake of programs that use select(2), as we do not.
    ///
    /// - Returns: the soft limit, which is never lowered.
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

    /// The limit that so many connections need: with the reserve, and as much again for what is open already when they come.
    package static func needed(for connections: Int) -> Int {
        connections + 2 * reserve
    }

    /// Where the reserve begins: the system gives each new descriptor the lowest number that is free, so that one with this number or a higher
    /// one means that at least so many are open.
    package static func ceiling(of limit: Int) -> Int {
        limit - min(reserve, limit / 4)
    }
}
