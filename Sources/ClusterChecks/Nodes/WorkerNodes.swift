/// The Kubernetes nodes, and which of them may get work.
package struct WorkerNodes: Sendable {
    /// Whether all of them have been read once. Until then none counts as cordoned.
    package private(set) var isKnown = false
    private var nodes: [String: WorkerNode] = [:]

    /// No nodes, and nothing known.
    package init() {}

    /// Takes a change in.
    ///
    /// - Returns: the names of the nodes that are not any more what they were, sorted.
    package mutating func take(_ change: WorkerNodeChange) -> [String] {
        switch change {
        case .replaced(let all):
            isKnown = true
            let former = nodes
            nodes = Dictionary(all.map { ($0.name, $0) }) { $1 }
            return Set(former.keys).union(nodes.keys).filter { former[$0] != nodes[$0] }.sorted()
        case .applied(let node):
            guard isKnown, nodes.updateValue(node, forKey: node.name) != node else { return [] }
            return [node.name]
        case .deleted(let name):
            return nodes.removeValue(forKey: name) == nil ? [] : [name]
        }
    }

    /// Whether a Kubernetes node is there and cordoned.
    package func isCordoned(_ name: String) -> Bool {
        nodes[name]?.isSchedulable == false
    }

    /// Whether it is known that no Kubernetes node has this name.
    package func isGone(_ name: String) -> Bool {
        isKnown && nodes[name] == nil
    }
}
