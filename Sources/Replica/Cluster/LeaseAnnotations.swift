import ClusterChecks
import Kubernetes
import Leadership
import Platform

/// What the leader publishes in the Lease: where others reach it, the key to trust it by, and its story for `kubectl
/// describe lease`.
enum LeaseAnnotations {
    static func of(_ endpoint: LeaderEndpoint?, _ summary: ClusterSummary?) -> [ExactText: ExactText] {
        let prefix = LeaderElectionOptions.annotationPrefix
        var annotations: [ExactText: ExactText] = [:]
        annotations[LeaderElectionOptions.addressAnnotation] = endpoint.map { ExactText($0.address) }
        annotations[LeaderElectionOptions.publicKeyAnnotation] = endpoint?.publicKeyPin.map { ExactText($0) }
        if let summary {
            annotations[prefix + "nodes"] = ExactText("\(summary.nodes)")
            annotations[prefix + "configs"] = ExactText("\(summary.configs)")
            annotations[prefix + "dangling"] = ExactText("\(summary.dangling)")
            annotations[prefix + "warm-up"] = ExactText("\(summary.isWarmingUp)")
        }
        return annotations
    }
}
