package import CheckModel
import Platform

/// How a node-agent talks to the cluster-agent. The defaults are those of Datadog's agents.
package struct AgentCoreOptions: Sendable {
    /// The name under which this agent reports, usually its host name.
    var nodeID: String
    /// The Kubernetes node whose endpoints checks to run; nil for none.
    var kubernetesNodeName: String?
    /// Tells this run of the agent apart from those before it: a 63-bit random number.
    package var session: Int64 = 1
    /// Which checks it runs; nil to say nothing of it.
    package var compatibility: CheckCompatibility?
    /// Time from the start of one poll to the start of the next (`ad_config_poll_interval`).
    package var pollInterval: Duration = .seconds(10)
    /// How long this node may be silent before the cluster-agent expires it (its
    /// `cluster_checks.node_expiration_timeout`).
    package var nodeExpirationTimeout: Duration = .seconds(30)
    /// How long after the last success a failed status call counts as "up to date" (`grace_time_seconds`).
    var gracePeriod: Duration = .seconds(60)
    /// How long after the last success the checks keep running (`degraded_deadline`); zero for no limit.
    var degradedDeadline: Duration = .zero
    /// How often to reconnect, so that agents spread over the replicas again
    /// (`cluster_agent.client_reconnect_period_seconds`).
    package var reconnectPeriod: Duration = .seconds(1200)
    /// Whether to use long polls if the cluster-agent supports them.
    package var waitsForChanges = true
    /// The time limit of one request.
    var requestTimeout: Duration = .seconds(10)
    /// The time limit of one extra heartbeat.
    var extraHeartbeatTimeout: Duration = .seconds(5)

    /// The defaults, for an agent that reports as `nodeID`.
    package init(nodeID: String, kubernetesNodeName: String? = nil) {
        self.nodeID = nodeID
        self.kubernetesNodeName = kubernetesNodeName
    }

    /// How long a long poll waits: a third of the expiration timeout, since its arrival counts as a heartbeat.
    var wait: Duration {
        nodeExpirationTimeout / 3
    }

    /// How long after the last heartbeat an extra one is due: 5 s before this node would expire, but at least 1 s.
    var extraHeartbeatAfter: Duration {
        max(.seconds(1), nodeExpirationTimeout - .seconds(5))
    }

    /// For how long after the last request that was answered exclusive checks run: until 5 s before this node would
    /// expire, in which the runs under way end. Of a timeout of 10 s or less it is half.
    var exclusiveLimit: Duration {
        nodeExpirationTimeout > .seconds(10) ? nodeExpirationTimeout - .seconds(5) : nodeExpirationTimeout / 2
    }

    /// How long after the last request that was answered an agent with exclusive checks sends an extra heartbeat: often
    /// enough that they outlast a change of leaders, which takes a Lease's duration.
    var exclusiveHeartbeatAfter: Duration {
        exclusiveLimit / 5
    }

    /// How long after an extra heartbeat without an answer such an agent sends the next one, and how soon one whose
    /// exclusive checks are stopped asks for them.
    var exclusiveRetryAfter: Duration {
        exclusiveLimit / 12
    }
}
