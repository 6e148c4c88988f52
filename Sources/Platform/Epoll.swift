import CLinux
import Glibc

/// What a descriptor is watched for, and what has happened to it.
package struct Readiness: OptionSet, Sendable {
    /// The kernel's bits.
    package let rawValue: UInt32

    /// The kernel's bits.
    package init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// There is something to read, or the other side has ended its half.
    package static let readable = Readiness(rawValue: EPOLLIN.rawValue)
    /// There is room to write.
    package static let writable = Readiness(rawValue: EPOLLOUT.rawValue)
    /// Both halves have ended, or the connection broke. Always reported, whatever was asked for.
    package static let broken = Readiness(rawValue: EPOLLERR.rawValue | EPOLLHUP.rawValue)
}

/// Waits for many descriptors at once; level-triggered, so that what was not read to its end is reported again.
///
/// It belongs to one thread.
@safe package struct Epoll: ~Copyable {
    private let descriptor: FileDescriptor
    private var events: [epoll_event]

    /// A watch on nothing.
    ///
    /// - Parameter capacity: how many events one `wait` returns at most.
    /// - Throws: `SystemCallError`.
    package init(capacity: Int) throws(SystemCallError) {
        let number = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard number >= 0 else { throw SystemCallError("epoll_create1") }
        descriptor = FileDescriptor(owning: number)
        unsafe events = Array(repeating: epoll_event(), count: capacity)
    }

    /// Watches `watched`; its events carry `token`. It is forgotten by itself once it is closed.
    ///
    /// - Throws: `SystemCallError`, as when the system's limit of watches is reached.
    package func add(_ watched: Int32, _ interest: Readiness, token: UInt64) throws(SystemCallError) {
        try control(EPOLL_CTL_ADD, watched, interest, token)
    }

    /// Changes what `watched` is watched for.
    ///
    /// - Throws: `SystemCallError`.
    package func change(_ watched: Int32, _ interest: Readiness, token: UInt64) throws(SystemCallError) {
        try control(EPOLL_CTL_MOD, watched, interest, token)
    }

    /// Stops watching `watched`, which stays open.
    package func remove(_ watched: Int32) {
        var event = unsafe epoll_event()
        unsafe epoll_ctl(descriptor.number, EPOLL_CTL_DEL, watched, &event)
    }

    /// Waits until something happens.
    ///
    /// - Parameter milliseconds: how long at most; 0 returns at once, −1 waits for ever.
    /// - Returns: how many events there are; read them with `event(at:)`. 0 after a signal too.
    package mutating func wait(milliseconds: Int32) -> Int {
        let count = unsafe epoll_wait(descriptor.number, &events, Int32(events.count), milliseconds)
        return max(0, Int(count))
    }

    /// One event of the last `wait`.
    package func event(at index: Int) -> (token: UInt64, readiness: Readiness) {
        unsafe (events[index].data.u64, Readiness(rawValue: events[index].events))
    }

    private func control(
        _ operation: Int32, _ watched: Int32, _ interest: Readiness, _ token: UInt64
    ) throws(SystemCallError) {
        var event = unsafe epoll_event()
        unsafe event.events = interest.rawValue
        unsafe event.data.u64 = token
        guard unsafe epoll_ctl(descriptor.number, operation, watched, &event) == 0 else {
            throw SystemCallError("epoll_ctl")
        }
    }
}
