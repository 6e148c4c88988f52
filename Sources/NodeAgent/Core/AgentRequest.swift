import JSON
package import Platform

/// What a node-agent asks of the cluster-agent.
package enum AgentCall: Sendable, Hashable {
    /// `GET /version`: mandatory before anything else.
    case version
    /// `POST …/status/{id}` with the last known `last_change`.
    case status(lastChange: Int64)
    /// `GET …/configs/{id}`.
    case configs
    /// `GET …/configs/{id}?last_change=N&wait=SECONDS`: answered once the configs are others than those of `lastChange`, or after `wait`.
    case wait(lastChange: Int64, wait: Duration)
    /// `GET …/endpointschecks/configs/{node name}`.
    case endpointsConfigs
    /// `POST …/status/{id}` with `last_change` −1: only says that this node lives; its answer is ignored.
    case extraHeartbeat
}

/// One numbered request. An answer that carries another number than the awaited one is late, and ignored.
package struct AgentRequest: Sendable, Hashable {
    /// Its number, unique in the life of the agent.
    package let id: UInt64
    /// What it asks.
    package let call: AgentCall
    /// `GET` or `POST`.
    package let method: String
    /// The percent-encoded path, and the query if there is one.
    package let path: String
    /// The body; nil for a GET.
    package let body: [UInt8]?
    /// When it was made.
    package let sentAt: Instant
    /// When the transport must have ended it; a second later the core takes it for lost.
    package let deadline: Instant

    init(id: UInt64, call: AgentCall, options: AgentCoreOptions, now: Instant) {
        self.id = id
        self.call = call
        let node = percentEncoded(options.nodeID)
        switch call {
        case .version:
            (method, path, body) = ("GET", "/version", nil)
        case .status(let lastChange):
            (method, path) = ("POST", "/api/v1/clusterchecks/status/\(node)")
            body = Self.statusBody(lastChange)
        case .configs:
            (method, path, body) = ("GET", "/api/v1/clusterchecks/configs/\(node)", nil)
        case .wait(let lastChange, let wait):
            method = "GET"
            path = "/api/v1/clusterchecks/configs/\(node)?last_change=\(lastChange)&wait=\(Self.seconds(wait))"
            body = nil
        case .endpointsConfigs:
            let name = percentEncoded(options.kubernetesNodeName ?? "")
            (method, path, body) = ("GET", "/api/v1/endpointschecks/configs/\(name)", nil)
        case .extraHeartbeat:
            (method, path) = ("POST", "/api/v1/clusterchecks/status/\(node)")
            body = Self.statusBody(-1)
        }
        sentAt = now
        deadline = now + Self.timeLimit(of: call, options)
    }

    private static func timeLimit(of call: AgentCall, _ options: AgentCoreOptions) -> Duration {
        switch call {
        case .extraHeartbeat: options.extraHeartbeatTimeout
        // Beyond what it waits it takes no longer than a heartbeat.
        case .wait(_, let wait): wait + options.extraHeartbeatTimeout
        case .version, .status, .configs, .endpointsConfigs: options.requestTimeout
        }
    }

    /// Seconds with three decimals.
    private static func seconds(_ duration: Duration) -> String {
        let milliseconds = duration.nanoseconds / 1_000_000
        return "\(milliseconds / 1000).\(zeroPadded(milliseconds % 1000, width: 3))"
    }

    /// `node_type` 2 is a node agent (1 is a cluster check runner).
    private static func statusBody(_ lastChange: Int64) -> [UInt8] {
        Array("{\"last_change\":\(lastChange),\"node_type\":2}".utf8)
    }
}
