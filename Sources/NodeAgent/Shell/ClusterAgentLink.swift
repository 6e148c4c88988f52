package import HTTPClient
package import Platform
import Synchronization

/// Performs what `AgentCore` decides: its requests over libcurl, its reports as log lines, what is to run to whoever runs it.
///
/// One loop takes all events in order, so that an older set of configs never replaces a newer one.
package final class ClusterAgentLink: Sendable {
    private enum Event: Sendable {
        case answered(UInt64, AgentReply)
    }

    /// What the link knows at one moment.
    package struct Snapshot: Sendable {
        /// Whether the last poll succeeded; nil before the first ended.
        package var isReachable: Bool?
        /// Configs that this agent was given.
        package var configs = 0
    }

    /// Where the cluster-agent is, and how to be known to it.
    package struct Target: Sendable {
        /// `https://HOST:PORT` without a slash at its end.
        package var url: String
        /// `X-Real-Ip` of every request; may be empty.
        package var runnerHost: String
        /// The client to begin with.
        package var first: HTTPClient
        /// Makes another: called whenever connections are made anew, so that changed files are read again.
        package var makeClient: @Sendable () throws(StartError) -> HTTPClient
        /// The token that requests carry now.
        package var token: @Sendable () -> String
        /// Called with the token that was refused, so that a changed one is read at once.
        package var tokenRefused: @Sendable (String) -> Void

        /// A target.
        package init(
            url: String, runnerHost: String, first: HTTPClient,
            makeClient: @escaping @Sendable () throws(StartError) -> HTTPClient,
            token: @escaping @Sendable () -> String, tokenRefused: @escaping @Sendable (String) -> Void
        ) {
            self.url = url
            self.runnerHost = runnerHost
            self.first = first
            self.makeClient = makeClient
            self.token = token
            self.tokenRefused = tokenRefused
        }
    }

    private static let largestAnswer = 64 << 20

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
    ///   - options: how the core talks.
    ///   - target: whom it talks to.
    ///   - run: is given the whole set of instances whenever it is another one.
    package init(
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

    /// What it knows now.
    package var snapshot: Snapshot {
        published.withLock { $0 }
    }

    /// Talks to the cluster-agent until the task is cancelled.
    package func run() async {
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
                case .report(let report): say(report)
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
            maximumResponseBytes: Self.largestAnswer)
        let token = target.token()
        return client.start(message, deadline: request.deadline) { [inbox, target] result in
            let reply: AgentReply
            switch result {
            case .success(let response):
                if response.status == 401 || response.status == 403 { target.tokenRefused(token) }
                reply = AgentReply(to: request.call, status: response.status, body: response.body)
            case .failure(let error): reply = .failed(.unreachable(error.description))
            }
            inbox.put(.answered(request.id, reply))
        }
    }

    /// The old client is kept if no new one can be made: old connections are better than none.
    private func rebuilt(_ old: HTTPClient) async -> HTTPClient {
        do {
            let client = try target.makeClient()
            await old.shutdown()
            return client
        } catch {
            log.warning("cannot make new connections, keeping the old ones", ["reason": "\(error)"])
            return old
        }
    }

    private func say(_ report: AgentReport) {
        switch report {
        case .connected(let version):
            log.info("connected to the cluster-agent", ["url": target.url, "version": version])
        case .registered:
            log.info("registered", ["node": options.nodeID])
        case .configsChanged(let added, let removed, let total):
            log.info("configs changed", ["added": added, "removed": removed, "configs": total])
        case .waiting:
            log.info("waiting for changes, polling no more", ["longest": durationText(options.wait)])
        case .polling(let failure):
            log.info(
                "polling for changes",
                ["reason": failure?.description ?? "the cluster-agent does not let calls wait for a change"])
        case .unreachable(let call, let failure):
            log.warning(
                "no good answer from the cluster-agent, checks keep running",
                ["url": target.url, "call": call.name, "reason": failure])
        case .reachable(let time):
            log.info("the cluster-agent answers again", ["after": durationText(time)])
        case .gaveUp(let configs, let time):
            log.error(
                "degraded deadline passed, configs dropped",
                ["configs": configs, "without_answer_for": durationText(time)])
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
