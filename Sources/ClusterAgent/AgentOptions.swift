package import Platform

/// The options of `cluster-agent run`: one row each. The README's table and `--help` are made of these.
package enum AgentOptions {
    static let confdPath = Option.text(
        "confd_path",
        help: "Directory of check configs: `<check>.yaml` and `<check>.d/*.yaml`, or `.yml`, `.json`. Empty: none.")
    static let listenHost = Option.text(
        "cluster_agent.listen_host", default: "::",
        help: "Address on which all ports are served. `::`: all addresses, IPv6 and IPv4.")
    static let commandPort = Option.integer(
        "cluster_agent.cmd_port", in: 0...65_535, default: 5005,
        help: "Port on which node-agents are served over HTTPS. 0: any free one, which is logged.")
    static let authToken = SharedToken.option(help: "Token that node-agents present. Better given by a file.")
    static let authTokenFile = SharedToken.fileOption
    static let authTokenGrace = Option.duration(
        "cluster_agent.auth_token_grace", in: .zero...Duration.hours(24), default: .seconds(300),
        help: "How long a token is still accepted after the file has another.")
    static let operatorTokenFile = Option.text(
        "cluster_agent.operator_token_file",
        help: "File with the operator's token, for state, rebalancing and the command line; made if it does not exist.")
    static let replicaTokenFile = Option.text(
        "cluster_agent.replica_token_file",
        help: "File with the replicas' token, by which they mirror the leader. Empty: made of the TLS key.")
    static let advertiseAddress = Option.text(
        "cluster_agent.advertise_address", allowed: "HOST:PORT",
        help: "Where other replicas reach this one. Empty: `POD_IP` and the port.", accepts: isHostAndPort)
    static let allowLegacyTLS = Option.flag(
        "cluster_agent.allow_legacy_tls", default: false, help: "Accept TLS 1.2 besides TLS 1.3.")
    static let certificateFile = Option.text(
        "cluster_agent.tls_certificate_file", help: "Certificate chain in PEM. Empty: self-signed at start.")
    static let keyFile = Option.text("cluster_agent.tls_key_file", help: "Private key of that certificate in PEM.")
    static let certificateOut = Option.text(
        "cluster_agent.tls_certificate_out", help: "File to write the certificate in use to, for node-agents to trust.")
    static let warmup = Option.duration(
        "cluster_checks.warmup_duration", in: .zero...Duration.hours(1), default: .seconds(30),
        help: "How long node-agents report to a leader before it dispatches, unless it adopts what another dispatched, "
            + "or all their ready pods have reported.")
    static let nodeExpiration = Option.duration(
        "cluster_checks.node_expiration_timeout", in: .seconds(1)...Duration.hours(1), default: .seconds(30),
        help: "A node-agent silent for so long loses its configs to others.")
    static let restartGrace = Option.duration(
        "cluster_checks.restart_grace", in: .zero...Duration.seconds(600), default: .seconds(15),
        help: "How long the configs of a node-agent that is being restarted wait for the next one.")
    static let clusterName = Option.text(
        "cluster_name", help: "Name of the cluster; added to every config's tags.")
    static let clusterTagName = Option.text(
        "cluster_checks.cluster_tag_name", default: "cluster_name", help: "Name of the tag that carries it.")
    static let extraTags = Option.list("cluster_checks.extra_tags", help: "Tags added to every config.")
    static let allowedVariables = Option.list(
        "ad_allowed_env_vars", help: "Environment variables that `%%env_X%%` may name. Empty: all.")
    static let disableVariables = Option.flag(
        "ad_disable_env_var_resolution", default: false, help: "Refuse `%%env_X%%` altogether.")
    static let keepsLastGood = Option.flag(
        "ad_keep_last_good", default: true,
        help: "An annotation or ClusterCheck that cannot be used keeps the configs that it had, as files do.")
    static let kubeconfig = Option.text(
        "kubeconfig",
        help: "File with the Kubernetes API's address and credentials. Empty: as a pod's, where there is one.")
    static let namespace = Option.text(
        "kube_resources_namespace", help: "Namespace of the Lease. Empty: the pod's own, else `default`.")
    static let agentNamespace = Option.text(
        "node_agents.namespace", help: "Namespace of the node-agents' pods. Empty: that of the Lease.")
    static let agentSelector = Option.text(
        "node_agents.selector", default: "app.kubernetes.io/name=node-agent",
        help: "Label selector of the node-agents' pods. Empty: they are not watched; heartbeats alone count.")
    static let leaderElection = Option.flag(
        "leader_election", default: false, help: "Compete for a Lease, and dispatch only while holding it.")
    static let leaseName = Option.text(
        "leader_lease_name", default: "cluster-agent", help: "Name of the Lease.")
    static let leaseDuration = Option.duration(
        "leader_lease_duration", in: .seconds(1)...Duration.hours(1), default: .seconds(15),
        help: "A Lease that was not renewed for so long may be taken over.")
    static let renewDeadline = Option.duration(
        "leader_renew_deadline", in: .milliseconds(100)...Duration.hours(1), default: .seconds(10),
        help: "A leader stops leading so long after its last good renewal was sent.")
    static let retryPeriod = Option.duration(
        "leader_retry_period", in: .milliseconds(10)...Duration.hours(1), default: .seconds(2),
        help: "Time between renewals, and between attempts of a candidate.")
    static let intentConfigMap = Option.text(
        "cluster_agent.intent_config_map", default: "cluster-agent-intent",
        help: "ConfigMap in the Lease's namespace that keeps what operators want of checks. Empty: nothing is kept.")
    static let shutdownDelay = Option.duration(
        "shutdown_delay", in: .zero...Duration.seconds(300), default: .seconds(2),
        help: "How long a stopping replica goes on forwarding before it closes its port.")
    static let metricsPort = Program.metricsPort
    static let healthPort = Option.integer(
        "health_port", in: 0...65_535, default: 5555, help: "Port of `/livez` and `/readyz`, plain HTTP. 0: off.")

    /// All rows, in the order of the help.
    package static let table =
        OptionTable(
            confdPath, listenHost, commandPort, authToken, authTokenFile, authTokenGrace, agentAuthentication,
            agentAccounts, clientAuthorityFile, operatorTokenFile, replicaTokenFile, advertiseAddress, allowLegacyTLS,
            certificateFile, keyFile, certificateOut, warmup, nodeExpiration, restartGrace, clusterName, clusterTagName,
            extraTags)
        + dispatching + scraping + discovering
        + OptionTable(
            allowedVariables, disableVariables, keepsLastGood, kubeconfig, namespace, agentNamespace, agentSelector,
            leaderElection,
            leaseName, leaseDuration, renewDeadline, retryPeriod, intentConfigMap, shutdownDelay, metricsPort,
            healthPort)
        + Program.logging

    /// Those by which a command finds the cluster-agent on the same machine.
    static let connection = OptionTable(listenHost, commandPort, operatorTokenFile, certificateFile)

    private static func isHostAndPort(_ text: String) -> Bool {
        guard let colon = text.lastIndex(of: ":"), colon != text.startIndex else { return text.isEmpty }
        return portNumber(text[text.index(after: colon)...]) != nil
    }
}
