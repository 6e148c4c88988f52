package import CheckModel
package import Platform

/// How the Handler dispatches, and its limits.
package struct HandlerOptions: Sendable {
    /// How long a new leader that adopts no placements lets nodes report before it dispatches. Only time in which it
    /// leads and runs counts. It ends early once every ready node-agent's pod has reported.
    package var warmup: Duration = .seconds(30)
    /// How long a node may be silent, while this process listens, before it expires.
    package var nodeExpirationTimeout: Duration = .seconds(30)
    /// How long the configs of an agent that is being restarted wait for the next one.
    package var restartGrace: Duration = .seconds(15)
    /// The maximum number of nodes. Further ones are refused.
    package var maximumNodes = 10_000
    /// The maximum number of configs. Further ones are refused, and logged.
    package var maximumConfigs = 200_000
    /// How long a config may have no node before it counts as unscheduled; at least `nodeExpirationTimeout`.
    package var unscheduledCheckThreshold: Duration = .seconds(60)
    /// How configs are rebalanced.
    package var rebalancing = RebalancingOptions()
    /// Which configs are sharded.
    package var sharding = ShardingOptions()
    /// The checks whose configs are not dispatched.
    package var excludedChecks: Set<ExactText> = []
    /// What is changed in each config before it is sent.
    package var patch: ConfigPatch
    /// How the history names this replica; empty if it has no name.
    package var replica = ""
    /// For tests of the simulation.
    package var bugs = DeliberateBugs()

    /// The defaults, with a patch.
    package init(patch: ConfigPatch) {
        self.patch = patch
    }

    /// How often silent nodes are looked for: 30 times in a timeout, so that a node expires late by a thirtieth of it
    /// at most, but at least twice and at most 20 times in a second.
    var expiryInterval: Duration {
        min(max(nodeExpirationTimeout / 30, .milliseconds(50)), .milliseconds(500))
    }

    /// The longest gap between two moments of listening that still counts as listening: a fifth of the timeout, from
    /// 200 ms to 2 s. It is several times `expiryInterval`, since timers are late on a busy machine.
    var longestListenedGap: Duration {
        min(max(nodeExpirationTimeout / 5, .milliseconds(200)), .seconds(2))
    }
}
