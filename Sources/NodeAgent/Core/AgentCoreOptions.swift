/// How a node-agent talks to the cluster-agent. The defaults are those of Datadog's agents.
package struct AgentCoreOptions: Sendable, Equatable {
    /// The name under which this agent reports: its host name.
    package var nodeID: String
    /// The Kubernetes node's name, to get endpoints checks for; nil: endpoints checks are not asked for.
    package var kubernetesNodeName: String?
    /// Time from the start of one poll to the start of the next (`ad_config_poll_interval`).
    package var pollInterval: Duration = .seconds(10)
    /// After how long without a word the cluster-agent takes this node for lost (`cluster_checks.node_expiration_timeout` there).
    package var nodeExpirationTimeout: Duration = .seconds(30)
    /// How long after the last success a failed status call still counts as "up to date" (`grace_time_seconds`).
    package var gracePeriod: Duration = .seconds(60)
    /// How long after the last success the configs are kept running; zero: for ever (`degraded_deadline_minutes`).
    package var degradedDeadline: Duration = .zero
    /// After how long connections are made anew, so that agents spread over the replicas again
    /// (`cluster_agent.client_reconnect_period_seconds`).
    package var reconnectPeriod: Duration = .seconds(1200)
    /// Whether to wait for changes where the cluster-agent can tell them, in place of polling for them.
    package var waitsForChanges = true
    /// Time for one request in all.
    package var requestTimeout: Duration = .seconds(10)
    /// Time for one extra heartbeat in all.
    package var extraHeartbeatTimeout: Duration = .seconds(5)

    /// An agent that reports as `nodeID`, all else at its default.
    package init(nodeID: String, kubernetesNodeName: String? = nil) {
        self.nodeID = nodeID
        self.kubernetesNodeName = kubernetesNodeName
    }

    /// For how long to wait for a change: a third of the time to the next heartbeat at the latest, since the arrival of the call is one.
    var wait: Duration {
        nodeExpirationTimeout / 3
    }

    /// Silence after which an extra heartbeat is due: 5 s before this node would be taken for lost, at least 1 s.
    var extraHeartbeatAfter: Duration {
        max(.seconds(1), nodeExpirationTimeout - .seconds(5))
    }
}
