import CheckModel
import JSON

/// What `status` prints, in the words of upstream's status page.
struct StatusReport {
    let state: JSONValue

    /// The text.
    var text: String {
        switch state["not_running"]?.stringValue ?? "" {
        case "": leading
        case "currently follower":
            switch state["leader"]?.stringValue ?? "" {
            case "": "Status: Follower, no leader found"
            case let leader: "Status: Follower, redirecting to leader at \(leader)"
            }
        default: "Status: unknown"
        }
    }

    private var leading: String {
        let nodes = state["nodes"]?.arrayValue ?? []
        let unassigned = state["dangling"]?.arrayValue?.count ?? 0
        let dispatched = nodes.reduce(0) { $0 + ($1["configs"]?.arrayValue?.count ?? 0) }
        let isWarmingUp = state["warmup"]?.boolValue == true
        return [
            isWarmingUp ? "Status: Leader, warming up" : "Status: Leader, serving requests",
            "Active agents: \(nodes.count)", "Check Configurations: \(dispatched + unassigned)",
            "  - Dispatched: \(dispatched)", "  - Unassigned: \(unassigned)",
        ].joined(separator: "\n")
    }
}
