package import Platform

/// The decoded answer to a request.
package enum AgentReply: Sendable, Equatable {
    /// The cluster-agent's version, as text for people.
    case version(String)
    /// Whether the agent has what it should run, how many checks of an agent that is leaving are not handed over,
    /// whether the leader asks what the agent runs, and up to which number it has the agent's results; nil if it keeps
    /// none.
    case status(
        isUpToDate: Bool, handingOver: Int = 0, asksForRunning: Bool = false, resultsVersion: Int64? = nil)
    /// All configs that the agent should run, and their revision.
    case configs(lastChange: Int64, configs: [AssignedConfig])
    /// The answer to a long poll that ended without a change.
    case unchanged
    /// No usable answer. It says nothing about what should run.
    case failed(AgentFailure)
}

/// Why a request had no usable answer.
package enum AgentFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// No answer, with the transport's reason.
    case unreachable(String)
    /// A status other than 200; `text` is the first line of the body.
    case status(Int, text: String)
    /// A 200 with an unexpected body.
    case malformed(String)
    /// The core stopped waiting.
    case timedOut(after: Duration)

    /// Whether the connection may be the cause, so that a new one may help.
    var isOfConnection: Bool {
        switch self {
        // The agent presents a token with each call: what is missing is a certificate that has not expired.
        case .unreachable, .timedOut, .status(401, _): true
        case .status, .malformed: false
        }
    }

    /// One line for people, with advice where there is any.
    package var description: String {
        switch self {
        case .unreachable(let reason): reason
        case .status(401, let text), .status(403, let text):
            "the cluster-agent rejects the call (\(text)); if it is the token, compare cluster_agent.auth_token on both "
                + "sides"
        case .status(let code, let text): text.isEmpty ? "status \(code)" : "status \(code): \(text)"
        case .malformed(let reason): "malformed answer: \(reason)"
        case .timedOut(let time): "no answer within \(durationText(time))"
        }
    }
}

/// What the core reacts to.
package enum AgentEvent: Sendable, Equatable {
    /// `AgentCore.nextWake` has been reached. The first tick starts the agent.
    case tick
    /// The request with this ID was answered, or failed.
    case answered(UInt64, AgentReply)
    /// The results of these instances have changed, and these check IDs are no longer run.
    case results([InstanceResult], gone: [ExactText])
    /// The process is asked to stop: take leave. `AgentAction.finish` ends it.
    case stop
    /// The runs that `AgentAction.awaitIdle` asked about have ended.
    case idle
}

/// What the core asks the shell to do.
package enum AgentAction: Sendable, Equatable {
    /// Send a request; its answer comes back as `AgentEvent.answered`.
    case send(AgentRequest)
    /// Cancel the request with this ID: its answer is no longer needed.
    case cancel(UInt64)
    /// Close all connections; later requests use new ones.
    case rebuildClient
    /// Run exactly these instances. They are sorted by check ID, without duplicates.
    case run([AssignedInstance])
    /// Log this for the operator.
    case report(AgentReport)
    /// Send `AgentEvent.idle` once no check runs any more.
    case awaitIdle
    /// All is done after `AgentEvent.stop`.
    case finish
}

/// What an operator wants to know, reported once.
package enum AgentReport: Sendable, Equatable {
    /// The cluster-agent answered for the first time.
    case connected(version: String)
    /// The first status call was accepted: the cluster-agent knows this node.
    case registered
    /// The set of configs has changed.
    case configsChanged(added: Int, removed: Int, total: Int)
    /// The agent uses long polls from now on.
    case waiting
    /// The agent polls from now on: a long poll failed, or the cluster-agent does not support them.
    case polling(AgentFailure?)
    /// A poll failed after a successful one, or the first poll failed.
    case unreachable(call: AgentCall, AgentFailure)
    /// A poll succeeded after failed ones.
    case reachable(after: Duration)
    /// The degraded deadline has passed: the configs are dropped.
    case configsDropped(configs: Int, after: Duration)
    /// The exclusive checks of so many configs are stopped: no leader has answered for so long.
    case exclusiveStopped(configs: Int, after: Duration)
    /// They run again: a list of configs says that they still belong to this agent.
    case exclusiveStarted(configs: Int)
    /// The agent has taken leave: so many checks run elsewhere before it ended, and so many others it only stopped.
    case left(handedOver: Int, unconfirmed: Int, after: Duration, AgentFailure?)
}
