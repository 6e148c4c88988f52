import AutoConf
import HTTPClient
import Kubernetes
import Platform

/// Everything that talks to the Kubernetes API: the election on connections of its own, and the watch of Services.
struct KubernetesPart: Sendable {
    /// The election and what follows from it.
    struct Election: Sendable {
        let elector: LeaderElector
        let leadership: ElectedLeadership
    }

    /// Nil when this replica runs without leader election.
    let election: Election?
    private let services: Reflector<Service>
    private let clients: [KubernetesClient]

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
        do throws(KubernetesError) {
            let client = try KubernetesClient(
                configuration, userAgent: "cluster-agent/\(Command.version)", clock: clock)
            services = Reflector<Service>(
                listWatch: client.listWatch(Service.self), clock: clock, entropy: entropy, log: log)
            guard isElecting else {
                election = nil
                clients = [client]
                return
            }
            guard published.address != nil || !(environment["POD_IP"] ?? "").isEmpty else {
                throw .configuration(
                    "--cluster_agent.advertise_address=HOST:PORT is needed where POD_IP is not set: "
                        + "other replicas must find this one")
            }
            let electing = try KubernetesClient(
                configuration, userAgent: "cluster-agent/\(Command.version)/leader-election", clock: clock)
            let name = environment["POD_NAME"].flatMap { $0.isEmpty ? nil : $0 } ?? hostName()
            let elector = try LeaderElector(
                options: LeaderElectionOptions(
                    identity: "\(name)_\(entropy.uuid())", leaseDuration: options[AgentOptions.leaseDuration],
                    renewDeadline: options[AgentOptions.renewDeadline],
                    retryPeriod: options[AgentOptions.retryPeriod],
                    labels: [
                        "app.kubernetes.io/name": "cluster-agent", "app.kubernetes.io/managed-by": "cluster-agent",
                    ],
                    annotations: { published.annotations }),
                leases: electing.leases(
                    namespace: Self.namespace(options, environment, configuration),
                    name: options[AgentOptions.leaseName]), clock: clock, entropy: entropy, log: log)
            election = Election(elector: elector, leadership: ElectedLeadership())
            clients = [client, electing]
        } catch {
            throw .usage("\(error)")
        }
    }

    /// Adds the watches to the process's parts.
    func addSources(to lifecycle: inout Lifecycle, feeding autoConf: AutoConf) {
        let (services, clients) = (services, clients)
        lifecycle.add("kubernetes", closing: { for client in clients { await client.shutdown() } })
        lifecycle.add("services", run: { await services.run { autoConf.take($0) } })
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
