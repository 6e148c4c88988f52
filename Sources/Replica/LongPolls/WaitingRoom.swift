import Platform

/// Which calls wait for which node's configs to change, and until when.
///
/// Entering, leaving, and finding the waiters of a node or those that are due each take constant time per waiter,
/// however many others wait.
struct WaitingRoom<Guest: Sendable>: Sendable {
    /// One waiter.
    struct Waiter: Sendable {
        /// Its number, in the order of arrival.
        let number: UInt64
        let guest: Guest
        /// The node whose configs it waits for.
        let node: String
        /// The revision that the node runs.
        let lastChange: Int64
        /// When its wait ends.
        let until: Instant
    }

    private let resolution: Duration
    private var waiters: [UInt64: Waiter] = [:]
    private var numbers: [ExactText: [UInt64]] = [:]
    /// Numbers by the slice of time in which their wait ends, those that have left included.
    private var slices: [Int64: [UInt64]] = [:]
    private var nextNumber: UInt64 = 0

    /// An empty room.
    ///
    /// - Parameter resolution: how late the end of a wait may be noticed. It is never early.
    init(resolution: Duration) {
        self.resolution = resolution
    }

    var count: Int { waiters.count }

    /// Adds a waiter and returns its number.
    mutating func enter(_ guest: Guest, node: String, lastChange: Int64, until: Instant) -> UInt64 {
        nextNumber += 1
        waiters[nextNumber] = Waiter(
            number: nextNumber, guest: guest, node: node, lastChange: lastChange, until: until)
        numbers[node, default: []].append(nextNumber)
        slices[slice(of: until), default: []].append(nextNumber)
        return nextNumber
    }

    /// Removes a waiter, to be answered; nil if it has left already, so that nobody is answered twice.
    mutating func leave(_ number: UInt64) -> Waiter? {
        guard let waiter = waiters.removeValue(forKey: number) else { return nil }
        if numbers[waiter.node]?.count == 1 {
            numbers[waiter.node] = nil
        } else {
            numbers[waiter.node]?.removeAll { $0 == number }
        }
        return waiter
    }

    /// The waiters of a node, in the order of arrival.
    func waiters(of node: String) -> [Waiter] {
        (numbers[node] ?? []).compactMap { waiters[$0] }
    }

    /// All waiters, in the order of arrival.
    var all: [Waiter] {
        waiters.values.sorted { $0.number < $1.number }
    }

    /// The waiters whose wait has ended at `now`, in the order of arrival. Each is returned once and stays in the room.
    mutating func takeDue(at now: Instant) -> [Waiter] {
        let current = slice(of: now)
        let over = slices.keys.filter { $0 < current }
        var due: [UInt64] = []
        for slice in over { due += slices.removeValue(forKey: slice) ?? [] }
        return due.sorted().compactMap { waiters[$0] }
    }

    /// When `takeDue` returns the next waiter at the earliest; nil in an empty room.
    var nextDue: Instant? {
        guard !waiters.isEmpty else { return nil }
        return slices.keys.min().map { Instant(nanoseconds: ($0 + 1) * resolution.nanoseconds) }
    }

    /// Removes all waiters, in the order of arrival.
    mutating func empty() -> [Waiter] {
        defer {
            waiters = [:]
            numbers = [:]
            slices = [:]
        }
        return all
    }

    private func slice(of instant: Instant) -> Int64 {
        instant.nanoseconds / resolution.nanoseconds
    }
}
