import Glibc
import Kubernetes
import Platform
import Replica

/// A process's connections to the Kubernetes API: one client for the election, and one for everything else.
struct KubernetesConnection: Sendable {
    /// Those of the Lease and of the ConfigMap, when it creates them.
    private static let labels: [ExactText: ExactText] = [
        "app.kubernetes.io/name": "cluster-agent", "app.kubernetes.io/managed-by": "cluster-agent",
    ]

    /// The API as the replica uses it.
    private(set) var access: KubernetesAccess
    /// How this replica competes for the Lease; nil without leader election.
    let election: LeaderElectionOptions?
    private let permissions: NeededPermissions
    private let client: KubernetesClient
    private let electing: KubernetesClient?
    private let clock: any Clock
    private let log: Log

    /// Nil when there is no Kubernetes: no `kubeconfig`, and this is no pod, or one without a ServiceAccount that is
    /// given config files.
    ///
    /// - Parameter keptAnnotations: as for `KubernetesClient`.
    /// - Throws: `StartError` when the configuration cannot be used, or leader election is wanted and there is no
    ///   Kubernetes.
    init?(
        _ options: Options, _ environment: [String: String], keptAnnotations: [String], published: PublishedAddress,
        clock: any Clock, entropy: any Entropy, log: Log
    ) throws(StartError) {
        let isElecting = options[AgentOptions.leaderElection]
        guard let configuration = try Self.configuration(options, environment, clock) else {
            let authentication = AgentAuthentication(options)
            let needing =
                isElecting
                ? "leader_election=true"
                : authentication == .token ? nil : "\(AgentOptions.agentAuthentication.key)=\(authentication.rawValue)"
            if let needing {
                throw .usage(
                    "--\(needing) needs a Kubernetes API: run as a pod with a ServiceAccount, or give "
                        + "--kubeconfig=FILE")
            }
            log.info("running on config files alone: there is no kubeconfig, and no ServiceAccount is mounted")
            return nil
        }
        (self.clock, self.log) = (clock, log)
        if let proxy = configuration.proxyAuthority {
            log.info("the API server is reached through a proxy", ["proxy": proxy])
        }
        let namespace = Self.namespace(options, environment, configuration)
        let agent = "cluster-agent/\(Command.version)"
        do throws(KubernetesError) {
            let contact = APIServerContact(clock: clock)
            client = try KubernetesClient(
                configuration, userAgent: agent, keptAnnotations: keptAnnotations, contact: contact, clock: clock,
                log: log)
            let recorder = EventRecorder(
                client: client, component: "cluster-agent", instance: Self.ownName(environment), clock: clock,
                entropy: entropy, log: log)
            if isElecting {
                guard published.isKnown else {
                    throw .configuration(
                        "--cluster_agent.advertise_address=HOST:PORT is needed where POD_IP is not set: "
                            + "other replicas must find this one")
                }
                electing = try KubernetesClient(
                    configuration, userAgent: "\(agent)/leader-election", contact: contact, clock: clock, log: log)
                election = Self.electionOptions(options, environment, entropy)
            } else {
                (electing, election) = (nil, nil)
            }
            var access = Self.access(options, namespace, client, electing, recorder, clock, log)
            access.contact = contact
            self.access = access
        } catch {
            throw .usage("\(error)")
        }
        access.tokenReviewer = try AgentAuthentication(options).reviewer(
            options, client: client, namespace: Self.agentNamespace(options, namespace))
        permissions = NeededPermissions(options, namespace: namespace, isElecting: isElecting)
    }

    /// Adds the check of permissions and the closing of connections to the process's parts.
    func addParts(to lifecycle: inout Lifecycle) {
        let (client, electing, permissions, clock, log) = (client, electing, permissions, clock, log)
        lifecycle.add(
            "kubernetes",
            closing: {
                await client.shutdown()
                await electing?.shutdown()
            })
        lifecycle.add(
            "permissions",
            run: {
                await permissions.check(client, clock: clock, log: log)
                try? await clock.sleep(until: .distantFuture)
            })
    }

    private static func access(
        _ options: Options, _ namespace: String, _ client: KubernetesClient, _ electing: KubernetesClient?,
        _ recorder: EventRecorder, _ clock: any Clock, _ log: Log
    ) -> KubernetesAccess {
        let leases = electing.map {
            KubernetesLeaseClient(client: $0, namespace: namespace, name: options[AgentOptions.leaseName], clock: clock)
        }
        let clusterChecks = ClusterCheckClient(client: client)
        var access = KubernetesAccess(
            leases: leases, services: ResourceSource<Service>(client: client),
            endpoints: EndpointsSource(client: client, log: log), clusterChecks: clusterChecks,
            clusterCheckStatuses: clusterChecks, pods: nil, nodes: nil, recorder: recorder)
        let selector = options[AgentOptions.agentSelector]
        if !selector.isEmpty {
            access.pods = ResourceSource<Pod>(
                client: client, namespace: agentNamespace(options, namespace), labelSelector: selector)
            access.nodes = ResourceSource<KubernetesNode>(client: client)
        }
        let intent = options[AgentOptions.intentConfigMap]
        if !intent.isEmpty {
            access.intent = KubernetesConfigMap(
                client: client, namespace: namespace, name: intent, key: "intent.json", labels: labels)
        }
        return access
    }

    /// The namespace of the node-agents' pods.
    ///
    /// - Parameter namespace: that of the Lease.
    static func agentNamespace(_ options: Options, _ namespace: String) -> String {
        let given = options[AgentOptions.agentNamespace]
        return given.isEmpty ? namespace : given
    }

    private static func electionOptions(
        _ options: Options, _ environment: [String: String], _ entropy: any Entropy
    ) -> LeaderElectionOptions {
        LeaderElectionOptions(
            identity: "\(ownName(environment))_\(entropy.uuid())", leaseDuration: options[AgentOptions.leaseDuration],
            renewDeadline: options[AgentOptions.renewDeadline], retryPeriod: options[AgentOptions.retryPeriod],
            labels: labels)
    }

    private static func ownName(_ environment: [String: String]) -> String {
        environment["POD_NAME"].flatMap { $0.isEmpty ? nil : $0 } ?? hostName()
    }

    private static func configuration(
        _ options: Options, _ environment: [String: String], _ clock: any Clock
    ) throws(StartError) -> KubernetesConfiguration? {
        let path = options[AgentOptions.kubeconfig]
        do throws(KubernetesError) {
            if !path.isEmpty {
                return try KubernetesConfiguration.kubeconfig(path: path, environment: environment, clock: clock)
            }
            guard environment["KUBERNETES_SERVICE_HOST"]?.isEmpty == false else { return nil }
            let isMounted = unsafe Glibc.access(KubernetesConfiguration.serviceAccountDirectory, F_OK) == 0
            guard isMounted || options[AgentOptions.confdPath].isEmpty else { return nil }
            return try KubernetesConfiguration.inCluster(environment: environment, clock: clock)
        } catch {
            guard path.isEmpty else { throw StartError("--kubeconfig=\(path): \(error)") }
            throw StartError("\(error); to run without Kubernetes, name a directory of config files: --confd_path=PATH")
        }
    }

    private static func namespace(
        _ options: Options, _ environment: [String: String], _ configuration: KubernetesConfiguration
    ) -> String {
        let candidates = [options[AgentOptions.namespace], environment["POD_NAMESPACE"] ?? "", configuration.namespace]
        return candidates.first { !$0.isEmpty } ?? "default"
    }
}
