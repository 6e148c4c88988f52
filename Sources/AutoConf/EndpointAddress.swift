/// One address among the endpoints of a Service, reduced to what checks are made of.
struct EndpointAddress: Hashable {
    /// An IP address, or a name.
    let address: String
    /// What it listens on.
    var ports: [TargetPort]
    /// The node it is on; empty if it is not known.
    let nodeName: String
    /// The uid of the Pod behind it; empty if it is no Pod's.
    let podUID: String
}

/// How an endpoint becomes a check: `endpoints.resolve`.
enum EndpointResolution: Hashable {
    /// The agent of the node that hosts the Pod behind the endpoint runs the check; where there is no Pod, any agent.
    case auto
    /// Any agent runs it, whatever is behind the address.
    case ip

    /// The value of the annotation or of the file's key, and whether it is one that is known; all else is `auto`.
    static func parse(_ text: String?) -> (resolution: EndpointResolution, isKnown: Bool) {
        switch text ?? "" {
        case "", "auto": (.auto, true)
        case "ip": (.ip, true)
        default: (.auto, false)
        }
    }
}
