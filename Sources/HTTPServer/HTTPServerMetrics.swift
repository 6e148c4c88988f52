package import Platform

extension HTTPServer {
    /// Writes what the given servers have counted, one sample each, labelled with the server's name.
    package static func collect(_ servers: [(name: String, server: HTTPServer)], into page: inout MetricsWriter) {
        func write(_ name: String, _ kind: MetricsWriter.Kind, _ help: String, _ value: (HTTPServer) -> Double) {
            page.family(name, kind, help: help, servers.map { (["server": $0.name], value($0.server)) })
        }
        write("http_server_connections", .gauge, "Connections open now.") { Double($0.openConnections) }
        write("http_server_accepted_total", .counter, "Connections accepted.") { Double($0.counters.accepted.value) }
        write("http_server_turned_away_total", .counter, "Connections closed at once: there were as many as may be.") {
            Double($0.counters.turnedAway.value)
        }
        write("http_server_failed_handshakes_total", .counter, "TLS handshakes that failed.") {
            Double($0.counters.failedHandshakes.value)
        }
        write("http_server_requests_total", .counter, "Requests handed to the handler.") {
            Double($0.counters.requests.value)
        }
        write("http_server_refused_requests_total", .counter, "Requests that were no valid HTTP, or over a limit.") {
            Double($0.counters.refusedRequests.value)
        }
    }
}
