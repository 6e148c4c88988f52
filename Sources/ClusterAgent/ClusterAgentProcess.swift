import AutoConf
import ClusterChecks
import HTTPServer
import Kubernetes
package import Platform
import Replica

/// One replica as a process: wraps it in options, files, sockets, TLS and connections.
package struct ClusterAgentProcess: Sendable {
    private let options: Options
    private let clock: any Clock
    private let log: Log
    private let token: SharedToken
    private let tokens: BearerTokens
    private let operatorToken: OperatorToken?
    private let operators: BearerTokens?
    private let replicaSecret: ReplicaSecret?
    private let serving: ServingIdentity
    private let published: PublishedAddress
    private let kubernetes: KubernetesConnection?
    private let forwarder: LeaderForwarder
    private let statistics: HTTPStatisticsReader
    private let discovery: HTTPDiscoveryFetch?
    private let replica: Replica
    private let server: HTTPServer
    private let probes: [HTTPServer]

    /// Makes every part and binds every port; starts nothing.
    ///
    /// - Throws: `StartError` naming what is in the way.
    package init(
        options: Options, environment: [String: String], clock: any Clock, entropy: any Entropy, log: Log
    ) throws(StartError) {
        self.options = options
        self.clock = clock
        self.log = log
        token = try SharedToken(
            options, value: AgentOptions.authToken, file: AgentOptions.authTokenFile, every: .seconds(1), clock: clock)
        let authentication = AgentAuthentication(options)
        tokens = BearerTokens(
            authentication.acceptsSharedToken ? token.text : "", grace: options[AgentOptions.authTokenGrace])
        operatorToken = try OperatorToken(options, entropy: entropy, clock: clock)
        if let operatorToken, operatorToken.text == token.text {
            throw .usage(
                "--\(AgentOptions.operatorTokenFile.key): it holds the agents' token, so every agent could act as the "
                    + "operator: give it another one, or a file that does not exist")
        }
        operators = operatorToken.map { BearerTokens($0.text, grace: options[AgentOptions.authTokenGrace]) }
        replicaSecret = try ReplicaSecret(options, clock: clock)
        if let secret = replicaSecret?.tokens.presented(), [token.text, operatorToken?.text].contains(secret) {
            throw .usage(
                "--\(AgentOptions.replicaTokenFile.key): it holds the agents' token, or the operator's, so others could "
                    + "act as a replica: give it another one")
        }
        try Self.checkIdentities(options, authentication, hasReplicaSecret: replicaSecret != nil)
        serving = try ServingIdentity(options, hosts: PublishedAddress.hosts(options, environment), clock: clock)
        published = PublishedAddress(options, environment, publicKeyPin: serving.identity.publicKeyPin)
        let scrape = try PrometheusScrape(options)
        kubernetes = try KubernetesConnection(
            options, environment, keptAnnotations: scrape?.annotationPrefixes ?? [], published: published, clock: clock,
            entropy: entropy, log: log)
        forwarder = LeaderForwarder(clock: clock, log: log)
        statistics = try HTTPStatisticsReader(options, token: token, clock: clock)
        let discoveries = try HTTPDiscovery.all(options)
        discovery = discoveries.isEmpty ? nil : try HTTPDiscoveryFetch(clock: clock)
        var surroundings = ReplicaSurroundings(
            kubernetes: kubernetes?.access, peers: forwarder, statistics: statistics, background: ThreadPerCall(),
            files: SystemConfigFiles(), environment: environment, agentTokens: tokens, operatorTokens: operators,
            replicaTokens: replicaSecret?.tokens,
            token: { [token, replicaSecret] in
                authentication.acceptsSharedToken ? token.text : replicaSecret?.tokens.presented() ?? ""
            },
            endpoint: { [published] in published.endpoint }, clock: clock, entropy: entropy, log: log)
        surroundings.discovery = discovery
        surroundings.certificateExpiry = { [served = serving.served] in served.value.expiry }
        if kubernetes?.election != nil, replicaSecret == nil {
            log.warning(
                "the replicas share no secret, so the leader's store is not mirrored: checks may move when it changes",
                ["set": "\(AgentOptions.replicaTokenFile.key) or \(AgentOptions.keyFile.key)"])
        }
        do throws(KubernetesError) {
            var wanted = Self.replicaOptions(options, kubernetes, scrape, log)
            wanted.autoConf.discoveries = discoveries
            wanted.autoConf.discoveryInterval = options[AgentOptions.pollInterval]
            replica = try Replica(wanted, in: surroundings)
        } catch {
            throw .usage("\(error)")
        }
        server = try Self.makeServer(options, serving, replica.requestHandler, clock, log)
        published.bound(to: server.port)
        probes = try Self.makeProbes(options, replica, server, clock, log)
    }

    /// Runs until `stop` returns or a part fails.
    ///
    /// - Returns: the exit code: 0 after an ordinary stop, 1 when a part ended by itself.
    /// - Throws: `StartError` if the system has too few threads or descriptors.
    package func run(until stop: @escaping @Sendable () async -> Void) async throws(StartError) -> Int32 {
        do throws(HTTPServerError) {
            for server in [server] + probes { try server.start() }
        } catch {
            throw StartError("\(error)")
        }
        log.info(
            "started",
            [
                "version": Command.version, "port": server.port, "leader_election": kubernetes?.election != nil,
                "kubernetes": kubernetes != nil,
            ])
        let limit = options[AgentOptions.shutdownDelay] + .seconds(20)
        let failed = await replica.run(
            stopWithin: limit, stopListening: { [server] in await server.stop(within: .seconds(3)) },
            outer: { addParts(to: &$0) }, until: stop)
        log.info("stopped")
        return failed == nil ? 0 : 1
    }

    private func addParts(to lifecycle: inout Lifecycle) {
        let (clock, log) = (clock, log)
        for probe in probes {
            lifecycle.add("probes", closing: { await probe.stop(within: .seconds(1)) })
        }
        lifecycle.add("memory", run: { await FreedMemory.giveBack(every: .seconds(10), clock: clock) })
        if AgentAuthentication(options).acceptsSharedToken {
            lifecycle.add("token", run: { await token.follow(into: tokens, clock: clock, log: log) })
        }
        if let operatorToken, let operators {
            lifecycle.add("operator token", run: { await operatorToken.follow(into: operators, clock: clock) })
        }
        if let replicaSecret {
            lifecycle.add("replica secret", run: { await replicaSecret.follow(clock: clock) })
        }
        lifecycle.add("certificate", run: { await serving.follow(server, published, clock: clock, log: log) })
        kubernetes?.addParts(to: &lifecycle)
        lifecycle.add("forwarder", run: { await forwarder.run() }, afterwards: { await forwarder.close() })
        lifecycle.add("statistics", closing: { await statistics.close() })
        if let discovery { lifecycle.add("discovery connections", closing: { await discovery.close() }) }
    }
}

/// Runs each call on a thread of its own.
private struct ThreadPerCall: BackgroundExecutor {
    func run(_ work: @escaping @Sendable () -> Void) -> Bool {
        guard let thread = try? NamedThread("background", work) else { return false }
        thread.detach()
        return true
    }
}

// How the parts are made of options.
extension ClusterAgentProcess {
    /// Agents ask for the version first, and treat anything before 1.21 as one that redirects: this says that the
    /// protocol is today's.
    private static let apiVersion = AgentVersion(major: 7, minor: 70, patch: 0)

    /// A follower passes on who an agent is under a secret that replicas share.
    private static func checkIdentities(
        _ options: Options, _ authentication: AgentAuthentication, hasReplicaSecret: Bool
    ) throws(StartError) {
        let given =
            !options[AgentOptions.clientAuthorityFile].isEmpty
            ? AgentOptions.clientAuthorityFile.key
            : authentication.acceptsSharedToken
                ? nil : "\(AgentOptions.agentAuthentication.key)=\(authentication.rawValue)"
        guard let given, options[AgentOptions.leaderElection], !hasReplicaSecret else { return }
        throw .usage(
            "--\(given): replicas need a secret of their own then: set \(AgentOptions.replicaTokenFile.key) or "
                + "\(AgentOptions.keyFile.key)")
    }

    private static func replicaOptions(
        _ options: Options, _ kubernetes: KubernetesConnection?, _ scrape: PrometheusScrape?, _ log: Log
    ) -> ReplicaOptions {
        let path = options[AgentOptions.confdPath]
        if path.isEmpty, kubernetes == nil, options[AgentOptions.discoveryConfigs].isEmpty,
            options[AgentOptions.discoveryURL].isEmpty
        {
            log.warning("no source of configs: neither confd_path nor Kubernetes is given")
        }
        if scrape != nil, kubernetes == nil {
            log.warning(
                "no Service is checked by its annotations: there is no Kubernetes", ["set": AgentOptions.scrapes.key])
        }
        var autoConf = AutoConfOptions()
        autoConf.prometheusScrape = scrape
        autoConf.confdPath = path.isEmpty ? nil : path
        autoConf.watchesServices = kubernetes != nil
        autoConf.watchesEndpoints = kubernetes != nil
        autoConf.watchesClusterChecks = kubernetes != nil
        autoConf.allowedEnvironment = options[AgentOptions.allowedVariables]
        autoConf.refusesEnvironment = options[AgentOptions.disableVariables]
        autoConf.keepsLastGood = options[AgentOptions.keepsLastGood]
        var api = APIOptions(version: apiVersion)
        api.longestWait = options[AgentOptions.nodeExpiration] / 3
        var replica = ReplicaOptions(
            autoConf: autoConf, handler: HandlerOptions(options), api: api, election: kubernetes?.election)
        replica.rebalancePeriod = options[AgentOptions.rebalancePeriod]
        // Our agents say it every 30 s, whatever the interval.
        replica.resultsPeriod = options[AgentOptions.resultsInterval]
        replica.statusInterval = .seconds(1) / options[AgentOptions.statusWrites]
        replica.shutdownDelay = options[AgentOptions.shutdownDelay]
        return replica
    }

    private static func makeServer(
        _ options: Options, _ identity: ServingIdentity, _ handler: any HTTPHandler, _ clock: any Clock, _ log: Log
    ) throws(StartError) -> HTTPServer {
        let minimum: TLSServerOptions.MinimumVersion = options[AgentOptions.allowLegacyTLS] ? .tls12 : .tls13
        var serving = HTTPServerOptions(
            name: "node-agents", host: options[AgentOptions.listenHost],
            port: UInt16(options[AgentOptions.commandPort]), loops: min(4, availableProcessors()),
            tls: TLSServerOptions(identity: identity.identity, minimumVersion: minimum))
        serving.tls?.clientAuthorityPEM = identity.clientAuthorityPEM
        serving.authenticates = true
        return try listen(
            serving, handler, clock, log, option: "cluster_agent.cmd_port")
    }

    private static func makeProbes(
        _ options: Options, _ replica: Replica, _ server: HTTPServer, _ clock: any Clock, _ log: Log
    ) throws(StartError) -> [HTTPServer] {
        let registry = MetricsRegistry()
        registry.register { writer in
            writer.family(
                "cluster_agent_build_info", .gauge, help: "Always 1; the label version says what runs.",
                [(["version": Command.version], 1)])
            ProcessMetrics.collect(into: &writer)
        }
        registry.register { replica.collect(into: &$0) }
        registry.register { HTTPServer.collect([("node-agents", server)], into: &$0) }
        registry.register { log.collect(into: &$0) }
        var servers: [HTTPServer] = []
        let wanted: [(option: Option<Int>, handler: any HTTPHandler)] = [
            (AgentOptions.healthPort, ProbeHandler(readiness: replica.readiness)),
            (AgentOptions.metricsPort, MetricsHandler(registry: registry)),
        ]
        for (option, handler) in wanted where options[option] != 0 {
            var plain = HTTPServerOptions(
                name: option.key, host: options[AgentOptions.listenHost], port: UInt16(options[option]),
                limits: HTTPLimits(connections: 64))
            plain.usesReservedDescriptors = true
            servers.append(try listen(plain, handler, clock, log, option: option.key))
        }
        return servers
    }

    private static func listen(
        _ serving: HTTPServerOptions, _ handler: any HTTPHandler, _ clock: any Clock, _ log: Log, option: String
    ) throws(StartError) -> HTTPServer {
        do throws(HTTPServerError) {
            return try HTTPServer(options: serving, handler: handler, clock: clock, log: log)
        } catch {
            throw StartError("--\(option): \(error)")
        }
    }
}
