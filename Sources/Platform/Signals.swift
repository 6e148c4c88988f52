import CLinux
import Glibc
import Synchronization

/// The pipe's writing end, for the handler: a signal handler may touch nothing else than an atomic and `write`.
private let signalPipe = Atomic<Int32>(-1)

/// Termination signals as a value that tasks can wait for.
package final class Signals: Sendable {
    private let received = Watched<Int32?>(nil)

    /// Takes SIGTERM and SIGINT from now on, and ignores SIGPIPE. Make one for each process.
    ///
    /// A second signal ends the process at once, with the status that the shell expects (128 + signal).
    package init() {
        signal(SIGPIPE, SIG_IGN)
        var ends: [Int32] = [-1, -1]
        guard unsafe clinux_pipe(&ends) == 0 else { return }
        signalPipe.store(ends[1], ordering: .sequentiallyConsistent)
        let reading = ends[0]
        let received = received
        let thread = NamedThread("signals") {
            while let number = Self.readNumber(from: reading) {
                if received.value != nil { _exit(128 + number) }
                received.set(number)
            }
        }
        guard thread != nil else { return }
        for number in [SIGTERM, SIGINT] {
            signal(number) { number in
                var byte = UInt8(truncatingIfNeeded: number)
                let saved = errno
                _ = unsafe write(signalPipe.load(ordering: .relaxed), &byte, 1)
                errno = saved
            }
        }
    }

    /// Returns the number of the first termination signal as soon as there is one.
    ///
    /// - Throws: `CancellationError` if the task is cancelled first.
    package func termination() async throws -> Int32 {
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
