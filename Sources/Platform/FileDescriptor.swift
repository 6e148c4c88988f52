import Glibc

/// A system call that failed: its name and the error number.
package struct SystemCallError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The call, such as `bind`.
    package let call: String
    /// The error number, such as `EADDRINUSE`.
    package let number: Int32

    /// The error of `call`; without `number`, the thread's `errno` right after the call.
    package init(_ call: String, number: Int32 = errno) {
        self.call = call
        self.number = number
    }

    /// `bind: Address already in use`.
    package var description: String {
        "\(call): \(systemErrorText(number))"
    }
}

/// A file descriptor with exactly one owner; closed when the owner lets go of it.
package struct FileDescriptor: ~Copyable, Sendable {
    /// The number, for system calls; it stays owned by this value.
    package let number: Int32

    /// Takes over an open descriptor.
    package init(owning number: Int32) {
        self.number = number
    }

    deinit {
        close(number)
    }
}
