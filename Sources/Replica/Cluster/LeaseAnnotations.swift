import ClusterChecks
import Kubernetes
import Leadership

/// What the leader publishes in the Lease: where others reach it, the key to trust it by, and its story for `kubectl
/// describe lease`.
enum LeaseAnnotations {
    static func of(_ endpoint: LeaderEndpoint?, _ summary: ClusterSummary?) -> [String: String] {
        let prefix = LeaderElectionOptions.annotationPrefix
        var annotations: [String: String] = [:]
        annotations[LeaderElectionOptions.addressAnnotation] = endpoint?.address
        annotations[LeaderElectionOptions.publicKeyAnnotation] = endpoint?.publicKeyPin
        if let summary {
            annotations[prefix + "nodes"] = String(summary.nodes)
            annotations[prefix + "configs"] = String(summary.configs)
            annotations[prefix + "dangling"] = String(summary.dangling)
            annotations[prefix + "warm-up"] = String(summary.isWarmingUp)
        }
        return annotations
    }
}
