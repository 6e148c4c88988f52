import Synchronization

/// Shows from outside whether a loop on a thread of its own still comes back to wait for events.
///
/// A loop that waits is well, however long nothing happens. One that does not come back within `longestTurn` hangs: in
/// a call that blocks, in a lock, or in a loop without an end. Only a restart helps, so liveness asks for all of them.
package final class LoopPulse: Sendable {
    private struct Entry: Sendable {
        weak let pulse: LoopPulse?
    }

    /// Many times what the longest turn takes.
    private static let longestTurn = Duration.seconds(10)
    private static let all = Mutex<[Entry]>([])

    private let name: String
    /// When the current turn began, in nanoseconds; 0 while the loop waits.
    private let turnBegan = Atomic<Int64>(0)

    /// The pulse of a loop that waits. Liveness knows of it from now on, for as long as it exists.
    ///
    /// - Parameter name: the name of the thread.
    package init(_ name: String) {
        self.name = name
        Self.all.withLock { entries in
            entries.removeAll { $0.pulse == nil }
            entries.append(Entry(pulse: self))
        }
    }

    /// The loop has events to handle.
    package func beginTurn(at now: Instant = SystemClock().now()) {
        turnBegan.store(now.nanoseconds, ordering: .relaxed)
    }

    /// The loop is about to wait.
    package func endTurn() {
        turnBegan.store(0, ordering: .relaxed)
    }

    /// The names of the loops of this process that hang, sorted.
    package static func stuckLoops(at now: Instant = SystemClock().now()) -> [String] {
        all.withLock { $0.compactMap(\.pulse) }.filter { $0.isStuck(at: now) }.map(\.name).sorted()
    }

    func isStuck(at now: Instant) -> Bool {
        let began = turnBegan.load(ordering: .relaxed)
        return began != 0 && now - Instant(nanoseconds: began) > Self.longestTurn
    }
}
