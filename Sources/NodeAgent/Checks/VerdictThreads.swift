import Platform
import Synchronization

/// Judges large answers on threads of their own: to read a page of many MiB, or to search it, takes a second or more,
/// and the thread of an HTTP client has other transfers to serve.
final class VerdictThreads: Sendable {
    private struct State {
        var running = 0
        var waiting: [@Sendable () -> Void] = []
    }

    /// Bytes up to which an answer is judged at once, on the thread that has it.
    private static let smallBytes = 16 << 10
    private static let limit = 2

    private let state = Mutex(State())

    /// Runs `judge`, soon, and once.
    func run(_ bytes: Int, _ judge: @escaping @Sendable () -> Void) {
        guard bytes > Self.smallBytes else { return judge() }
        let mayStart = state.withLock { state in
            state.waiting.append(judge)
            guard state.running < Self.limit else { return false }
            state.running += 1
            return true
        }
        guard mayStart else { return }
        do {
            try NamedThread("verdict") { [self] in runAll() }.detach()
        } catch {
            // Late is better than never.
            runAll()
        }
    }

    private func runAll() {
        while let judge = next() { judge() }
    }

    private func next() -> (@Sendable () -> Void)? {
        state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.running -= 1
                return nil
            }
            return state.waiting.removeFirst()
        }
    }
}
