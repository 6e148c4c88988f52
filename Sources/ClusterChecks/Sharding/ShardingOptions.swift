/// Which configs are taken apart before they are dispatched, so that several nodes share their work.
package struct ShardingOptions: Hashable, Sendable {
    /// Whether checks of kube-state-metrics are: `cluster_checks.ksm_sharding_enabled`.
    package var shardsKubeStateMetrics = false
    /// Whether configs of several instances are: `cluster_checks.instance_sharding_enabled`.
    package var shardsInstances = false
    /// The checks whose instances stay together: `cluster_checks.instance_sharding_exclude_checks`.
    package var unshardedChecks: Set<String> = []

    /// Nothing is taken apart.
    package init() {}
}
