import CLinux
import Glibc

/// Wakes a thread that waits in epoll (an `eventfd`).
package struct EventDescriptor: ~Copyable, Sendable {
    private let descriptor: FileDescriptor

    /// An event that has not been signalled.
    ///
    /// - Throws: `SystemCallError`.
    package init() throws(SystemCallError) {
        let number = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard number >= 0 else { throw SystemCallError("eventfd") }
        descriptor = FileDescriptor(owning: number)
    }

    /// The descriptor to watch: readable once signalled.
    package var number: Int32 {
        descriptor.number
    }

    /// Makes it readable until it is cleared. From any thread.
    package func signal() {
        eventfd_write(descriptor.number, 1)
    }

    /// Takes every signal so far.
    package func clear() {
        var count: eventfd_t = 0
        unsafe eventfd_read(descriptor.number, &count)
    }
}
