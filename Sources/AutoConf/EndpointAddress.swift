import Platform

/// One address of a Service's endpoints, with what checks need to know of it.
struct EndpointAddress: Hashable {
    /// An IP address, or a name.
    @ExactText private(set) var address: String
    /// The ports that it listens on.
    var ports: [TargetPort]
    /// The node that it is on; empty if unknown.
    @ExactText private(set) var nodeName: String
    /// The uid of its Pod; empty if it does not belong to one.
    @ExactText private(set) var podUID: String
}

/// Which agent runs the check of an endpoint: `endpoints.resolve`.
enum EndpointResolution: Hashable {
    /// The agent on the node of the endpoint's Pod; any agent if there is no Pod.
    case auto
    /// Any agent.
    case ip

    /// Parses the value of the annotation or of the file's key. An unknown value counts as `auto`.
    static func parse(_ text: String?) -> (resolution: EndpointResolution, isKnown: Bool) {
        switch text ?? "" {
        case "", "auto": (.auto, true)
        case "ip": (.ip, true)
        default: (.auto, false)
        }
    }
}
