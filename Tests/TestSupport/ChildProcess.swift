package import Glibc
import Platform
import Synchronization
import TestKit

/// A process that a test started: its output goes to a file, and it is ended, at the latest, when this object goes.
package final class ChildProcess: Sendable {
    /// How a process ended.
    package enum End: Equatable, Sendable {
        /// It exited with this status.
        case exited(Int32)
        /// This signal ended it.
        case signalled(Int32)
    }

    /// Its id.
    package let id: pid_t
    /// The file that holds its standard output and standard error.
    package let outputPath: String
    private let end = Mutex<End?>(nil)

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - program: its path.
    ///   - arguments: without the program's name.
    ///   - environment: the whole environment.
    ///   - outputPath: a file that is made, or added to.
    /// - Throws: `TestFailure` if it cannot be started.
    package init(
        _ program: String, _ arguments: [String],
        environment: [String: String] = ["PATH": "/usr/bin:/bin:/usr/sbin:/sbin"],
        outputPath: String
    ) throws {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, 1, outputPath, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var variables = environment
        variables["SWIFT_BACKTRACE"] = "enable=no"
        // By this the script that runs the tests finds what they have left behind.
        variables["TEST_RUN"] = processEnvironment()["TEST_RUN"]
        let words = unsafe Self.cStrings([program] + arguments)
        let settings = unsafe Self.cStrings(variables.map { "\($0.key)=\($0.value)" }.sorted())
        defer {
            unsafe (words + settings).forEach { unsafe free($0) }
        }
        var id = pid_t()
        let failure = unsafe posix_spawn(&id, program, &actions, &attributes, words, settings)
        guard failure == 0 else { throw TestFailure("\(program): \(systemErrorText(failure))") }
        self.id = id
        self.outputPath = outputPath
    }

    deinit {
        if poll() == nil {
            kill(id, SIGKILL)
            kill(id, SIGCONT)
            var status: Int32 = 0
            unsafe waitpid(id, &status, 0)
        }
    }

    /// Sends a signal, if it still runs.
    package func signal(_ number: Int32) {
        if poll() == nil { kill(id, number) }
    }

    /// How it ended; nil while it runs.
    package func poll() -> End? {
        end.withLock { end in
            guard end == nil else { return end }
            var status: Int32 = 0
            guard unsafe waitpid(id, &status, WNOHANG) == id else { return nil }
            let signal = status & 0x7F
            end = signal == 0 ? .exited((status >> 8) & 0xFF) : .signalled(signal)
            return end
        }
    }

    /// Waits for its end.
    ///
    /// - Throws: `TestFailure` with its last output if it still runs after `limit`.
    @discardableResult
    package func wait(within limit: Duration) async throws -> End {
        try await eventually(within: limit, "process \(id) to end; it said:\n\(output.suffix(2000))") { self.poll() }
    }

    /// All it wrote so far.
    package var output: String {
        String(decoding: (try? readFile(outputPath, atMost: 64 << 20)) ?? [], as: UTF8.self)
    }

    /// The number that follows `RssAnon:` in its status file, in kilobytes; 0 once it has ended.
    package var anonymousKilobytes: Int {
        statusNumber("RssAnon:")
    }

    /// How many descriptors it has open.
    package var openDescriptors: Int {
        var count = 0
        guard let directory = unsafe opendir("/proc/\(id)/fd") else { return 0 }
        while unsafe readdir(directory) != nil { count += 1 }
        unsafe closedir(directory)
        return count - 2
    }

    /// CPU time that it used so far, in clock ticks (100 a second).
    package var cpuTicks: Int {
        let text = String(decoding: (try? readFile("/proc/\(id)/stat", atMost: 4096)) ?? [], as: UTF8.self)
        let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
        return fields.count > 12 ? (Int(fields[11]) ?? 0) + (Int(fields[12]) ?? 0) : 0
    }

    private func statusNumber(_ name: String) -> Int {
        let text = String(decoding: (try? readFile("/proc/\(id)/status", atMost: 65_536)) ?? [], as: UTF8.self)
        let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
        return line.flatMap { Int($0.split(whereSeparator: { $0 == "\t" || $0 == " " }).dropFirst().first ?? "") } ?? 0
    }

    private static func cStrings(_ texts: [String]) -> [UnsafeMutablePointer<CChar>?] {
        unsafe texts.map { unsafe strdup($0) } + [nil]
    }
}
