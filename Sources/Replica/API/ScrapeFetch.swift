import CheckModel
import CheckOptions
import ClusterChecks
import HTTPServer
import Platform

/// A Prometheus' fetch of its targets by HTTP service discovery, which is its heartbeat
/// (https://prometheus.io/docs/prometheus/latest/http_sd/).
enum ScrapeFetch {
    /// Says how often it fetches, in whole seconds.
    static let intervalHeader = "X-Prometheus-Refresh-Interval-Seconds"
    private static let longestInterval = 600

    /// The report that a fetch is.
    ///
    /// - Throws: `invalidInterval`, `invalidAddress`.
    static func report(of id: String, _ request: HTTPRequest) throws(APIError) -> NodeReport {
        // 0 is a fraction of a second. Who does not say it is no Prometheus, but somebody who looks: he gets no
        // targets.
        guard let seconds = request.headers[intervalHeader].flatMap({ Int($0) }),
            (0...longestInterval).contains(seconds)
        else {
            throw .invalidInterval(limit: longestInterval)
        }
        let checks = CheckCompatibility(include: ScrapeTarget.checkNames.map { ExactText($0) })
        let address = try NodeAddress.of(request)
        return NodeReport(
            id: id, status: NodeStatusRequest(lastChange: 0, compatibility: checks), address: address.text,
            isAddressStated: address.isStated, peer: NodeAddress.peer(of: request),
            refreshInterval: .seconds(max(1, seconds)))
    }
}
