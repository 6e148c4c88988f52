package import CheckModel
import Platform

/// How the Handler dispatches, and its limits.
package struct HandlerOptions: Sendable {
    /// How long a new leader lets nodes report before it dispatches. Not ended early by anything.
    package var warmup: Duration = .seconds(30)
    /// How long a node may be silent, while this process listens, before its configs go to others.
    package var nodeExpirationTimeout: Duration = .seconds(30)
    /// How many nodes may report; further ones are refused.
    package var maximumNodes = 10_000
    /// How many configs may be dispatched; further ones are refused, and logged.
    package var maximumConfigs = 200_000
    /// A config that has had no node for so long is told of; at least `nodeExpirationTimeout`.
    package var unscheduledCheckThreshold: Duration = .seconds(60)
    /// How work is rebalanced.
    package var rebalancing = RebalancingOptions()
    /// Which configs are taken apart.
    package var sharding = ShardingOptions()
    /// Checks whose configs are not dispatched.
    package var excludedChecks: Set<String> = []
    /// What is patched into each config before it is sent.
    package var patch: ConfigPatch

    /// The defaults, with a patch.
    package init(patch: ConfigPatch) {
        self.patch = patch
    }

    /// How often silent nodes are looked for: thirty times in a timeout, so that one is found at most a thirtieth late; at least twice in a
    /// second, at most twenty times in one.
    package var expiryInterval: Duration {
        min(max(nodeExpirationTimeout / 30, .milliseconds(50)), .milliseconds(500))
    }

    /// A longer time between two moments in which this process was seen to listen is a pause of its own, which no node is charged with: a
    /// fifth of the timeout, from 200 ms to 2 s. Several times `expiryInterval`, since a busy machine's clock ticks late.
    package var longestListenedGap: Duration {
        min(max(nodeExpirationTimeout / 5, .milliseconds(200)), .seconds(2))
    }
}
