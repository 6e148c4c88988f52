import CLinux
import Glibc

/// A dedicated thread for blocking calls (epoll, libcurl, signals), which must never run on the concurrency pool.
///
/// SIGPIPE is blocked in it: libcurl and OpenSSL write with write(2), and a closed connection must be an error of that
/// call, not the end of the process.
package struct NamedThread: Sendable {
    private final class Body: Sendable {
        let name: String
        let run: @Sendable () -> Void

        init(name: String, run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    private let thread: pthread_t

    /// Starts a thread that runs `body`.
    ///
    /// - Parameters:
    ///   - name: shown by `top -H` and debuggers; truncated to 15 bytes.
    ///   - body: the work; the thread ends when it returns.
    /// - Throws: `SystemCallError` if the system cannot create a thread, as at the limit on processes and threads of a
    ///   container.
    package init(_ name: String, _ body: @escaping @Sendable () -> Void) throws(SystemCallError) {
        let boxed = unsafe Unmanaged.passRetained(Body(name: name, run: body))
        var thread = pthread_t()
        let failed = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let body = unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
                blockBrokenPipes()
                unsafe clinux_name_this_thread(String(body.name.prefix(15)))
                body.run()
                return nil
            }, boxed.toOpaque())
        guard failed == 0 else {
            unsafe boxed.release()
            throw SystemCallError("pthread_create", number: failed)
        }
        self.thread = thread
    }

    /// Waits for the thread to end. Call this or `detach` once, and on the concurrency pool only if the end is near.
    package func join() {
        pthread_join(thread, nil)
    }

    /// Lets the thread end on its own, with nothing waiting for it.
    package func detach() {
        pthread_detach(thread)
    }
}

private func blockBrokenPipes() {
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe sigaddset(&signals, SIGPIPE)
    unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
}
