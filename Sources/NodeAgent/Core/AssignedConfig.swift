import CheckModel
package import Platform

/// One instance that is assigned to this agent, as received.
package struct AssignedInstance: Sendable, Hashable {
    /// The check ID, computed from the bytes received: an edited instance has a new one.
    @ExactText package private(set) var id: String
    @ExactText private(set) var checkName: String
    /// The instance's text: JSON if it comes from our cluster-agent.
    let instance: [UInt8]
    /// The text of the config's `init_config`; empty if it has none.
    var initConfig: [UInt8] = []
    /// Where the config is from.
    @ExactText var provider = ""
    /// Whether it must never run on two agents.
    var isExclusive = false
}

/// One config that is assigned to this agent.
package struct AssignedConfig: Sendable, Hashable {
    @ExactText private(set) var checkName: String
    /// In order; empty for a config that only has logs.
    package let instances: [AssignedInstance]
    /// Whether its checks must never run on two agents.
    private(set) var isExclusive = false
}

extension AssignedConfig {
    init(_ wire: WireConfig) {
        let instances = zip(wire.checkIDs, wire.instances).map { id, instance in
            AssignedInstance(
                id: id, checkName: wire.checkName, instance: instance, initConfig: wire.initConfig ?? [],
                provider: wire.provider, isExclusive: wire.isExclusive)
        }
        self.init(checkName: wire.checkName, instances: instances, isExclusive: wire.isExclusive)
    }
}
