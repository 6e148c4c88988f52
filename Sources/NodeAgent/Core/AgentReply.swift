import Platform

/// What came of a request, understood.
package enum AgentReply: Sendable, Equatable {
    /// The cluster-agent's version, as text for people.
    case version(String)
    /// Whether the agent has what it should run.
    case status(isUpToDate: Bool)
    /// The whole list of what the agent should run, and its revision.
    case configs(lastChange: Int64, configs: [AssignedConfig])
    /// What the agent has is what it should run: the time of a call that waits was over.
    case unchanged
    /// No usable answer. Nothing may be concluded from it about what should run.
    case failed(AgentFailure)
}

/// Why a request had no usable answer.
package enum AgentFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// Nothing came back: the reason in the transport's words.
    case unreachable(String)
    /// The answer has another status than 200; `text` is the start of its body.
    case status(Int, text: String)
    /// A 200 whose body is not what was asked for.
    case malformed(String)
    /// The core gave the request up.
    case timedOut(after: Duration)

    /// Whether the connection itself may be the cause, so that a new one is worth making.
    var isOfConnection: Bool {
        switch self {
        case .unreachable, .timedOut: true
        case .status, .malformed: false
        }
    }

    /// One line for people, with what to do where that is known.
    package var description: String {
        switch self {
        case .unreachable(let reason): reason
        case .status(401, let text), .status(403, let text):
            "the cluster-agent refuses the token (\(text)): compare cluster_agent.auth_token on both sides"
        case .status(let code, let text): text.isEmpty ? "status \(code)" : "status \(code): \(text)"
        case .malformed(let reason): "malformed answer: \(reason)"
        case .timedOut(let time): "no answer within \(durationText(time))"
        }
    }
}

/// What happens to the core.
package enum AgentEvent: Sendable, Equatable {
    /// Time has passed: `AgentCore.nextWake` is reached. The first one starts the agent.
    case tick
    /// A request was answered, or failed.
    case answered(UInt64, AgentReply)
}

/// What the core wants done, in order.
package enum AgentAction: Sendable, Equatable {
    /// Send a request; its answer comes back as `AgentEvent.answered`.
    case send(AgentRequest)
    /// Nobody waits for this request any more.
    case cancel(UInt64)
    /// Close the connections and make new ones for what is sent from here on.
    case rebuildClient
    /// From now on run exactly these instances; sorted by check ID, each once.
    case run([AssignedInstance])
    /// Something to tell the operator.
    case report(AgentReport)
}

/// What an operator wants to know, each said once.
package enum AgentReport: Sendable, Equatable {
    /// The cluster-agent answered for the first time.
    case connected(version: String)
    /// The first status call was accepted: the cluster-agent knows this node.
    case registered
    /// The set of configs is another one.
    case configsChanged(added: Int, removed: Int, total: Int)
    /// Changes are waited for from here on, and not polled for.
    case waiting
    /// Changes are polled for again: a call that should wait had no good answer, or was answered as if it should not.
    case polling(AgentFailure?)
    /// A poll failed after one that did not.
    case unreachable(call: AgentCall, AgentFailure)
    /// A poll succeeded again.
    case reachable(after: Duration)
    /// The degraded deadline has passed: the configs are dropped.
    case gaveUp(configs: Int, after: Duration)
}
