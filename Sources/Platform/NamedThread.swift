import CLinux
import Glibc

/// A thread of our own, for calls that block (epoll, libcurl, signals): they must never sit on the concurrency pool.
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

    /// Starts a thread that runs `body` and ends with it.
    ///
    /// - Parameters:
    ///   - name: shown by `top -H` and debuggers; cut to 15 bytes.
    ///   - body: what it does.
    /// - Returns: nil if the system has no thread to give.
    package init?(_ name: String, _ body: @escaping @Sendable () -> Void) {
        let boxed = unsafe Unmanaged.passRetained(Body(name: name, run: body))
        var thread = pthread_t()
        let failed = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let body = unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
                unsafe clinux_name_this_thread(String(body.name.prefix(15)))
                body.run()
                return nil
            }, boxed.toOpaque())
        guard failed == 0 else {
            unsafe boxed.release()
            return nil
        }
        self.thread = thread
    }

    /// Waits for its end. Call this or `detach` once; not from the concurrency pool unless the end is near.
    package func join() {
        pthread_join(thread, nil)
    }

    /// Lets it end by itself, with nobody waiting for it.
    package func detach() {
        pthread_detach(thread)
    }
}
