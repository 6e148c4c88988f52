package import Platform

extension HTTPServer {
    /// Writes the metrics of the given servers, each sample labelled with the name of its server.
    package static func collect(_ servers: [(name: String, server: HTTPServer)], into page: inout MetricsWriter) {
        func write(_ name: String, _ kind: MetricsWriter.Kind, _ help: String, _ value: (HTTPServer) -> Double) {
            page.family(name, kind, help: help, servers.map { (["server": $0.name], value($0.server)) })
        }
        write("http_server_connections", .gauge, "Open connections.") { Double($0.openConnections) }
        write("http_server_accepted_total", .counter, "Connections accepted.") { Double($0.counters.accepted.value) }
        write("http_server_turned_away_total", .counter, "Connections closed on arrival, over the limit.") {
            Double($0.counters.turnedAway.value)
        }
        write(
            "http_server_crowded_out_total", .counter,
            "Connections closed for newer ones because their clients had not authenticated."
        ) {
            Double($0.counters.crowdedOut.value)
        }
        write("http_server_failed_handshakes_total", .counter, "TLS handshakes that failed.") {
            Double($0.counters.failedHandshakes.value)
        }
        write("http_server_requests_total", .counter, "Requests passed to the handler.") {
            Double($0.counters.requests.value)
        }
        write("http_server_refused_requests_total", .counter, "Requests rejected: malformed or over a limit.") {
            Double($0.counters.refusedRequests.value)
        }
    }
}

/// The events that a server has counted since it was created.
struct HTTPServerCounters: Sendable {
    /// Connections accepted.
    let accepted = Counter()
    /// Connections closed on arrival because `ServerCore.capacity` were open or descriptors were short.
    let turnedAway = Counter()
    /// Connections of clients that had not authenticated, closed to make room for newer ones.
    let crowdedOut = Counter()
    /// TLS handshakes that failed.
    let failedHandshakes = Counter()
    /// Requests passed to the handler.
    let requests = Counter()
    /// Requests that the server rejected: malformed, too large or too slow.
    let refusedRequests = Counter()
}
