package import Platform

extension HTTPServer {
    /// Writes the metrics of the given servers, each sample labelled with the name of its server.
    package static func collect(_ servers: [(name: String, server: HTTPServer)], into page: inout MetricsWriter) {
        func samples(_ value: (HTTPServer) -> Double) -> [MetricsWriter.Sample] {
            servers.map { (["server": $0.name], value($0.server)) }
        }
        page.family(
            "http_server_connections", .gauge, help: "Open connections.", samples { Double($0.openConnections) })
        page.family(
            "http_server_accepted_total", .counter, help: "Connections accepted.",
            samples { Double($0.counters.accepted.value) })
        page.family(
            "http_server_turned_away_total", .counter, help: "Connections closed on arrival, over the limit.",
            samples { Double($0.counters.turnedAway.value) })
        page.family(
            "http_server_crowded_out_total", .counter,
            help: "Connections closed for newer ones because their clients had not authenticated.",
            samples { Double($0.counters.crowdedOut.value) })
        page.family(
            "http_server_failed_handshakes_total", .counter, help: "TLS handshakes that failed.",
            samples { Double($0.counters.failedHandshakes.value) })
        page.family(
            "http_server_requests_total", .counter, help: "Requests passed to the handler.",
            samples { Double($0.counters.requests.value) })
        page.family(
            "http_server_refused_requests_total", .counter, help: "Requests rejected: malformed or over a limit.",
            samples { Double($0.counters.refusedRequests.value) })
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
