import AutoConf
import ClusterChecks
import Kubernetes
import Platform

/// The watches of all that this replica wants to know of the cluster. Every replica keeps them all the time, so that a new leader starts warm.
struct KubernetesSources: Sendable {
    let watches: [any ResourceWatch]
    private let clock: any Clock

    /// - Parameter namespace: where the node-agents' pods are, unless an option says otherwise.
    init(
        _ options: Options, client: KubernetesClient, namespace: String, autoConf: AutoConf, handler: Handler,
        clock: any Clock, entropy: any Entropy, log: Log
    ) {
        self.clock = clock
        var watches: [any ResourceWatch] = [
            Reflector<Service>(source: ResourceSource(client: client), clock: clock, entropy: entropy, log: log) {
                autoConf.feed($0)
            },
            ServiceEndpointsWatch(client: client, clock: clock, entropy: entropy, log: log) { autoConf.feed($0) },
        ]
        let selector = options[AgentOptions.agentSelector]
        if !selector.isEmpty {
            let given = options[AgentOptions.agentNamespace]
            let pods = ResourceSource<Pod>(
                client: client, namespace: given.isEmpty ? namespace : given, labelSelector: selector)
            watches.append(
                Reflector(source: pods, isOptional: true, clock: clock, entropy: entropy, log: log) {
                    handler.handle(Self.pods($0))
                })
            watches.append(
                Reflector<KubernetesNode>(
                    source: ResourceSource(client: client), isOptional: true, clock: clock, entropy: entropy, log: log
                ) { handler.handle(Self.nodes($0)) })
        }
        self.watches = watches
    }

    /// Adds each to the process's parts.
    func add(to lifecycle: inout Lifecycle) {
        for watch in watches { lifecycle.add(watch.report.resource, run: { await watch.run() }) }
    }

    /// What is not known yet.
    var unsettled: [String] {
        watches.map(\.report).filter { !$0.isSettled }.map { report in
            "\(report.resource) have not been read yet" + (report.problem.map { ": \($0)" } ?? "")
        }
    }

    /// Which of our loops have stopped. An API server that does not answer stops none.
    var stalled: [String] {
        let now = clock.now()
        return watches.map(\.report).filter { now - $0.lastAttempt > $0.longestAttempt }.map { report in
            "the watch of \(report.resource) has not tried anything for \(durationText(now - report.lastAttempt))"
        }
    }

    /// One line for each watch.
    var conditions: [String] {
        let now = clock.now()
        return watches.map(\.report).map { report in
            let state =
                switch report.problem {
                case let problem?: "failing: \(problem)"
                case nil: report.isSynced ? "synced" : "not read yet"
                }
            let contact = report.lastContact.map { "; heard \(durationText(now - $0)) ago" } ?? "; never heard"
            return "\(report.resource): \(state)\(contact)"
        }
    }

    /// Writes the metrics of the watches.
    func collect(into writer: inout MetricsWriter) {
        ResourceReport.collect(watches.map(\.report), now: clock.now(), into: &writer)
    }

    private static func pods(_ event: ReflectorEvent<Pod>) -> AgentPodChange {
        switch event {
        case .replaced(let pods): .replaced(pods.map(agentPod))
        case .applied(let pod): .applied(agentPod(pod))
        case .deleted(let pod): .deleted(agentPod(pod))
        }
    }

    private static func agentPod(_ pod: Pod) -> AgentPod {
        AgentPod(
            namespace: pod.metadata.namespace, name: pod.metadata.name, uid: pod.metadata.uid,
            addresses: pod.addresses, nodeName: pod.nodeName, isTerminating: pod.isTerminating)
    }

    private static func nodes(_ event: ReflectorEvent<KubernetesNode>) -> WorkerNodeChange {
        switch event {
        case .replaced(let nodes): .replaced(nodes.map(workerNode))
        case .applied(let node): .applied(workerNode(node))
        case .deleted(let node): .deleted(node.metadata.name)
        }
    }

    private static func workerNode(_ node: KubernetesNode) -> WorkerNode {
        WorkerNode(name: node.metadata.name, isSchedulable: !node.isUnschedulable, isReady: node.isReady)
    }
}
