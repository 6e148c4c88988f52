import Glibc
import Synchronization

/// Writes lines to a descriptor on a thread of its own, so that nobody who logs waits for the reader.
///
/// A pipe that nobody empties, a stopped terminal or a slow disk holds up that thread alone. While `capacity` bytes
/// wait, further lines are lost and counted, and so is a line that the descriptor refuses. Once there is room again, a
/// line says how many were lost.
final class LineWriter: Sendable {
    private struct State {
        var waiting: [[UInt8]] = []
        /// The bytes of the lines that wait or are being written.
        var bytes = 0
        var isClosed = false
        /// Lines lost since the last notice.
        var unreported = 0
        var lost: UInt64 = 0

        mutating func lose(_ count: Int) {
            unreported += count
            lost += UInt64(count)
        }
    }

    private final class Shared: Sendable {
        let descriptor: Int32
        let notice: @Sendable (Int) -> String
        let event: EventDescriptor
        let state = Mutex(State())

        init(descriptor: Int32, notice: @escaping @Sendable (Int) -> String) throws(SystemCallError) {
            self.descriptor = descriptor
            self.notice = notice
            event = try EventDescriptor()
        }
    }

    private static let capacity = 256 << 10

    private let shared: Shared

    /// Starts the thread.
    ///
    /// - Parameters:
    ///   - descriptor: stays open for as long as lines are written. It is not owned.
    ///   - notice: the line that says how many lines were lost.
    /// - Throws: `SystemCallError` if the system has no descriptor or no thread.
    init(to descriptor: Int32, notice: @escaping @Sendable (Int) -> String) throws(SystemCallError) {
        let shared = try Shared(descriptor: descriptor, notice: notice)
        self.shared = shared
        try NamedThread("log") { Self.run(shared) }.detach()
    }

    deinit {
        shared.state.withLock { $0.isClosed = true }
        shared.event.signal()
    }

    /// The lines lost so far.
    var lostLines: UInt64 {
        shared.state.withLock { $0.lost }
    }

    /// Queues a line, to be written with a newline. Never blocks.
    func write(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        let mustWake = shared.state.withLock { state in
            guard state.bytes + bytes.count <= Self.capacity else {
                state.lose(1)
                return false
            }
            state.waiting.append(bytes)
            state.bytes += bytes.count
            return state.waiting.count == 1
        }
        if mustWake { shared.event.signal() }
    }

    /// Waits until every line is written, but no longer than `limit`: for the end of a process.
    func flush(within limit: Duration) {
        let end = SystemClock().now() + limit
        while shared.state.withLock({ $0.bytes > 0 }), SystemClock().now() < end { usleep(1_000) }
    }

    private static func run(_ shared: Shared) {
        while true {
            let (lines, lost, isClosed) = shared.state.withLock { state in
                defer { (state.waiting, state.unreported) = ([], 0) }
                return (state.waiting, state.unreported, state.isClosed)
            }
            if lines.isEmpty, lost == 0 {
                if isClosed { return }
                shared.event.wait()
                shared.event.clear()
                continue
            }
            for line in lines {
                let isWritten = write(line, to: shared.descriptor)
                shared.state.withLock { state in
                    state.bytes -= line.count
                    if !isWritten { state.lose(1) }
                }
            }
            if lost > 0 { _ = write(Array((shared.notice(lost) + "\n").utf8), to: shared.descriptor) }
        }
    }

    /// Writes a line, with one `write` where the descriptor takes it whole, so that lines of different processes do not
    /// mix.
    ///
    /// - Returns: whether the descriptor took it.
    private static func write(_ line: [UInt8], to descriptor: Int32) -> Bool {
        var sent = 0
        while sent < line.count {
            let count = unsafe line[sent...].withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            switch (count, errno) {
            case (1..., _): sent += count
            case (_, EINTR): continue
            case (_, EAGAIN): waitForRoom(in: descriptor)
            default: return false
            }
        }
        return true
    }

    private static func waitForRoom(in descriptor: Int32) {
        var watched = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        _ = unsafe poll(&watched, 1, -1)
    }
}
