/// One instance that this agent is to run, exactly as it came.
package struct AssignedInstance: Sendable, Hashable {
    /// Its check ID, computed from the bytes that came: an edited instance has another one.
    package let id: String
    /// The check to run.
    package let checkName: String
    /// The instance's text: JSON from our cluster-agent.
    package let instance: [UInt8]

    /// An instance.
    package init(id: String, checkName: String, instance: [UInt8]) {
        self.id = id
        self.checkName = checkName
        self.instance = instance
    }
}

/// One config that this agent was given.
package struct AssignedConfig: Sendable, Hashable {
    /// The check's name.
    package let checkName: String
    /// Its instances, in order; none for a config that only has logs.
    package let instances: [AssignedInstance]

    /// A config.
    package init(checkName: String, instances: [AssignedInstance]) {
        self.checkName = checkName
        self.instances = instances
    }
}
