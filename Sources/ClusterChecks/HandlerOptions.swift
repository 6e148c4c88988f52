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
    /// What is patched into each config before it is sent.
    package var patch: ConfigPatch

    /// The defaults, with a patch.
    package init(patch: ConfigPatch) {
        self.patch = patch
    }

    /// How often silent nodes are looked for: ten times in a timeout, at least once in a second, at most ten times in one.
    package var expiryInterval: Duration {
        min(max(nodeExpirationTimeout / 10, .milliseconds(100)), .seconds(1))
    }
}
