import CLinux
import Glibc
import Synchronization

/// The write end of the pipe, for the handler: a signal handler may only use atomics and async-signal-safe calls such
/// as `write`.
private let signalPipe = Atomic<Int32>(-1)

/// Termination signals that tasks can await.
final class Signals: Sendable {
    private let received = Watched<Int32?>(nil)

    /// Handles SIGTERM, SIGINT and SIGHUP from now on, and ignores SIGPIPE. A SIGHUP that is ignored stays so. Create
    /// one per process.
    ///
    /// A second signal ends the process at once, with the exit status that shells expect (128 + signal).
    ///
    /// - Throws: `SystemCallError` if the system has no descriptors or no thread for it: the process could not be
    ///   stopped.
    init() throws(SystemCallError) {
        signal(SIGPIPE, SIG_IGN)
        var ends: [Int32] = [-1, -1]
        guard unsafe clinux_pipe(&ends) == 0 else { throw SystemCallError("pipe2") }
        signalPipe.store(ends[1], ordering: .sequentiallyConsistent)
        let reading = ends[0]
        let received = received
        let thread = try NamedThread("signals") {
            while let number = Self.readNumber(from: reading) {
                if received.value != nil { _exit(128 + number) }
                received.set(number)
            }
        }
        thread.detach()
        for number in [SIGTERM, SIGINT, SIGHUP] {
            let former = signal(number) { number in
                var byte = UInt8(truncatingIfNeeded: number)
                let saved = errno
                _ = unsafe write(signalPipe.load(ordering: .relaxed), &byte, 1)
                errno = saved
            }
            // As nohup(1) wants it.
            let isIgnored = unsafe unsafeBitCast(former, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
            if number == SIGHUP, isIgnored {
                signal(SIGHUP, SIG_IGN)
            }
        }
    }

    /// Waits for the first termination signal and returns its number.
    ///
    /// - Throws: `CancellationError` if the task is cancelled first.
    func termination() async throws -> Int32 {
        var seen = received.current
        while true {
            if let number = seen.value { return number }
            seen = try await received.next(after: seen.version)
        }
    }

    private static func readNumber(from descriptor: Int32) -> Int32? {
        var byte: UInt8 = 0
        while true {
            let count = unsafe read(descriptor, &byte, 1)
            if count == 1 { return Int32(byte) }
            guard count < 0, errno == EINTR else { return nil }
        }
    }
}
