import Glibc
import Synchronization

/// Why a file could not be read: its path and the reason.
package struct FileError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file.
    package let path: String
    /// The reason.
    package let reason: String

    /// The error number of the system; 0 if the reason is from this program.
    package let number: Int32

    /// An error about `path` with a reason of this program.
    package init(path: String, reason: String) {
        self.path = path
        self.reason = reason
        number = 0
    }

    /// What is at `path` is not a regular file.
    fileprivate init(irregular path: String) {
        self.path = path
        reason = "not a regular file"
        number = ENXIO
    }

    /// An error about `path` reported by the system.
    package init(path: String, number: Int32) {
        self.path = path
        self.number = number
        reason = systemErrorText(number)
    }

    /// `path: reason`.
    package var description: String {
        "\(path): \(reason)"
    }
}

/// Reads a whole regular file.
///
/// Nothing else is read: a pipe without a writer would be an empty file, one with a writer the part that it has written
/// so far, and a device may never end.
///
/// - Parameters:
///   - path: opened on every call, so that a symbolic link that was swapped, as in projected volumes, is followed.
///   - limit: the largest accepted size, in bytes.
/// - Throws: `FileError`; its number is `EFBIG` when the file is larger than `limit`, and `ENXIO` when it is not a
///   regular file.
package func readFile(_ path: String, atMost limit: Int) throws(FileError) -> [UInt8] {
    try readFile(Array(path.utf8CString), atMost: limit)
}

/// Reads a whole regular file whose path need not be UTF-8: its bytes, and a zero.
///
/// - Throws: `FileError`, as for a text.
package func readFile(_ bytes: [CChar], atMost limit: Int) throws(FileError) -> [UInt8] {
    let path = String(decoding: bytes.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    var status = stat()
    // Before it is opened, which is enough to make some devices act.
    if unsafe stat(bytes, &status) == 0, status.st_mode & S_IFMT != S_IFREG { throw FileError(irregular: path) }
    // Without O_NONBLOCK, opening a FIFO that has just come would wait for a writer.
    let descriptor = unsafe open(bytes, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw FileError(path: path, number: errno) }
    defer { close(descriptor) }
    var contents: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16_384)
    while true {
        let count = unsafe read(descriptor, &chunk, chunk.count)
        if count == 0 { return contents }
        if count < 0 {
            if errno == EINTR { continue }
            throw FileError(path: path, number: errno)
        }
        contents += chunk[..<count]
        guard contents.count <= limit else { throw FileError(path: path, number: EFBIG) }
    }
}

/// Replaces a file atomically: writes a new one beside it, then renames that, so that a reader never sees a partial
/// file. A link at `path` is replaced, not followed, and the mode of a file that was there is kept.
///
/// - Parameter mode: the mode of a file that was not there.
/// - Throws: `FileError`.
package func writeFile(_ path: String, _ contents: [UInt8], mode: UInt32 = 0o644) throws(FileError) {
    // A name that nobody can have prepared, and a file that was not there.
    let temporary = "\(path).\(String(SystemEntropy().next(), radix: 16))"
    let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw FileError(path: temporary, number: errno) }
    var written = 0
    var failure: Int32?
    var former = stat()
    if unsafe lstat(path, &former) == 0, former.st_mode & S_IFMT == S_IFREG,
        fchmod(descriptor, former.st_mode & 0o7777) != 0
    {
        failure = errno
    }
    while written < contents.count, failure == nil {
        let count = unsafe contents[written...].withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
        if count >= 0 { written += count } else if errno != EINTR { failure = errno }
    }
    close(descriptor)
    if failure == nil, unsafe rename(temporary, path) != 0 { failure = errno }
    if failure != nil { unsafe unlink(temporary) }
    if let failure { throw FileError(path: path, number: failure) }
}

/// A small file that may change while the process runs, such as a token. It is read again once the last reading is
/// older than an interval; while it cannot be read, the last good text stays in use.
package final class RereadFile: Sendable {
    private struct State {
        var text: String
        var readAt: Instant
        var problem: FileError?
    }

    /// The file.
    package let path: String
    private let interval: Duration
    private let clock: any Clock
    private let accepts: @Sendable (String) -> String?
    private let state: Mutex<State>

    /// Reads the file for the first time.
    ///
    /// - Parameters:
    ///   - path: the file; at most 1 MiB. Leading and trailing white space is ignored.
    ///   - interval: how long a reading is valid.
    ///   - clock: measures the age of a reading.
    ///   - accepts: returns what is wrong with a text, or nil if it is acceptable.
    /// - Throws: `FileError` if the file cannot be read or its text is not accepted.
    package init(
        _ path: String, every interval: Duration, clock: any Clock,
        accepts: @escaping @Sendable (String) -> String? = { $0.isEmpty ? "empty" : nil }
    ) throws(FileError) {
        self.path = path
        self.interval = interval
        self.clock = clock
        self.accepts = accepts
        let text = try Self.read(path, accepts)
        state = Mutex(State(text: text, readAt: clock.now()))
    }

    /// The last good text; reads the file if the last reading is too old.
    package var text: String {
        let now = clock.now()
        let isFresh = state.withLock { $0.readAt + interval > now }
        return isFresh ? state.withLock { $0.text } : reread()
    }

    /// Reads the file regardless of the age of the last reading, for example after a 401, and returns the last good
    /// text.
    @discardableResult
    package func reread() -> String {
        let now = clock.now()
        let reading: Result<String, FileError>
        do { reading = .success(try Self.read(path, accepts)) } catch { reading = .failure(error) }
        return state.withLock { state in
            state.readAt = now
            switch reading {
            case .success(let text): (state.text, state.problem) = (text, nil)
            case .failure(let error): state.problem = error
            }
            return state.text
        }
    }

    /// Why the last reading failed; nil if it succeeded.
    package var problem: FileError? {
        state.withLock { $0.problem }
    }

    private static func read(_ path: String, _ accepts: (String) -> String?) throws(FileError) -> String {
        let text = trimmed(String(decoding: try readFile(path, atMost: 1 << 20), as: UTF8.self))
        if let reason = accepts(text) { throw FileError(path: path, reason: reason) }
        return text
    }
}
