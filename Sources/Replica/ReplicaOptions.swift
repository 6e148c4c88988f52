package import AutoConf
package import ClusterChecks
package import Kubernetes
import Platform

/// How a replica works: the options of its parts, and what concerns several of them.
package struct ReplicaOptions: Sendable {
    /// Which sources of configs are read.
    package var autoConf: AutoConfOptions
    /// How configs are dispatched.
    package var handler: HandlerOptions
    /// How requests are answered.
    package var api: APIOptions
    /// How this replica competes for the Lease; nil if it leads alone. The annotations are the replica's own.
    package var election: LeaderElectionOptions?
    /// The time between two rebalancings.
    package var rebalancePeriod: Duration = .seconds(600)
    /// How often runners are asked how their checks fare.
    package var resultsPeriod: Duration = .seconds(30)
    /// How often a follower keeps the leader's overview.
    package var overviewPeriod: Duration = .seconds(10)
    /// The shortest time between two writes of the status of ClusterChecks.
    package var statusInterval: Duration = .milliseconds(100)
    /// How long a stopping replica goes on forwarding after it has released the Lease.
    package var shutdownDelay: Duration = .seconds(2)

    /// Options; everything not given has its default.
    package init(
        autoConf: AutoConfOptions, handler: HandlerOptions, api: APIOptions, election: LeaderElectionOptions? = nil
    ) {
        self.autoConf = autoConf
        self.handler = handler
        self.api = api
        self.election = election
    }
}
