import Synchronization

/// An instant that one side extends and others read without a lock: the end of the validity of a term.
///
/// Once ended it stays ended: a late extension cannot revive a lost term.
package final class Deadline: Sendable {
    private static let ended = Int64.min
    private let nanoseconds: Atomic<Int64>

    /// A deadline at `instant`.
    package init(_ instant: Instant) {
        nanoseconds = Atomic(instant.nanoseconds)
    }

    /// The current deadline; `Instant.distantPast` once ended.
    package var instant: Instant {
        Instant(nanoseconds: nanoseconds.load(ordering: .acquiring))
    }

    /// Moves the deadline to `instant` if that is later and the deadline has not ended.
    package func extend(to instant: Instant) {
        var seen = nanoseconds.load(ordering: .relaxed)
        while seen != Self.ended, seen < instant.nanoseconds {
            let (exchanged, original) = nanoseconds.compareExchange(
                expected: seen, desired: instant.nanoseconds, ordering: .acquiringAndReleasing)
            if exchanged { return }
            seen = original
        }
    }

    /// Ends it permanently: from now on the deadline has passed.
    package func end() {
        nanoseconds.store(Self.ended, ordering: .sequentiallyConsistent)
    }

    /// Whether `now` is before the deadline.
    package func isAhead(of now: Instant) -> Bool {
        now < instant
    }
}
