import Glibc
import Platform

/// Asks `kubectl` to turn a kubeconfig into JSON: there is no YAML parser here.
enum Kubectl {
    /// `kubectl config view` reads one file; this is far more than it takes.
    private static let timeout = Duration.seconds(10)
    private static let outputLimit = 1 << 20

    /// The kubeconfig at `path` as JSON: its current context only, with all files that it names in it.
    ///
    /// - Throws: `KubernetesError.configuration` if there is no `kubectl`, or with what it said if it failed.
    static func flattenedConfig(path: String, program: String = "kubectl") throws(KubernetesError) -> [UInt8] {
        let arguments = ["config", "view", "--raw", "--flatten", "--minify", "-o", "json", "--kubeconfig", path]
        do {
            let end = try run(program, arguments)
            guard end.status == 0 else {
                let said = trimmed(String(decoding: end.errors, as: UTF8.self))
                throw KubernetesError.configuration(
                    "kubeconfig \(path): `\(program) config view` failed (status \(end.status)): \(said)")
            }
            return end.output
        } catch let error as KubernetesError {
            throw error
        } catch let error as SystemCallError {
            let advice =
                error.number == ENOENT
                ? "it is not JSON, and there is no \(program) to convert it; convert it elsewhere with "
                    + "`kubectl config view --raw --flatten --minify -o json`"
                : "`\(program) config view` could not be run: \(error)"
            throw .configuration("kubeconfig \(path): \(advice)")
        } catch {
            throw .configuration("kubeconfig \(path): \(error)")
        }
    }

    private struct End {
        /// The exit status, or 128 and the signal.
        let status: Int32
        let output: [UInt8]
        let errors: [UInt8]
    }

    /// Runs a program to its end; it gets no input.
    private static func run(_ program: String, _ arguments: [String]) throws -> End {
        let output = try Pipe()
        let errors = try Pipe()
        let process = try spawn(program, arguments, output: output.writer.number, errors: errors.writer.number)
        let outputReader = output.closingWriter()
        let errorReader = errors.closingWriter()
        var texts: [[UInt8]] = [[], []]
        let failure = read([outputReader.number, errorReader.number], into: &texts)
        if failure != nil { kill(process, SIGKILL) }
        var status: Int32 = 0
        while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
        if let failure { throw failure }
        let signal = status & 0x7F
        return End(status: signal == 0 ? (status >> 8) & 0xFF : 128 + signal, output: texts[0], errors: texts[1])
    }

    private static func spawn(
        _ program: String, _ arguments: [String], output: Int32, errors: Int32
    ) throws(SystemCallError) -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, output, 1)
        unsafe posix_spawn_file_actions_adddup2(&actions, errors, 2)
        var words: [UnsafeMutablePointer<CChar>?] = unsafe ([program] + arguments).map { unsafe strdup($0) } + [nil]
        defer { unsafe words.forEach { unsafe free($0) } }
        var process: pid_t = 0
        let number = unsafe posix_spawnp(&process, program, &actions, nil, &words, environ)
        guard number == 0 else { throw SystemCallError("posix_spawnp", number: number) }
        return process
    }

    /// Reads all descriptors to their ends; returns why that was given up.
    private static func read(_ descriptors: [Int32], into texts: inout [[UInt8]]) -> KubernetesError? {
        let clock = SystemClock()
        let deadline = clock.now() + timeout
        var open = descriptors.indices.map { pollfd(fd: descriptors[$0], events: Int16(POLLIN), revents: 0) }
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while open.contains(where: { $0.fd >= 0 }) {
            let remaining = (deadline - clock.now()).nanoseconds / 1_000_000
            guard remaining > 0 else { return .configuration("kubectl did not end within \(timeout.seconds) s") }
            guard unsafe poll(&open, nfds_t(open.count), Int32(remaining)) > 0 else { continue }
            for index in open.indices where open[index].revents != 0 {
                let count = unsafe Glibc.read(open[index].fd, &chunk, chunk.count)
                if count > 0 { texts[index] += chunk[..<count] }
                // A negative descriptor is one that poll leaves out.
                if count == 0 || (count < 0 && errno != EINTR) { open[index].fd = -1 }
                guard texts[index].count <= outputLimit else {
                    return .configuration("kubectl printed more than \(outputLimit) bytes")
                }
            }
        }
        return nil
    }
}

/// Both ends of a pipe; a program that is started inherits neither unless told to.
private struct Pipe: ~Copyable {
    let reader: FileDescriptor
    let writer: FileDescriptor

    init() throws(SystemCallError) {
        var ends: [Int32] = [0, 0]
        guard unsafe pipe(&ends) == 0 else { throw SystemCallError("pipe") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        reader = FileDescriptor(owning: ends[0])
        writer = FileDescriptor(owning: ends[1])
    }

    /// The reader alone: it sees the end of the output only once no one else holds the writer.
    consuming func closingWriter() -> FileDescriptor {
        reader
    }
}
