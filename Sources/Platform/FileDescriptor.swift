import Glibc

/// A failed system call: its name and the error number.
package struct SystemCallError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The call, such as `bind`.
    package let call: String
    /// The error number, such as `EADDRINUSE`.
    package let number: Int32

    /// The error of `call`. The default `number` is the thread's `errno`, so create this right after the call.
    package init(_ call: String, number: Int32 = errno) {
        self.call = call
        self.number = number
    }

    /// `bind: Address already in use`.
    package var description: String {
        "\(call): \(systemErrorText(number))"
    }
}

/// A file descriptor with exactly one owner, closed at the end of the owner's life.
package struct FileDescriptor: ~Copyable, Sendable {
    /// The number, for system calls. This value keeps the ownership.
    package let number: Int32

    /// Takes ownership of an open descriptor.
    package init(owning number: Int32) {
        self.number = number
    }

    deinit {
        close(number)
    }
}

/// Opens `/dev/null` for each of standard input, output and error that is closed. To be called first in a program:
/// otherwise the next descriptor that it opens gets that number, and log lines go into a socket or a pipe. As with a
/// closed one, reading input and writing output then fail, so that output that nobody got is an error. Error lines go
/// nowhere: a program serves without them.
func openClosedStandardDescriptors() {
    for number in STDIN_FILENO...STDERR_FILENO where fcntl(number, F_GETFD) == -1 {
        // The system gives the lowest free number, which is this one.
        _ = unsafe open("/dev/null", number == STDOUT_FILENO ? O_RDONLY : O_WRONLY)
    }
}

/// The system's message for an error number, as `strerror` gives it.
package func systemErrorText(_ number: Int32) -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard unsafe strerror_r(number, &buffer, buffer.count) == 0 else { return "error \(number)" }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
