import Glibc

/// The threads that run Swift's tasks.
///
/// Where the system has no thread left, libdispatch asks for one again every second and for ever
/// (`_dispatch_root_queue_poke_slow`): no task runs, and the thread that started one is stuck.
enum TaskPool {
    /// Returns once a task has run. If none does within `limit`, the process logs why and exits with status 1.
    ///
    /// - Throws: `SystemCallError` if the system has no thread to watch from.
    static func requireThread(within limit: Duration, log: Log) async throws(SystemCallError) {
        let hasRun = Watched(false)
        try NamedThread("start watchdog") {
            let end = SystemClock().now() + limit
            while SystemClock().now() < end {
                if hasRun.value { return }
                usleep(10_000)
            }
            log.error("cannot start: the system starts no thread to run tasks: check the limit on threads")
            log.flush(within: .seconds(1))
            _exit(1)
        }.detach()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { hasRun.set(true) }
        }
    }
}
