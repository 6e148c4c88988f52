import HTTPServer
import JSON
import Kubernetes
import Platform

/// Who an agent is, as its own credentials prove. Who presents a token that is shared has none.
struct AgentIdentity: Hashable, Sendable {
    /// The Kubernetes node that it runs on.
    @ExactText private(set) var node: String
    /// Its pod, as `NAMESPACE/NAME`; empty if its credentials are of the node.
    @ExactText private(set) var pod: String

    /// The identity of what runs in a pod.
    init(_ pod: TokenPod) {
        node = pod.node
        self.pod = "\(pod.namespace)/\(pod.name)"
    }

    /// The identity of a node's agent.
    init(node: String) {
        self.node = node
        pod = ""
    }

    /// The agent, in words.
    var description: String { pod.isEmpty ? "node \(node)" : "pod \(pod) on node \(node)" }

    /// Why it gets no answer to a call; nil if it may make it: an agent reports, and reads its configs, as its node or
    /// as its pod.
    func refusal(of route: Route) -> APIError? {
        switch route {
        case .version: nil
        case .status(let id), .configs(let id), .targets(let id):
            isItsOwn(id) ? nil : .otherAgents(asked: id, by: self)
        case .endpointsChecks(let name): name.hasSameBytes(as: node) ? nil : .otherAgents(asked: name, by: self)
        case .follow, .mirror: .replicasOnly
        case .allEndpointsChecks, .state, .overview, .rebalance, .isolate, .history, .intent, .explain, .simulate:
            .operatorsOnly
        }
    }

    private func isItsOwn(_ id: String) -> Bool {
        if id.hasSameBytes(as: node) { return true }
        return pod.utf8.split(separator: UInt8(ascii: "/"), maxSplits: 1).dropFirst().first?.elementsEqual(id.utf8)
            ?? false
    }
}

// How a replica tells another one for whom it asks.
extension AgentIdentity {
    /// Names the agent for whom a replica forwards a call. It counts only beside the replicas' own secret.
    static let header = "X-Cluster-Agent-Identity"

    /// The field's value: the node and, after a space, the pod if there is one; both escaped.
    var headerValue: String { percentEncoded(node) + (pod.isEmpty ? "" : " \(percentEncoded(pod))") }

    /// Nil for a text that no replica writes.
    init?(headerValue: String) {
        let parts = headerValue.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), parts.allSatisfy({ !$0.isEmpty }),
            let texts = try? parts.map({ try percentDecoded($0) })
        else { return nil }
        node = texts[0]
        pod = texts.count > 1 ? texts[1] : ""
    }
}
