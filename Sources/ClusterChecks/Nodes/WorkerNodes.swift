package import Platform

/// A Kubernetes node that node-agents run on, reduced to what tells whether it may get work.
package struct WorkerNode: Hashable, Sendable {
    /// Its name.
    @ExactText package private(set) var name: String
    /// Whether new work may come to it: false once it is cordoned.
    package let isSchedulable: Bool
    /// Whether its kubelet reports that it is ready.
    package let isReady: Bool
    /// Its labels, by which configs select it.
    package let labels: [ExactText: ExactText]
    /// The capacity that it states for its node-agent.
    package let capacity: StatedAmount

    /// A Kubernetes node.
    package init(
        name: String, isSchedulable: Bool, isReady: Bool = true, labels: [ExactText: ExactText] = [:],
        capacity: StatedAmount = .none
    ) {
        self.labels = labels
        self.capacity = capacity
        self.name = name
        self.isSchedulable = isSchedulable
        self.isReady = isReady
    }
}

/// What became of the Kubernetes nodes.
package enum WorkerNodeChange: Sendable {
    /// These are all of them, as they were at `begun` or later: one that is not among them is gone.
    case replaced([WorkerNode], begun: Instant)
    /// One is new, or changed.
    case applied(WorkerNode)
    /// The one of this name is gone.
    case deleted(String)
}

/// The Kubernetes nodes, and which of them are schedulable.
struct WorkerNodes: Sendable {
    /// Whether they have been listed. Until then none counts as cordoned.
    private(set) var isKnown = false
    /// When the newest list of them began; `.distantPast` until they have been listed.
    private(set) var readSince = Instant.distantPast
    private var nodes: [ExactText: WorkerNode] = [:]

    /// - Returns: the names of the nodes that changed, sorted.
    mutating func handle(_ change: WorkerNodeChange) -> [String] {
        switch change {
        case .replaced(let all, let begun):
            isKnown = true
            readSince = begun
            let former = nodes
            nodes = Dictionary(all.map { (ExactText($0.name), $0) }) { $1 }
            return Set(former.keys).union(nodes.keys).filter { former[$0] != nodes[$0] }.sortedTexts()
        case .applied(let node):
            guard isKnown, nodes.updateValue(node, forKey: ExactText(node.name)) != node else { return [] }
            return [node.name]
        case .deleted(let name):
            return nodes.removeValue(forKey: name) == nil ? [] : [name]
        }
    }

    /// The Kubernetes node of this name; nil if it is not known.
    subscript(_ name: String) -> WorkerNode? { nodes[ExactText(name)] }

    /// Whether a Kubernetes node exists and is cordoned.
    func isCordoned(_ name: String) -> Bool {
        nodes[name]?.isSchedulable == false
    }

    /// Whether a pod that ends on a Kubernetes node can be followed by another one there.
    func canRestart(on name: String) -> Bool {
        nodes[name].map { $0.isSchedulable && $0.isReady } ?? false
    }

    /// Whether it is certain that a Kubernetes node does not exist.
    func isGone(_ name: String) -> Bool {
        isKnown && nodes[name] == nil
    }
}
