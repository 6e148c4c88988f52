import ClusterChecks
import Kubernetes
import Platform
import Synchronization

/// What this replica publishes in the Lease: where others find it, once its port is known, the key to trust it by, and what it holds.
final class PublishedAddress: Sendable {
    private let given: String
    private let podAddress: String
    private let publicKeyPin: Mutex<String>
    private let port = Mutex<UInt16?>(nil)
    private let summary = Mutex(SummarySource { nil })

    /// Whom to ask what this replica holds. In a struct: the lock is generic, so that each look at a bare closure in it would wrap that once more
    /// and for good.
    private struct SummarySource: Sendable {
        let ask: @Sendable () -> ClusterSummary?
    }

    init(_ options: Options, _ environment: [String: String], publicKeyPin: String) {
        given = options[AgentOptions.advertiseAddress]
        podAddress = environment["POD_IP"] ?? ""
        self.publicKeyPin = Mutex(publicKeyPin)
    }

    /// Tells the port, which is not known before it is bound.
    func bound(to port: UInt16) {
        self.port.withLock { $0 = port }
    }

    /// Another key is in use from now on.
    func replace(publicKeyPin: String) {
        self.publicKeyPin.withLock { $0 = publicKeyPin }
    }

    /// Host and port; nil when neither the option nor `POD_IP` says.
    var address: String? {
        if !given.isEmpty { return given }
        guard !podAddress.isEmpty, let port = port.withLock({ $0 }) else { return nil }
        return podAddress.contains(":") ? "[\(podAddress)]:\(port)" : "\(podAddress):\(port)"
    }

    /// Tells where to ask what this replica holds, which is not made yet when the election is.
    func summarize(by summary: @escaping @Sendable () -> ClusterSummary?) {
        self.summary.withLock { $0 = SummarySource(ask: summary) }
    }

    /// What goes into the Lease's annotations: how to reach the leader, and its story for `kubectl describe lease`.
    var annotations: [String: String] {
        let prefix = LeaderElectionOptions.annotationPrefix
        var fields = [LeaderElectionOptions.publicKeyAnnotation: publicKeyPin.withLock { $0 }]
        fields[LeaderElectionOptions.addressAnnotation] = address
        // Asked outside the lock: the Handler has one of its own.
        if let summary = summary.withLock({ $0 }).ask() {
            fields[prefix + "nodes"] = String(summary.nodes)
            fields[prefix + "configs"] = String(summary.configs)
            fields[prefix + "dangling"] = String(summary.dangling)
            fields[prefix + "warm-up"] = String(summary.isWarmingUp)
        }
        return fields
    }

    /// The names and addresses for which a self-signed certificate is made.
    static func hosts(_ options: Options, _ environment: [String: String]) -> [String] {
        let given = options[AgentOptions.advertiseAddress]
        let host = given.lastIndex(of: ":").map { String(given[..<$0].filter { $0 != "[" && $0 != "]" }) }
        let namespace = environment["POD_NAMESPACE"] ?? ""
        let service = namespace.isEmpty ? [] : ["cluster-agent.\(namespace)", "cluster-agent.\(namespace).svc"]
        let own = [environment["POD_IP"], host].compactMap(\.self).filter { !$0.isEmpty }
        return own + ["cluster-agent"] + service
    }
}
