import Platform
import Synchronization

/// What happened in a world, in order: lines for people, and a fingerprint that also covers every choice of the
/// scheduler.
///
/// Two runs of one seed have the same fingerprint, in one process or in two: Swift seeds its hashing anew in each
/// process, so an iteration order that reached a decision, a byte or a log line shows here.
package final class Trace: Sendable {
    private struct State {
        var lines: [String] = []
        var fingerprint = FNV1a()
    }

    private let state = Mutex(State())

    init() {}

    /// Appends a line.
    func record(_ line: String) {
        state.withLock { state in
            state.lines.append(line)
            state.fingerprint.add(line.utf8)
        }
    }

    /// Adds a choice that is not worth a line.
    func mix(_ number: Int) {
        state.withLock { $0.fingerprint.add(UInt64(truncatingIfNeeded: number)) }
    }

    /// The lines so far.
    package var lines: [String] {
        state.withLock { $0.lines }
    }

    /// The last `count` lines.
    package func tail(_ count: Int) -> [String] {
        state.withLock { Array($0.lines.suffix(count)) }
    }

    /// Sixteen hexadecimal digits over all lines and choices so far.
    package var fingerprint: String {
        zeroPadded(state.withLock { $0.fingerprint.value }, width: 16, radix: 16)
    }
}

/// Writes a simulated process's log lines into the trace.
final class TraceSink: LogSink {
    private let world: World
    private let process: String
    private let listener = Mutex<Listener?>(nil)

    private struct Listener: Sendable {
        let hear: @Sendable (String) -> Void
    }

    init(world: World, process: String) {
        self.world = world
        self.process = process
    }

    /// Has `listener` told the component of each line.
    func listen(_ listener: @escaping @Sendable (String) -> Void) {
        self.listener.withLock { $0 = Listener(hear: listener) }
    }

    func write(_ line: LogLine) {
        let fields = line.fields.map { " \($0.name)=\($0.value)" }.joined()
        world.record("\(process): [\(line.level.name)] \(line.component): \(line.message)\(fields)")
        listener.withLock { $0 }?.hear(line.component)
    }
}
