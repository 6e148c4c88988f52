package import Platform

/// Serves the metrics of a registry at `/metrics` without authentication, for a port of its own.
package struct MetricsHandler: HTTPHandler {
    private let registry: MetricsRegistry

    /// A handler that reads `registry` on each request.
    package init(registry: MetricsRegistry) {
        self.registry = registry
    }

    /// Answers GET and HEAD requests for `/metrics`.
    package func handle(_ request: HTTPRequest, _ responder: Responder) {
        guard request.method == .get || request.method == .head else {
            return responder.respond(.text(405, "/metrics takes GET"))
        }
        guard request.path == "/metrics" else { return responder.respond(.text(404, "this port serves /metrics")) }
        responder.respond(
            HTTPResponse(
                status: 200, headers: [("Content-Type", "text/plain; version=0.0.4; charset=utf-8")],
                body: [Array(registry.page().utf8)]))
    }
}
