import CheckModel
import HTTPClient
import Platform
import Synchronization

/// Performs what `AgentCore` decides: sends its requests with libcurl, logs its reports, passes on the instances to
/// run.
///
/// One loop handles all events in order, so that an older set of configs never replaces a newer one.
final class ClusterAgentLink: Sendable {
    private enum Event: Sendable {
        case answered(UInt64, AgentReply)
    }

    /// What the link knows.
    struct Snapshot: Sendable {
        /// Whether the last poll succeeded; nil before the first ended.
        var isReachable: Bool?
        /// How many configs are assigned to this agent.
        var configs = 0
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
        /// Called with a token that was rejected, so that a changed file is read at once.
        var onTokenRejected: @Sendable (String) -> Void
    }

    private let options: AgentCoreOptions
    private let target: Target
    private let run: @Sendable ([AssignedInstance]) -> Void
    private let clock: any Clock
    private let log: Log
    private let inbox: Inbox<Event>
    private let published = Mutex(Snapshot())

    /// A link that does nothing before `run`.
    ///
    /// - Parameters:
    ///   - options: the settings of the core.
    ///   - target: the cluster-agent.
    ///   - run: called with the whole set of instances when it has changed.
    init(
        options: AgentCoreOptions, target: Target, clock: any Clock, log: Log,
        run: @escaping @Sendable ([AssignedInstance]) -> Void
    ) {
        self.options = options
        self.target = target
        self.run = run
        self.clock = clock
        self.log = log
        inbox = Inbox(clock: clock)
    }

    var snapshot: Snapshot {
        published.withLock { $0 }
    }

    /// Talks to the cluster-agent until the task is cancelled.
    func run() async {
        var core = AgentCore(options: options)
        var client = target.first
        var transfers: [UInt64: Transfer] = [:]
        var events: [Event] = []
        while !Task.isCancelled {
            var actions: [AgentAction] = []
            for case .answered(let id, let reply) in events {
                transfers[id] = nil
                actions += core.handle(.answered(id, reply), now: clock.now())
            }
            actions += core.handle(.tick, now: clock.now())
            for action in actions {
                switch action {
                case .send(let request): transfers[request.id] = send(request, client)
                case .cancel(let id): transfers.removeValue(forKey: id)?.cancel()
                case .rebuildClient: client = await rebuilt(client)
                case .run(let instances): run(instances)
                case .report(let report): write(report)
                }
            }
            let now = Snapshot(isReachable: core.isReachable, configs: core.configs.count)
            published.withLock { $0 = now }
            events = await inbox.take(until: core.nextWake)
        }
        await client.shutdown()
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
                if response.status == 401 || response.status == 403 { target.onTokenRejected(token) }
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
        }
    }
}
