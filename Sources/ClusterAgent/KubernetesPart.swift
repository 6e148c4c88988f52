import AutoConf
import ClusterChecks
import Kubernetes
import Platform

/// Everything that talks to the Kubernetes API: the election on connections of its own, and the watch of Services.
struct KubernetesPart: Sendable {
    /// Nil when this replica runs without leader election.
    let elector: LeaderElector?
    /// Writes Events.
    let recorder: EventRecorder
    private let namespace: String
    private let client: KubernetesClient
    private let electing: KubernetesClient?
    private let clock: any Clock
    private let entropy: any Entropy
    private let log: Log

    /// Nil when there is no Kubernetes: no `kubeconfig`, and this is no pod.
    ///
    /// - Throws: `StartError` when the configuration cannot be used, or the election is wanted and there is no Kubernetes.
    init?(
        _ options: Options, _ environment: [String: String], published: PublishedAddress, clock: any Clock,
        entropy: any Entropy, log: Log
    ) throws(StartError) {
        let isElecting = options[AgentOptions.leaderElection]
        guard let configuration = try Self.configuration(options, environment, clock) else {
            guard !isElecting else {
                throw .usage(
                    "--leader_election=true needs a Kubernetes API: run as a pod, or give --kubeconfig=FILE")
            }
            return nil
        }
        (self.clock, self.entropy, self.log) = (clock, entropy, log)
        namespace = Self.namespace(options, environment, configuration)
        let agent = "cluster-agent/\(Command.version)"
        do throws(KubernetesError) {
            client = try KubernetesClient(configuration, userAgent: agent, clock: clock, log: log)
            recorder = EventRecorder(
                client: client, component: "cluster-agent", instance: Self.ownName(environment), clock: clock,
                entropy: entropy, log: log)
            guard isElecting else {
                (elector, electing) = (nil, nil)
                return
            }
            guard published.address != nil || !(environment["POD_IP"] ?? "").isEmpty else {
                throw .configuration(
                    "--cluster_agent.advertise_address=HOST:PORT is needed where POD_IP is not set: "
                        + "other replicas must find this one")
            }
            // Connections of its own: a long list must never stand in a renewal's way.
            let electing = try KubernetesClient(
                configuration, userAgent: "\(agent)/leader-election", clock: clock, log: log)
            elector = try LeaderElector(
                options: Self.electionOptions(options, environment, published, entropy),
                leases: KubernetesLeaseClient(
                    client: electing, namespace: namespace, name: options[AgentOptions.leaseName], clock: clock),
                recorder: recorder, clock: clock, entropy: entropy, log: log)
            self.electing = electing
        } catch {
            throw .usage("\(error)")
        }
    }

    /// The watches, which feed these.
    func makeSources(_ options: Options, _ autoConf: AutoConf, _ handler: Handler) -> KubernetesSources {
        KubernetesSources(
            options, client: client, namespace: namespace, autoConf: autoConf, handler: handler, clock: clock,
            entropy: entropy, log: log)
    }

    /// Adds what runs beside the watches, and the closing of the connections, to the process's parts.
    func addParts(to lifecycle: inout Lifecycle, _ options: Options) {
        let (client, electing, recorder, clock, log) = (client, electing, recorder, clock, log)
        lifecycle.add(
            "kubernetes",
            closing: {
                await client.shutdown()
                await electing?.shutdown()
            })
        lifecycle.add("events", run: { await recorder.run() }, afterwards: { await recorder.finish() })
        let needed = NeededPermissions(options, namespace: namespace, isElecting: elector != nil)
        lifecycle.add(
            "permissions",
            run: {
                await needed.check(client, clock: clock, log: log)
                try? await clock.sleep(until: .distantFuture)
            })
    }

    private static func electionOptions(
        _ options: Options, _ environment: [String: String], _ published: PublishedAddress, _ entropy: any Entropy
    ) -> LeaderElectionOptions {
        LeaderElectionOptions(
            identity: "\(ownName(environment))_\(entropy.uuid())", leaseDuration: options[AgentOptions.leaseDuration],
            renewDeadline: options[AgentOptions.renewDeadline], retryPeriod: options[AgentOptions.retryPeriod],
            labels: ["app.kubernetes.io/name": "cluster-agent", "app.kubernetes.io/managed-by": "cluster-agent"],
            annotations: { published.annotations })
    }

    private static func ownName(_ environment: [String: String]) -> String {
        environment["POD_NAME"].flatMap { $0.isEmpty ? nil : $0 } ?? hostName()
    }

    private static func configuration(
        _ options: Options, _ environment: [String: String], _ clock: any Clock
    ) throws(StartError) -> KubernetesConfiguration? {
        let path = options[AgentOptions.kubeconfig]
        do throws(KubernetesError) {
            if !path.isEmpty { return try KubernetesConfiguration.kubeconfig(path: path, clock: clock) }
            guard environment["KUBERNETES_SERVICE_HOST"] != nil else { return nil }
            return try KubernetesConfiguration.inCluster(environment: environment, clock: clock)
        } catch {
            throw StartError(path.isEmpty ? "\(error)" : "--kubeconfig=\(path): \(error)")
        }
    }

    private static func namespace(
        _ options: Options, _ environment: [String: String], _ configuration: KubernetesConfiguration
    ) -> String {
        let candidates = [options[AgentOptions.namespace], environment["POD_NAMESPACE"] ?? "", configuration.namespace]
        return candidates.first { !$0.isEmpty } ?? "default"
    }
}
