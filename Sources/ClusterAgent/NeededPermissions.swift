import Kubernetes
import Platform

/// What the API server must allow this replica to do. One check at the start names what it does not: a missing verb is
/// else found out late, and by its effect.
struct NeededPermissions: Sendable {
    /// All of them, sorted by what they are for.
    let permissions: [Permission]

    /// - Parameters:
    ///   - namespace: that of the Lease.
    ///   - isElecting: whether it competes for the Lease.
    init(_ options: Options, namespace: String, isElecting: Bool) {
        func reading(_ resource: String, group: String = "", in namespace: String? = nil) -> [Permission] {
            ["get", "list", "watch"].map { Permission($0, resource, group: group, namespace: namespace) }
        }
        let agentNamespace = KubernetesConnection.agentNamespace(options, namespace)
        var permissions = reading("services") + reading("endpointslices", group: "discovery.k8s.io")
        permissions += reading(ClusterCheck.plural, group: ClusterCheck.group)
        permissions.append(Permission("patch", "\(ClusterCheck.plural)/status", group: ClusterCheck.group))
        permissions.append(
            Permission(
                "get", "customresourcedefinitions", group: "apiextensions.k8s.io", name: ClusterCheckClient.definition))
        permissions += ["create", "get", "patch"].map { Permission($0, "events") }
        if !options[AgentOptions.agentSelector].isEmpty {
            permissions += reading("nodes") + reading("pods", in: agentNamespace)
        }
        if AgentAuthentication(options) != .token {
            permissions.append(Permission("create", "tokenreviews", group: "authentication.k8s.io"))
            let accounts = (try? AgentAuthentication.accounts(options, agentNamespace)) ?? []
            for namespace in Set(accounts.map { ExactText($0.prefix { $0 != "/" }) }).sorted() {
                let permission = Permission("get", "pods", namespace: namespace.text)
                if !permissions.contains(permission) { permissions.append(permission) }
            }
        }
        if isElecting {
            permissions += ["get", "list", "watch", "update", "create"].map { verb in
                // RBAC cannot restrict `create` to a name.
                let name = verb == "create" ? nil : options[AgentOptions.leaseName]
                return Permission(verb, "leases", group: "coordination.k8s.io", namespace: namespace, name: name)
            }
        }
        let intent = options[AgentOptions.intentConfigMap]
        if !intent.isEmpty {
            permissions += ["get", "patch"].map { Permission($0, "configmaps", namespace: namespace, name: intent) }
            permissions.append(Permission("create", "configmaps", namespace: namespace))
        }
        self.permissions = permissions
    }

    /// Asks the API server once, as soon as it answers, and says what is missing.
    func check(_ client: KubernetesClient, clock: any Clock, log: Log) async {
        let log = log.named("permissions")
        var problem: KubernetesError?
        while !Task.isCancelled {
            do throws(KubernetesError) {
                let missing = try await PermissionCheck.missing(
                    permissions, client: client, deadline: clock.now() + .seconds(20))
                guard !missing.isEmpty else { return log.info("all permissions are there") }
                let text = missing.map(\.description).joined(separator: "; ")
                let advice: StaticString = "permissions are missing: see manifests/base/cluster-agent/rbac.yaml"
                return log.warning(advice, ["missing": text])
            } catch {
                if problem == nil { log.warning("the own permissions cannot be asked for yet", ["reason": error]) }
                problem = error
            }
            try? await clock.sleep(until: clock.now() + .seconds(10))
        }
    }
}
