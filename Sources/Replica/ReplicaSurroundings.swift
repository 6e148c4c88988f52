package import AutoConf
package import ClusterChecks
package import HTTPServer
package import Kubernetes
package import Leadership
package import Platform

/// Everything outside a replica that it works with. A process gives it the machine's, a simulation its own.
package struct ReplicaSurroundings: Sendable {
    /// The Kubernetes API; nil where there is none.
    package var kubernetes: KubernetesAccess?
    /// Carries calls to the leader.
    package var peers: any ReplicaTransport
    /// Asks node-agents and runners what their checks cost.
    package var statistics: any StatisticsReader
    /// Fetches the lists of targets; nil if there are none to fetch.
    package var discovery: (any DiscoveryFetch)?
    /// Runs what takes too long for a serving thread.
    package var background: any BackgroundExecutor
    /// Where config files are read from.
    package var files: any ConfigFiles
    /// The variables that `%%env_X%%` may name.
    package var environment: [String: String]
    /// The tokens that node-agents and other replicas may present.
    package var agentTokens: BearerTokens
    /// The tokens that operators may present; nil if nobody may make an operator's call.
    package var operatorTokens: BearerTokens?
    /// What replicas present to each other to mirror the leader's store; nil if none is mirrored.
    package var replicaTokens: ReplicaTokens?
    /// What this replica presents to the leader on behalf of agents that wait: the agents' token, or the replicas'.
    package var token: @Sendable () -> String
    /// Where other replicas reach this one; nil while that is not known.
    package var endpoint: @Sendable () -> LeaderEndpoint?
    /// Gets every event of the Handler's store; nil for nobody.
    package var observe: (@Sendable (StoreEvent) -> Void)?
    /// When the certificate expires that agents see; nil if there is none.
    package var certificateExpiry: @Sendable () -> WallTime? = { nil }
    /// The time.
    package var clock: any Clock
    /// Randomness.
    package var entropy: any Entropy
    /// Where to say what happens.
    package var log: Log

    /// Surroundings.
    package init(
        kubernetes: KubernetesAccess?, peers: any ReplicaTransport, statistics: any StatisticsReader,
        background: any BackgroundExecutor, files: any ConfigFiles, environment: [String: String],
        agentTokens: BearerTokens, operatorTokens: BearerTokens?, replicaTokens: ReplicaTokens? = nil,
        token: @escaping @Sendable () -> String,
        endpoint: @escaping @Sendable () -> LeaderEndpoint?, observe: (@Sendable (StoreEvent) -> Void)? = nil,
        clock: any Clock, entropy: any Entropy, log: Log
    ) {
        self.kubernetes = kubernetes
        self.peers = peers
        self.statistics = statistics
        self.background = background
        self.files = files
        self.environment = environment
        self.agentTokens = agentTokens
        self.operatorTokens = operatorTokens
        self.replicaTokens = replicaTokens
        self.token = token
        self.endpoint = endpoint
        self.observe = observe
        self.clock = clock
        self.entropy = entropy
        self.log = log
    }
}

/// The secret that all replicas share, and nobody else has.
package struct ReplicaTokens: Sendable {
    /// Those that others may present.
    package var accepted: BearerTokens
    /// The one that this replica presents now.
    package var presented: @Sendable () -> String

    /// Tokens.
    package init(accepted: BearerTokens, presented: @escaping @Sendable () -> String) {
        self.accepted = accepted
        self.presented = presented
    }
}

/// The Kubernetes API as a replica uses it: over HTTP in a process, simulated in a simulation.
package struct KubernetesAccess: Sendable {
    /// The Lease, on connections of its own: a long list must never delay a renewal.
    package var leases: (any LeaseClient)?
    /// Services of all namespaces.
    package var services: any ListWatchSource<Service>
    /// Their endpoints.
    package var endpoints: any ListWatchSource<ServiceEndpoints>
    /// The ClusterChecks of all namespaces; nil if they are not a source.
    package var clusterChecks: (any ListWatchSource<ClusterCheck>)?
    /// Where their status is written; nil to write none.
    package var clusterCheckStatuses: (any ClusterCheckStatusWriter)?
    /// The node-agents' pods; nil if they are not watched, and heartbeats alone count.
    package var pods: (any ListWatchSource<Pod>)?
    /// The Kubernetes nodes; nil if they are not watched.
    package var nodes: (any ListWatchSource<KubernetesNode>)?
    /// Writes Events; nil to write none.
    package var recorder: EventRecorder?
    /// Where what operators want is kept; nil if it is not.
    package var intent: (any KeptText)?
    /// Says whose ServiceAccount token an agent presents; nil if none is accepted.
    package var tokenReviewer: (any TokenReviewing)?
    /// When the API server last answered; nil if nobody notes it.
    package var contact: APIServerContact?

    /// Access to an API server.
    package init(
        leases: (any LeaseClient)?, services: any ListWatchSource<Service>,
        endpoints: any ListWatchSource<ServiceEndpoints>,
        clusterChecks: (any ListWatchSource<ClusterCheck>)? = nil,
        clusterCheckStatuses: (any ClusterCheckStatusWriter)? = nil, pods: (any ListWatchSource<Pod>)?,
        nodes: (any ListWatchSource<KubernetesNode>)?, recorder: EventRecorder?, intent: (any KeptText)? = nil
    ) {
        self.leases = leases
        self.services = services
        self.endpoints = endpoints
        self.clusterChecks = clusterChecks
        self.clusterCheckStatuses = clusterCheckStatuses
        self.pods = pods
        self.nodes = nodes
        self.recorder = recorder
        self.intent = intent
    }
}

/// Carries calls to other replicas: over TLS in a process, over the simulated network in a simulation.
package protocol ReplicaTransport: Sendable {
    /// Sends a call once.
    ///
    /// - Parameter completion: gets what became of it, once, on any thread.
    func send(_ forward: Forward, completion: @escaping @Sendable (ForwardResult) -> Void)
}

/// Asks node-agents and runners what their checks cost.
package protocol StatisticsReader: Sendable {
    /// Asks all of them until `end` at the latest.
    ///
    /// - Parameter completion: gets what came of each, once, on any thread, in no particular order.
    /// - Returns: what stops it early: those not asked by then are not asked.
    func read(
        _ targets: [StatisticsTarget], until end: Instant,
        completion: @escaping @Sendable ([StatisticsReading]) -> Void
    ) -> @Sendable () -> Void
}

/// No statistics: nobody measures anything.
package struct NoStatistics: StatisticsReader {
    /// Creates a reader.
    package init() {}

    /// Reads nothing, at once.
    package func read(
        _ targets: [StatisticsTarget], until end: Instant,
        completion: @escaping @Sendable ([StatisticsReading]) -> Void
    ) -> @Sendable () -> Void {
        completion([])
        return {}
    }
}

/// Runs what takes too long for the thread that serves requests.
package protocol BackgroundExecutor: Sendable {
    /// Runs `work` soon, apart from the caller.
    ///
    /// - Returns: whether it will; false when the system has no thread for it.
    func run(_ work: @escaping @Sendable () -> Void) -> Bool
}
