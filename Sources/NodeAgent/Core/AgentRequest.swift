package import CheckModel
import JSON
package import Platform

/// A call of the cluster-agent's API.
package enum AgentCall: Sendable, Hashable {
    /// `GET /version`, before all other calls.
    case version
    /// `POST …/status/{id}` with the last known `last_change`, and with the check IDs of the cluster checks that run if
    /// the leader asked for them.
    case status(lastChange: Int64, running: [ExactText]? = nil)
    /// `GET …/configs/{id}`.
    case configs
    /// `GET …/configs/{id}?last_change=N&wait=SECONDS`, a long poll: answered when the revision of the configs differs
    /// from `lastChange`, or after `wait`.
    case wait(lastChange: Int64, wait: Duration)
    /// `GET …/endpointschecks/configs/{node name}`.
    case endpointsConfigs
    /// `POST …/status/{id}` with `last_change` −1, whose answer says only that there is a leader, and, if results are
    /// sent, up to which number it has them.
    case extraHeartbeat(results: ResultsReport? = nil)
    /// `POST …/status/{id}` with `departure`, by an agent that is asked to stop.
    case departure(Departure, lastChange: Int64)
}

/// One request. An answer with an ID that the core does not wait for is late, and ignored.
package struct AgentRequest: Sendable, Hashable {
    /// Unique during the life of the agent.
    package let id: UInt64
    /// The call that the request makes.
    package let call: AgentCall
    /// `GET` or `POST`.
    @ExactText package private(set) var method: String
    /// The percent-encoded path, and the query if there is one.
    @ExactText package private(set) var path: String
    /// The body; nil for a GET.
    package let body: [UInt8]?
    /// When it was sent.
    let sentAt: Instant
    /// When the transport must end it. A second later the core gives it up.
    package let deadline: Instant

    /// `node_type` of a node agent.
    private static let nodeType = 2

    /// - Parameter deadline: nil for that of the call.
    init(id: UInt64, call: AgentCall, options: AgentCoreOptions, now: Instant, deadline: Instant? = nil) {
        self.id = id
        self.call = call
        let node = percentEncoded(options.nodeID)
        switch call {
        case .version:
            (method, path, body) = ("GET", "/version", nil)
        case .status(let lastChange, let running):
            (method, path) = ("POST", "/api/v1/clusterchecks/status/\(node)")
            body =
                NodeStatusRequest(
                    lastChange: lastChange, nodeType: Self.nodeType, running: running,
                    compatibility: options.compatibility
                ).encoded()
        case .configs:
            (method, path, body) = ("GET", "/api/v1/clusterchecks/configs/\(node)", nil)
        case .wait(let lastChange, let wait):
            method = "GET"
            path = "/api/v1/clusterchecks/configs/\(node)?last_change=\(lastChange)&wait=\(Self.seconds(wait))"
            body = nil
        case .endpointsConfigs:
            let name = percentEncoded(options.kubernetesNodeName ?? "")
            (method, path, body) = ("GET", "/api/v1/endpointschecks/configs/\(name)", nil)
        case .extraHeartbeat(let results):
            (method, path) = ("POST", "/api/v1/clusterchecks/status/\(node)")
            body =
                NodeStatusRequest(
                    lastChange: NodeStatusRequest.heartbeatOnly, nodeType: Self.nodeType, results: results
                ).encoded()
        case .departure(let departure, let lastChange):
            (method, path) = ("POST", "/api/v1/clusterchecks/status/\(node)")
            body =
                NodeStatusRequest(lastChange: lastChange, nodeType: Self.nodeType, departure: departure).encoded()
        }
        sentAt = now
        self.deadline = deadline ?? now + Self.timeLimit(of: call, options)
    }

    private static func timeLimit(of call: AgentCall, _ options: AgentCoreOptions) -> Duration {
        switch call {
        case .extraHeartbeat: options.extraHeartbeatTimeout
        // Beyond its wait, it takes no longer than a heartbeat.
        case .wait(_, let wait): wait + options.extraHeartbeatTimeout
        case .version, .status, .configs, .endpointsConfigs, .departure: options.requestTimeout
        }
    }

    /// Seconds with three decimals.
    private static func seconds(_ duration: Duration) -> String {
        let milliseconds = duration.nanoseconds / 1_000_000
        return "\(milliseconds / 1000).\(zeroPadded(milliseconds % 1000, width: 3))"
    }
}
