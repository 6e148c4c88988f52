import CLinux
import Glibc

/// What a descriptor is watched for, and what has happened to it.
package struct EpollEvents: Equatable, Sendable {
    fileprivate let bits: UInt32

    fileprivate init(bits: UInt32) {
        self.bits = bits
    }

    /// Interest in reading, in writing, in both or, to be told of broken connections only, in neither.
    package init(readable: Bool, writable: Bool = false) {
        bits = (readable ? EPOLLIN.rawValue : 0) | (writable ? EPOLLOUT.rawValue : 0)
    }

    /// There is something to read, or the other side has ended its half.
    package var isReadable: Bool {
        bits & EPOLLIN.rawValue != 0
    }

    /// There is room to write.
    package var isWritable: Bool {
        bits & EPOLLOUT.rawValue != 0
    }

    /// Both halves have ended, or the connection broke. Always reported, whatever was asked for.
    package var isBroken: Bool {
        bits & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0
    }
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
    package func add(_ watched: Int32, _ interest: EpollEvents, token: UInt64) throws(SystemCallError) {
        try control(EPOLL_CTL_ADD, watched, interest, token)
    }

    /// Changes what `watched` is watched for.
    ///
    /// - Throws: `SystemCallError`.
    package func change(_ watched: Int32, _ interest: EpollEvents, token: UInt64) throws(SystemCallError) {
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
    package func event(at index: Int) -> (token: UInt64, readiness: EpollEvents) {
        unsafe (events[index].data.u64, EpollEvents(bits: events[index].events))
    }

    private func control(
        _ operation: Int32, _ watched: Int32, _ interest: EpollEvents, _ token: UInt64
    ) throws(SystemCallError) {
        var event = unsafe epoll_event()
        unsafe event.events = interest.bits
        unsafe event.data.u64 = token
        guard unsafe epoll_ctl(descriptor.number, operation, watched, &event) == 0 else {
            throw SystemCallError("epoll_ctl")
        }
    }
}
