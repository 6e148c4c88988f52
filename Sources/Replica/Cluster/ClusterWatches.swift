import AutoConf
import ClusterChecks
import Kubernetes
import Platform

/// The watches on the cluster. Every replica keeps them all the time, so that a new leader starts warm.
struct ClusterWatches: Sendable {
    /// Each of them, in the order of their start.
    let all: [any ResourceWatch]
    private let clock: any Clock

    init(
        _ kubernetes: KubernetesAccess, _ autoConf: AutoConf, _ handler: Handler, _ statuses: ClusterCheckStatuses?,
        _ surroundings: ReplicaSurroundings
    ) {
        let (clock, entropy, log) = (surroundings.clock, surroundings.entropy, surroundings.log)
        self.clock = clock
        var watches: [any ResourceWatch] = [
            Reflector(
                source: kubernetes.services, clock: clock, entropy: entropy, log: log,
                onPage: { autoConf.handle(page: $0) }, handler: { autoConf.handle($0) }),
            Reflector(source: kubernetes.endpoints, clock: clock, entropy: entropy, log: log) { autoConf.handle($0) },
        ]
        if let clusterChecks = kubernetes.clusterChecks {
            watches.append(
                Reflector(
                    source: clusterChecks, isOptional: true, clock: clock, entropy: entropy, log: log,
                    onPage: { page in
                        autoConf.handle(page: page)
                        statuses?.handle(page: page)
                    },
                    onForbidden: { autoConf.clusterChecksForbidden(begun: $0) }
                ) { event in
                    autoConf.handle(event)
                    statuses?.handle(event)
                })
        }
        if let pods = kubernetes.pods {
            watches.append(
                Reflector(source: pods, isOptional: true, clock: clock, entropy: entropy, log: log) {
                    handler.handle(Self.podChange($0))
                })
        }
        if let nodes = kubernetes.nodes {
            watches.append(
                Reflector(source: nodes, isOptional: true, clock: clock, entropy: entropy, log: log) {
                    handler.handle(Self.nodeChange($0))
                })
        }
        all = watches
    }

    /// What has not been read yet.
    var unsettled: [String] {
        all.map(\.report).filter { !$0.isSettled }.map { report in
            "\(report.resource) have not been read yet" + (report.problem.map { ": \($0)" } ?? "")
        }
    }

    /// The watches whose loop has stopped. An API server that does not answer stops none.
    var stalled: [String] {
        let now = clock.now()
        return all.map(\.report).filter { now - $0.lastAttempt > $0.longestAttempt }.map { report in
            "the watch of \(report.resource) has made no attempt for \(durationText(now - report.lastAttempt))"
        }
    }

    /// One line for each watch.
    var conditions: [String] {
        let now = clock.now()
        return all.map(\.report).map { report in
            let state =
                switch report.problem {
                case let problem?: "failing: \(problem)"
                case nil: report.isAbsent ? "not installed" : report.isSynced ? "synced" : "not read yet"
                }
            let contact = report.lastContact.map { "; heard \(durationText(now - $0)) ago" } ?? "; never heard"
            return "\(report.resource): \(state)\(contact)"
        }
    }

    /// Has each of them make a new whole list soon.
    func readAnew() {
        for watch in all { watch.readAnew() }
    }

    func collect(into writer: inout MetricsWriter) {
        ResourceReport.collect(all.map(\.report), now: clock.now(), into: &writer)
    }

    /// A pod that is over runs nothing any more: it counts as deleted (kubernetes/kubernetes#109414).
    static func podChange(_ event: ReflectorEvent<Pod>) -> AgentPodChange {
        switch event {
        case .replaced(let pods, let begun): .replaced(pods.filter { !$0.isOver }.map(agentPod), begun: begun)
        case .applied(let pod): pod.isOver ? .deleted(agentPod(pod)) : .applied(agentPod(pod))
        case .deleted(let pod): .deleted(agentPod(pod))
        }
    }

    private static func agentPod(_ pod: Pod) -> AgentPod {
        AgentPod(
            namespace: pod.metadata.namespace, name: pod.metadata.name, uid: pod.metadata.uid,
            addresses: pod.addresses, nodeName: pod.nodeName, isTerminating: pod.isTerminating,
            isReady: pod.isReady, isOfDaemonSet: pod.metadata.controllerKind == "DaemonSet",
            capacity: capacity(pod.metadata, "pod \(pod.metadata.name)"))
    }

    static func nodeChange(_ event: ReflectorEvent<KubernetesNode>) -> WorkerNodeChange {
        switch event {
        case .replaced(let nodes, let begun): .replaced(nodes.map(workerNode), begun: begun)
        case .applied(let node): .applied(workerNode(node))
        case .deleted(let node): .deleted(node.metadata.name)
        }
    }

    private static func workerNode(_ node: KubernetesNode) -> WorkerNode {
        WorkerNode(
            name: node.metadata.name, isSchedulable: !node.isUnschedulable, isReady: node.isReady,
            labels: node.metadata.labels, capacity: capacity(node.metadata, "Kubernetes node \(node.metadata.name)"))
    }

    private static func capacity(_ metadata: ObjectMetadata, _ object: String) -> StatedAmount {
        if let problem = StatedCapacity.problem(of: metadata) { return .wrong("\(object): \(problem)") }
        return StatedCapacity.of(metadata).map(StatedAmount.some) ?? .none
    }
}
