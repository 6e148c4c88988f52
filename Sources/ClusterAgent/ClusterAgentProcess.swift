import AutoConf
import CheckModel
import ClusterChecks
import HTTPServer
import Kubernetes
import NodeAgentAPI
package import Platform

/// The composition root: makes every part of the cluster-agent, connects them, and runs them from start to stop.
///
/// Stopping follows one order: not ready; the term ends, so that no leader's answer is written any more; the Lease is released;
/// for a short delay this replica goes on as a forwarding follower; then the port closes, and the rest.
package struct ClusterAgentProcess: Sendable {
    private let options: Options
    private let clock: any Clock
    private let log: Log
    private let desired: DesiredConfigs
    private let autoConf: AutoConf
    private let cluster: KubernetesPart?
    private let sources: KubernetesSources?
    private let events: CheckConfigEvents?
    private let handler: Handler
    private let forwarder: LeaderForwarder
    private let token: SharedToken
    private let tokens: BearerTokens
    private let operatorToken: OperatorToken?
    private let operators: BearerTokens?
    private let api: APIMachine
    private let push: ChangePush
    private let rebalancer: Rebalancer
    private let serving: ServingIdentity
    private let published: PublishedAddress
    private let server: HTTPServer
    private let probes: [HTTPServer]
    private let readiness: Readiness

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
        tokens = BearerTokens(token.text, grace: options[AgentOptions.authTokenGrace])
        operatorToken = try OperatorToken(options, entropy: entropy, clock: clock)
        operators = operatorToken.map { BearerTokens($0.text, grace: options[AgentOptions.authTokenGrace]) }
        serving = try ServingIdentity(options, hosts: PublishedAddress.hosts(options, environment), clock: clock)
        desired = DesiredConfigs(for: HandlerOptions(options))
        forwarder = LeaderForwarder(clock: clock, log: log)

        published = PublishedAddress(options, environment, publicKeyPin: serving.identity.publicKeyPin)
        cluster = try KubernetesPart(
            options, environment, published: published, clock: clock, entropy: entropy, log: log)
        let leadership: any Leadership = cluster?.election.map(\.leadership) ?? SoleLeadership(token: entropy.uuid())
        let events = cluster.map { CheckConfigEvents(recorder: $0.recorder, leadership: leadership, clock: clock) }
        self.events = events
        autoConf = Self.makeAutoConf(options, environment, desired, events, clock, log)
        handler = Handler(
            source: desired, leadership: leadership, options: HandlerOptions(options), clock: clock, log: log)
        rebalancer = Rebalancer(
            handler: handler, reader: try StatisticsReader(options, token: token, clock: clock),
            period: options[AgentOptions.rebalancePeriod], clock: clock, log: log)
        sources = cluster?.makeSources(options, autoConf, handler)
        published.summarize { [handler] in handler.summary(now: clock.now()) }
        api = APIMachine(
            handler: handler, tokens: tokens, operators: operators, options: Self.apiOptions(options), clock: clock)
        push = ChangePush(
            api: api, clock: clock, token: { [token] in token.text },
            send: { [forwarder] in forwarder.perform($0, completion: $1) },
            refresh: { [rebalancer] in rebalancer.refresh($0) })
        server = try Self.makeServer(options, serving.identity, push, clock, log)
        published.bound(to: server.port)

        readiness = Self.makeReadiness(desired, leadership, sources, cluster?.election?.elector, clock)
        let registry = MetricsRegistry()
        let (handler, autoConf, cluster, sources, push, server) = (handler, autoConf, cluster, sources, push, server)
        registry.register { handler.collect(into: &$0) }
        registry.register { autoConf.collect(into: &$0) }
        registry.register { cluster?.election?.elector.collect(into: &$0) }
        registry.register { sources?.collect(into: &$0) }
        registry.register { push.collect(into: &$0) }
        registry.register { HTTPServer.collect([("node-agents", server)], into: &$0) }
        probes = try Self.makeProbes(options, readiness, registry, clock, log)
    }

    /// Runs until `stop` returns or a part fails.
    ///
    /// - Returns: the exit code: 0 after an ordinary stop, 1 when a part ended by itself.
    package func run(until stop: @escaping @Sendable () async -> Void) async -> Int32 {
        var lifecycle = Lifecycle(log: log, clock: clock)
        for probe in probes {
            probe.start()
            lifecycle.add("probes", closing: { await probe.stop(within: .seconds(1)) })
        }
        lifecycle.add("pulse", run: { await readiness.run() })
        lifecycle.add("memory", run: { await FreedMemory.giveBack(every: .seconds(10), clock: clock) })
        lifecycle.add("token", run: { await token.follow(into: tokens, clock: clock, log: log) })
        if let operatorToken, let operators {
            lifecycle.add("operator token", run: { await operatorToken.follow(into: operators, clock: clock) })
        }
        lifecycle.add("sources", run: { await autoConf.run() })
        cluster?.addParts(to: &lifecycle, options)
        sources?.add(to: &lifecycle)
        if let events { lifecycle.add("check events", run: { await events.run(autoConf) }) }
        lifecycle.add("forwarder", run: { await forwarder.run() }, afterwards: { await forwarder.close() })
        lifecycle.add("server", closing: { await server.stop(within: .seconds(3)) })
        lifecycle.add("push", run: { await push.run() }, afterwards: { push.close() })
        if options[AgentOptions.advancedDispatching] {
            lifecycle.add("rebalancer", run: { await rebalancer.run() }, afterwards: { await rebalancer.close() })
        }
        lifecycle.add("certificate", run: { await serving.follow(server, published, clock: clock, log: log) })
        let election = cluster?.election
        if let election {
            lifecycle.add("election", run: { await election.elector.run() })
            lifecycle.add("leadership", run: { await election.leadership.follow(election.elector.state) })
        }
        let delay = options[AgentOptions.shutdownDelay]
        lifecycle.add(
            "dispatcher", run: { await handler.run() },
            afterwards: {
                // Until then a follower may still pass on an answer of the term that just ended.
                try? await clock.sleep(until: api.forwardedUntil.instant)
                await election?.elector.release()
                try? await clock.sleep(until: clock.now() + delay)
            })
        lifecycle.add("readiness", closing: { readiness.stop() })
        server.start()
        log.info(
            "started",
            [
                "version": Command.version, "port": server.port, "leader_election": election != nil,
                "kubernetes": cluster != nil,
            ])
        let failed = await lifecycle.run(stopWithin: delay + .seconds(20), until: stop)
        log.info("stopped")
        return failed == nil ? 0 : 1
    }
}

// How the parts are made of options.
extension ClusterAgentProcess {
    /// Agents ask for the version first, and treat anything before 1.21 as one that redirects: this says that the protocol is today's.
    private static let apiVersion = AgentVersion(major: 7, minor: 70, patch: 0)

    private static func makeAutoConf(
        _ options: Options, _ environment: [String: String], _ desired: DesiredConfigs, _ events: CheckConfigEvents?,
        _ clock: any Clock, _ log: Log
    ) -> AutoConf {
        let path = options[AgentOptions.confdPath]
        if path.isEmpty, events == nil {
            log.warning("no source of configs: neither confd_path nor Kubernetes is given")
        }
        var sources = AutoConfOptions()
        sources.confdPath = path.isEmpty ? nil : path
        sources.watchesServices = events != nil
        sources.watchesEndpoints = events != nil
        sources.allowedEnvironment = options[AgentOptions.allowedVariables]
        sources.refusesEnvironment = options[AgentOptions.disableVariables]
        return AutoConf(
            options: sources, desired: desired, environment: environment, clock: clock, log: log,
            onProblems: { events?.tell($0) })
    }

    private static func apiOptions(_ options: Options) -> APIOptions {
        var api = APIOptions(version: apiVersion)
        api.longestWait = options[AgentOptions.nodeExpiration] / 3
        return api
    }

    private static func makeReadiness(
        _ desired: DesiredConfigs, _ leadership: any Leadership, _ sources: KubernetesSources?,
        _ elector: LeaderElector?, _ clock: any Clock
    ) -> Readiness {
        let state = leadership.state
        return Readiness(
            clock: clock,
            problems: {
                var problems = sources?.unsettled ?? []
                if !desired.isSynced { problems.append("the sources of configs have not all been read yet") }
                switch state.value {
                case .unknown: problems.append("no election result yet")
                case .following(nil): problems.append("no leader is known")
                case .following, .leading: break
                }
                return problems
            },
            stalls: {
                var stalls = sources?.stalled ?? []
                if let elector, clock.now() - elector.lastAttempt > elector.longestAttempt {
                    stalls.append("the election has not tried anything for \(durationText(elector.longestAttempt))")
                }
                return stalls
            },
            conditions: { sources?.conditions ?? [] })
    }

    private static func makeServer(
        _ options: Options, _ identity: TLSIdentity, _ handler: any HTTPHandler, _ clock: any Clock, _ log: Log
    ) throws(StartError) -> HTTPServer {
        let minimum: TLSServerOptions.MinimumVersion = options[AgentOptions.allowLegacyTLS] ? .tls12 : .tls13
        return try listen(
            HTTPServerOptions(
                name: "node-agents", host: options[AgentOptions.listenHost],
                port: UInt16(options[AgentOptions.commandPort]), loops: min(4, availableProcessors()),
                tls: TLSServerOptions(identity: identity, minimumVersion: minimum)),
            handler, clock, log, option: "cluster_agent.cmd_port")
    }

    private static func makeProbes(
        _ options: Options, _ readiness: Readiness, _ registry: MetricsRegistry, _ clock: any Clock, _ log: Log
    ) throws(StartError) -> [HTTPServer] {
        var servers: [HTTPServer] = []
        let wanted: [(option: Option<Int>, handler: any HTTPHandler)] = [
            (AgentOptions.healthPort, ProbeHandler(readiness: readiness)),
            (AgentOptions.metricsPort, MetricsHandler(registry: registry)),
        ]
        for (option, handler) in wanted where options[option] != 0 {
            let plain = HTTPServerOptions(
                name: option.key, host: options[AgentOptions.listenHost], port: UInt16(options[option]))
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
