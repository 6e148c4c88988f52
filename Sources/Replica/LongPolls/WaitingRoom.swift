import Platform

/// Who waits for which node's configs to change, and until when. A value: what happens goes in, who is to be answered comes out.
///
/// Entering, leaving, and finding the waiters of a node or those whose time is over each take constant time a waiter, however many others wait.
struct WaitingRoom<Guest: Sendable>: Sendable {
    /// One waiter.
    struct Waiter: Sendable {
        /// Its number: in the order of entering.
        let number: UInt64
        /// Whom to answer.
        let guest: Guest
        /// For whose configs it waits.
        let node: String
        /// The revision that it has.
        let lastChange: Int64
        /// When its time is over.
        let until: Instant
    }

    private let resolution: Duration
    private var waiters: [UInt64: Waiter] = [:]
    private var numbers: [String: [UInt64]] = [:]
    /// Numbers by the slice of time in which their time is over; also of those that have left.
    private var slices: [Int64: [UInt64]] = [:]
    private var nextNumber: UInt64 = 0

    /// An empty room.
    ///
    /// - Parameter resolution: how exactly the end of a waiter's time is kept; it is never told early.
    init(resolution: Duration) {
        self.resolution = resolution
    }

    /// How many wait.
    var count: Int { waiters.count }

    /// Lets one in; returns its number.
    mutating func enter(_ guest: Guest, node: String, lastChange: Int64, until: Instant) -> UInt64 {
        nextNumber += 1
        waiters[nextNumber] = Waiter(
            number: nextNumber, guest: guest, node: node, lastChange: lastChange, until: until)
        numbers[node, default: []].append(nextNumber)
        slices[slice(of: until), default: []].append(nextNumber)
        return nextNumber
    }

    /// Lets one out, to be answered; nil if it has left already: nobody is answered twice.
    mutating func leave(_ number: UInt64) -> Waiter? {
        guard let waiter = waiters.removeValue(forKey: number) else { return nil }
        if numbers[waiter.node]?.count == 1 {
            numbers[waiter.node] = nil
        } else {
            numbers[waiter.node]?.removeAll { $0 == number }
        }
        return waiter
    }

    /// Those that wait for a node, in the order in which they came.
    func waiters(of node: String) -> [Waiter] {
        (numbers[node] ?? []).compactMap { waiters[$0] }
    }

    /// All of them, in the order in which they came.
    var all: [Waiter] {
        waiters.values.sorted { $0.number < $1.number }
    }

    /// Those whose time was over at `now`, in the order in which they came; each is told once, and is still in the room.
    mutating func takeDue(at now: Instant) -> [Waiter] {
        let current = slice(of: now)
        let over = slices.keys.filter { $0 < current }
        var due: [UInt64] = []
        for slice in over { due += slices.removeValue(forKey: slice) ?? [] }
        return due.sorted().compactMap { waiters[$0] }
    }

    /// When the first of those who wait, or of those who would still wait, is told of by `takeDue`; nil in an empty room.
    var nextDue: Instant? {
        guard !waiters.isEmpty else { return nil }
        return slices.keys.min().map { Instant(nanoseconds: ($0 + 1) * resolution.nanoseconds) }
    }

    /// Lets everybody out, in the order in which they came.
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
