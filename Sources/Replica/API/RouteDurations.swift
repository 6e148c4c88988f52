import Platform

/// How long calls took from their arrival to their answer, by route. Calls that wait for a change are not counted.
final class RouteDurations: Sendable {
    private let histograms = Route.Kind.allCases.map { _ in
        DurationHistogram(bounds: [0.0005, 0.0025, 0.01, 0.05, 0.25, 1, 5, 25])
    }

    func note(_ kind: Route.Kind, _ duration: Duration) {
        histograms[kind.rawValue].observe(duration)
    }

    /// Writes the histograms of the routes that were called.
    func collect(into writer: inout MetricsWriter) {
        let called = Route.Kind.allCases.map { ($0, histograms[$0.rawValue].value) }.filter { $0.1.count > 0 }
        writer.histogram(
            "cluster_agent_api_request_duration_seconds",
            help: "How long calls took from their arrival to their answer, by route, without those that wait.",
            called.map { (["route": "\($0.0)"], $0.1) })
    }
}
