import Synchronization

/// The right to answer one request, once, from any thread.
///
/// If it is dropped unused the request is answered with 500, so that no client waits for ever.
package final class Responder: Sendable {
    private let deliver: @Sendable (HTTPResponse) -> Void
    private let used = Atomic<Bool>(false)

    /// A responder that hands the response to `deliver`; tests make their own.
    package init(_ deliver: @escaping @Sendable (HTTPResponse) -> Void) {
        self.deliver = deliver
    }

    deinit {
        if !used.load(ordering: .acquiring) { deliver(.text(500, "no answer was given")) }
    }

    /// Answers. Only the first call does anything.
    package func respond(_ response: HTTPResponse) {
        guard !used.exchange(true, ordering: .acquiringAndReleasing) else { return }
        deliver(response)
    }
}
