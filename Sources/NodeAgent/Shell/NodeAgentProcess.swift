import HTTPClient
import HTTPServer
import Platform

/// The whole node-agent: built from options, started in order, stopped in reverse order.
final class NodeAgentProcess: Sendable {
    /// How long shutdown may take before the process exits regardless: 8 s to take leave, 2 s for each server, and some
    /// more.
    private static let stopLimit: Duration = .seconds(15)

    /// The port of `/api/v1/clcrunner/…`.
    let commandPort: UInt16
    /// The SHA-256 pin of that port's public key, in libcurl's format.
    let publicKeyPin: String
    /// The port of `/metrics`; nil if it is off.
    let metricsPort: UInt16?

    private let checks: CheckRunner
    private let link: ClusterAgentLink
    private let servers: [(name: String, server: HTTPServer)]
    private let clock: any Clock
    private let log: Log

    /// Reads files and binds ports, but starts nothing.
    ///
    /// - Throws: `StartError`.
    init(
        options: Options, environment: [String: String], clock: any Clock, log: Log
    ) throws(StartError) {
        let url = try Self.url(options)
        let token = AgentToken(
            try SharedToken(
                options, value: NodeAgentOptions.authToken, file: NodeAgentOptions.authTokenFile, every: .seconds(5),
                clock: clock),
            account: try Self.accountToken(options, clock), clock: clock, log: log.named("cluster-agent"))
        let nodeID = Self.nodeID(options, environment)
        let checks = CheckRunner(
            workers: options[NodeAgentOptions.workers], executor: NetworkExecutor(clock: clock), clock: clock,
            log: log.named("checks"))
        let link = ClusterAgentLink(
            options: Self.coreOptions(options, nodeID: nodeID),
            target: try Self.target(options, url: url, token, clock),
            checks: ClusterAgentLink.Checks(
                run: { checks.replace($0) }, allowExclusive: { checks.allowExclusive(until: $0) },
                whenIdle: { checks.whenIdle($0) }),
            clock: clock, log: log.named("cluster-agent"))
        checks.tellResults { link.note($0, gone: $1) }
        (self.checks, self.link, self.clock, self.log) = (checks, link, clock, log)
        if !options[NodeAgentOptions.tlsVerify], options[NodeAgentOptions.publicKeyPin].isEmpty {
            log.warning(
                "the cluster-agent's certificate is not verified: anyone in between can read the token", ["url": url])
        }
        let registry = MetricsRegistry()
        registry.register { writer in
            writer.family(
                "node_agent_build_info", .gauge, help: "Always 1; the label version says what runs.",
                [(["version": Command.version], 1)])
            ProcessMetrics.collect(into: &writer)
        }
        registry.register { CheckMetrics(checks: checks, link: link).write(&$0) }
        registry.register { log.collect(into: &$0) }
        let host = options[NodeAgentOptions.listenHost]
        do throws(HTTPServerError) {
            let identity = try TLSIdentity.selfSigned(hosts: Self.names(host))
            var serving = HTTPServerOptions(
                name: "api", host: host, port: UInt16(options[NodeAgentOptions.commandPort]),
                tls: TLSServerOptions(identity: identity))
            serving.authenticates = true
            let api = try HTTPServer(
                options: serving, handler: RunnerHandler(checks: checks, token: token), clock: clock,
                log: log.named("api"))
            var servers = [(name: "api", server: api)]
            if let port = Self.port(options[NodeAgentOptions.metricsPort]) {
                var plain = HTTPServerOptions(
                    name: "metrics", host: host, port: port, limits: HTTPLimits(connections: 64))
                plain.usesReservedDescriptors = true
                let metrics = try HTTPServer(
                    options: plain, handler: MetricsHandler(registry: registry), clock: clock, log: log.named("metrics")
                )
                servers.append(("metrics", metrics))
            }
            (commandPort, publicKeyPin) = (api.port, identity.publicKeyPin)
            metricsPort = servers.count > 1 ? servers[1].server.port : nil
            self.servers = servers
        } catch {
            throw StartError(error.description)
        }
    }

    /// Runs until `stop` returns, then stops everything.
    ///
    /// - Returns: the exit code: 0 after a normal shutdown, 1 if a component ended by itself.
    /// - Throws: `StartError` if the system has too few threads or descriptors.
    func run(until stop: @escaping @Sendable () async -> Void) async throws(StartError) -> Int32 {
        var lifecycle = Lifecycle(log: log, clock: clock)
        for (name, server) in servers {
            do throws(HTTPServerError) { try server.start() } catch { throw StartError("\(name): \(error)") }
            log.info("serving", ["server": name, "port": server.port])
            lifecycle.add(name, closing: { await server.stop(within: .seconds(2)) })
        }
        lifecycle.add("checks", run: { [checks] in await checks.run() })
        // It is stopped before the checks, which run on while it hands them over.
        lifecycle.add(
            "cluster-agent link", run: { [link] in await link.run() }, afterwards: { [link] in await link.takeLeave() })
        let ended = await lifecycle.run(stopWithin: Self.stopLimit, until: stop)
        return ended == nil ? 0 : 1
    }
}
