import CLinux
import Glibc

/// The events that a descriptor is watched for, or that have occurred on it.
package struct EpollEvents: Equatable, Sendable {
    fileprivate let bits: UInt32

    fileprivate init(bits: UInt32) {
        self.bits = bits
    }

    /// Interest in reading and writing. With neither, only broken connections are reported.
    package init(readable: Bool, writable: Bool = false) {
        bits = (readable ? EPOLLIN.rawValue : 0) | (writable ? EPOLLOUT.rawValue : 0)
    }

    /// Data can be read, or the peer has closed its sending side.
    package var isReadable: Bool {
        bits & EPOLLIN.rawValue != 0
    }

    /// Data can be written.
    package var isWritable: Bool {
        bits & EPOLLOUT.rawValue != 0
    }

    /// Both directions are closed, or the connection is broken. Always reported, whatever the interest.
    package var isBroken: Bool {
        bits & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0
    }
}

/// Waits for events on many descriptors. Level-triggered: data that is not read to the end is reported again.
///
/// An instance belongs to one thread.
@safe package struct Epoll: ~Copyable {
    private let descriptor: FileDescriptor
    private var events: [epoll_event]

    /// An instance that watches nothing yet.
    ///
    /// - Parameter capacity: the most events that one `wait` returns.
    /// - Throws: `SystemCallError`.
    package init(capacity: Int) throws(SystemCallError) {
        let number = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard number >= 0 else { throw SystemCallError("epoll_create1") }
        descriptor = FileDescriptor(owning: number)
        unsafe events = Array(repeating: epoll_event(), count: capacity)
    }

    /// Starts watching `watched`; its events carry `token`. Closing the descriptor ends the watch.
    ///
    /// - Throws: `SystemCallError`, for example when the limit on watches is reached.
    package func add(_ watched: Int32, _ interest: EpollEvents, token: UInt64) throws(SystemCallError) {
        try control(EPOLL_CTL_ADD, watched, interest, token)
    }

    /// Changes the events that `watched` is watched for.
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

    /// Waits until an event occurs.
    ///
    /// - Parameter milliseconds: the timeout; 0 returns at once, −1 waits forever.
    /// - Returns: the number of events, to be read with `event(at:)`; 0 also after a signal.
    package mutating func wait(milliseconds: Int32) -> Int {
        let count = unsafe epoll_wait(descriptor.number, &events, Int32(events.count), milliseconds)
        return max(0, Int(count))
    }

    /// An event of the last `wait`.
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

/// An `eventfd` that wakes a thread waiting in epoll.
package struct EventDescriptor: ~Copyable, Sendable {
    private let descriptor: FileDescriptor

    /// An event that is not signalled.
    ///
    /// - Throws: `SystemCallError`.
    package init() throws(SystemCallError) {
        let number = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard number >= 0 else { throw SystemCallError("eventfd") }
        descriptor = FileDescriptor(owning: number)
    }

    /// The descriptor to watch; readable while signalled.
    package var number: Int32 {
        descriptor.number
    }

    /// Signals the event until it is cleared. May be called from any thread.
    package func signal() {
        eventfd_write(descriptor.number, 1)
    }

    /// Blocks the calling thread until the event is signalled.
    package func wait() {
        var watched = pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0)
        while unsafe poll(&watched, 1, -1) < 1 {}
    }

    /// Clears all signals so far.
    package func clear() {
        var count: eventfd_t = 0
        unsafe eventfd_read(descriptor.number, &count)
    }
}
