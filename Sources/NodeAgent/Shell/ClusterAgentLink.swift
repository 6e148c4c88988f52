import CheckModel
import HTTPClient
import Platform
import Synchronization

/// Performs what `AgentCore` decides: sends its requests with libcurl, logs its reports, passes on the instances to
/// run.
///
/// One loop handles all events in order, so that an older set of configs never replaces a newer one.
final class ClusterAgentLink: Sendable {
    /// What the link knows.
    struct Snapshot: Sendable {
        /// Whether the last poll succeeded; nil before the first ended.
        var isReachable: Bool?
        /// How many configs are assigned to this agent.
        var configs = 0
    }

    /// What the link does with the checks.
    struct Checks: Sendable {
        /// Called with the whole set of instances when it has changed.
        var run: @Sendable ([AssignedInstance]) -> Void
        /// Called with the instant until which exclusive instances may be started.
        var allowExclusive: @Sendable (Instant) -> Void
        /// Calls its argument when no check runs any more.
        var whenIdle: @Sendable (@escaping @Sendable () -> Void) -> Void
    }

    /// The conversation with the cluster-agent.
    private struct Conversation: Sendable {
        var core: AgentCore
        var client: HTTPClient
        var transfers: [UInt64: Transfer] = [:]
        var events: [AgentEvent] = []
        var isOver = false
    }

    private struct State {
        var snapshot = Snapshot()
        /// What `run` leaves to `takeLeave`.
        var conversation: Conversation?
    }

    /// Where the cluster-agent is, and how to authenticate to it.
    struct Target: Sendable {
        /// `https://HOST:PORT`, without a trailing slash.
        var url: String
        /// `X-Real-Ip` of every request; may be empty.
        var runnerHost: String
        /// The client to start with.
        var first: HTTPClient
        /// Makes a client for new connections, from the files as they are then.
        var makeClient: @Sendable () throws(StartError) -> HTTPClient
        /// The token that requests carry now.
        var token: @Sendable () -> String
        /// Called with a token that was rejected, so that a changed file is read at once, and with what the
        /// cluster-agent said.
        var onTokenRejected: @Sendable (_ token: String, _ reason: String) -> Void
    }

    private let options: AgentCoreOptions
    private let target: Target
    private let checks: Checks
    private let clock: any Clock
    private let log: Log
    private let inbox: Inbox<AgentEvent>
    private let state = Mutex(State())

    /// A link that does nothing before `run`.
    ///
    /// - Parameters:
    ///   - options: the settings of the core.
    ///   - target: the cluster-agent.
    ///   - checks: what runs the instances.
    init(options: AgentCoreOptions, target: Target, checks: Checks, clock: any Clock, log: Log) {
        self.options = options
        self.target = target
        self.checks = checks
        self.clock = clock
        self.log = log
        inbox = Inbox(clock: clock)
    }

    var snapshot: Snapshot {
        state.withLock { $0.snapshot }
    }

    /// Takes results that have changed, and instances that are no longer run, to tell the leader.
    func note(_ results: [InstanceResult], gone: [ExactText]) {
        inbox.put(.results(results, gone: gone))
    }

    /// Talks to the cluster-agent until the task is cancelled. `takeLeave` must follow.
    func run() async {
        var conversation = Conversation(core: AgentCore(options: options), client: target.first)
        while !Task.isCancelled { await proceed(&conversation) }
        let left = conversation
        state.withLock { $0.conversation = left }
    }

    /// Hands the checks over, stops them and says that this agent is gone, in a task that is not cancelled. It takes no
    /// longer than `Goodbye` allows.
    func takeLeave() async {
        let left = state.withLock { $0.conversation.take() }
        guard var conversation = left else { return }
        conversation.events.append(.stop)
        while !conversation.isOver { await proceed(&conversation) }
        await conversation.client.shutdown()
    }

    /// Handles what has happened, and waits until something else does.
    private func proceed(_ conversation: inout Conversation) async {
        var actions: [AgentAction] = []
        for event in conversation.events + [.tick] {
            if case .answered(let id, _) = event { conversation.transfers[id] = nil }
            actions += conversation.core.handle(event, now: clock.now())
        }
        checks.allowExclusive(conversation.core.exclusiveEnd)
        for action in actions { await perform(action, &conversation) }
        let now = Snapshot(
            isReachable: conversation.core.isReachable, configs: conversation.core.configs.count)
        state.withLock { $0.snapshot = now }
        conversation.events = conversation.isOver ? [] : await inbox.take(until: conversation.core.nextWake)
    }

    private func perform(_ action: AgentAction, _ conversation: inout Conversation) async {
        switch action {
        case .send(let request): conversation.transfers[request.id] = send(request, conversation.client)
        case .cancel(let id): conversation.transfers.removeValue(forKey: id)?.cancel()
        case .rebuildClient: conversation.client = await rebuilt(conversation.client)
        case .run(let instances): checks.run(instances)
        case .report(let report): write(report)
        case .awaitIdle: checks.whenIdle { [inbox] in inbox.put(.idle) }
        case .finish: conversation.isOver = true
        }
    }

    private func send(_ request: AgentRequest, _ client: HTTPClient) -> Transfer {
        var headers = [(name: "X-Real-Ip", value: target.runnerHost)]
        if request.body != nil { headers.append(("Content-Type", "application/json")) }
        let message = ClientRequest(
            request.method, url: target.url + request.path, headers: headers, body: request.body,
            maximumResponseBytes: ConfigsAnswer.maximumBytes)
        let token = target.token()
        return client.start(message, deadline: request.deadline) { [inbox, target] result in
            let reply: AgentReply
            switch result {
            case .success(let response):
                if response.status == 401 || response.status == 403 {
                    target.onTokenRejected(token, AgentReply.firstLine(response.body))
                }
                reply = AgentReply(to: request.call, status: response.status, body: response.body)
            case .failure(let error): reply = .failed(.unreachable(error.description))
            }
            inbox.put(.answered(request.id, reply))
        }
    }

    /// Keeps the old client if no new one can be made: old connections are better than none.
    private func rebuilt(_ old: HTTPClient) async -> HTTPClient {
        do {
            let client = try target.makeClient()
            await old.shutdown()
            return client
        } catch {
            log.warning("cannot reconnect, keeping the old connections", ["reason": "\(error)"])
            return old
        }
    }

    private func write(_ report: AgentReport) {
        switch report {
        case .connected(let version):
            log.info("connected to the cluster-agent", ["url": target.url, "protocol_version": version])
        case .registered:
            log.info("registered", ["node": options.nodeID])
        case .configsChanged(let added, let removed, let total):
            log.info("configs changed", ["added": added, "removed": removed, "configs": total])
        case .waiting:
            log.info("waiting for changes instead of polling", ["longest": durationText(options.wait)])
        case .polling(let failure):
            log.info(
                "polling for changes",
                ["reason": failure?.description ?? "the cluster-agent does not support waiting for changes"])
        case .unreachable(let call, let failure):
            log.warning(
                "call to the cluster-agent failed, checks keep running",
                ["url": target.url, "call": call.name, "reason": failure])
        case .reachable(let time):
            log.info("the cluster-agent answers again", ["after": durationText(time)])
        case .configsDropped(let configs, let time):
            log.error(
                "degraded deadline passed, configs dropped",
                ["configs": configs, "without_answer_for": durationText(time)])
        case .exclusiveStopped(let configs, let time):
            log.warning(
                "exclusive checks stopped, another agent may get them",
                ["configs": configs, "without_answer_for": durationText(time)])
        case .exclusiveStarted(let configs):
            log.info("exclusive checks started again", ["configs": configs])
        case .left(let handedOver, let unconfirmed, let time, let failure):
            log.info(
                "took leave of the cluster-agent",
                [
                    "handed_over": handedOver, "unconfirmed": unconfirmed, "after": durationText(time),
                    "failure": failure?.description ?? "none",
                ])
        }
    }
}

extension AgentCall {
    /// For log lines.
    fileprivate var name: String {
        switch self {
        case .version: "version"
        case .status: "status"
        case .configs: "configs"
        case .wait: "changes"
        case .endpointsConfigs: "endpoints checks"
        case .extraHeartbeat: "heartbeat"
        case .departure(let departure, _): departure.rawValue
        }
    }
}
