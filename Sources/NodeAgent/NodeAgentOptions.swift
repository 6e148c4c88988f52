package import Platform

/// The options of `node-agent run`: one row each. The README's table and `--help` are made of these.
package enum NodeAgentOptions {
    static let url = Option.text(
        "cluster_agent.url", allowed: "https://HOST:PORT", help: "Where the cluster-agent is. Must be given.",
        accepts: { $0.isEmpty || isSecureURL($0) })
    static let authToken = SharedToken.option(help: "Token shared with the cluster-agent. Better given by a file.")
    static let authTokenFile = SharedToken.fileOption
    static let accountTokenFile = Option.text(
        "cluster_agent.service_account_token_file",
        help: "File with a projected ServiceAccount token, presented instead of the shared one, which is used if it is "
            + "rejected. Read again when it changes.")
    static let certificateFile = Option.text(
        "cluster_agent.client_certificate_file",
        help: "Certificate chain in PEM that the cluster-agent knows this node by; read again for new connections.")
    static let keyFile = Option.text(
        "cluster_agent.client_key_file", help: "Private key of that certificate in PEM.")
    static let caFile = Option.text(
        "cluster_agent.ca_file", help: "CA certificates in PEM to verify the cluster-agent with. Empty: the system's.")
    static let publicKeyPin = Option.text(
        "cluster_agent.public_key_pin", allowed: "sha256//BASE64",
        help: "The cluster-agent's public key. Without a CA file it decides alone.",
        accepts: { $0.isEmpty || $0.hasPrefix("sha256//") })
    static let tlsVerify = Option.flag(
        "cluster_agent.tls_verify", default: true,
        help: "Verify the cluster-agent's certificate. With false anyone in between gets the token.")
    static let hostname = Option.text(
        "hostname", help: "Name under which this agent reports. Empty: `NODE_NAME`, else the host's name.")
    static let kubernetesNodeName = Option.text(
        "kubernetes_node_name", help: "Kubernetes node whose endpoints checks to run. Empty: none.")
    static let runnerHost = Option.text(
        "clc_runner_host", help: "Address told to the cluster-agent (`X-Real-Ip`). Empty: it sees the peer's.")
    static let pollInterval = Option.duration(
        "ad_config_poll_interval", in: .milliseconds(100)...Duration.hours(1), default: .seconds(10),
        help: "Time between two polls of the cluster-agent.")
    static let nodeExpiration = Option.duration(
        "cluster_checks.node_expiration_timeout", in: .seconds(1)...Duration.hours(1), default: .seconds(30),
        help: "As set there; heartbeats are sent in time for it.")
    static let gracePeriod = Option.duration(
        "grace_time_seconds", in: .zero...Duration.hours(24), default: .seconds(60),
        help: "A status call that fails so soon after the last success counts as up to date.")
    static let degradedDeadline = Option.duration(
        "degraded_deadline", in: .zero...Duration.hours(24 * 365), default: .zero,
        help: "Without the cluster-agent for so long, checks are stopped. 0: they run on.")
    static let workers = Option.integer(
        "check_runners", in: 1...256, default: 4,
        help: "Checks that run at the same time. A run of more than a second gives its place to others.")
    static let listenHost = Option.text(
        "listen_host", default: "::",
        help: "Address of the two ports below. `::`: all addresses, IPv6 and IPv4.")
    static let commandPort = Option.integer(
        "cmd_port", in: 0...65_535, default: 5005,
        help: "Port of `/api/v1/clcrunner/…`, HTTPS with the token. 0: any free one, which is logged.")
    static let metricsPort = Program.metricsPort

    /// All rows, in the order of the help.
    package static let table =
        OptionTable(
            url, authToken, authTokenFile, accountTokenFile, certificateFile, keyFile, caFile, publicKeyPin, tlsVerify,
            hostname,
            kubernetesNodeName, runnerHost, pollInterval, nodeExpiration, gracePeriod, degradedDeadline, workers,
            listenHost, commandPort,
            metricsPort)
        + Program.logging

    private static func isSecureURL(_ text: String) -> Bool {
        let rest = text.dropFirst("https://".count)
        let isClean = text.utf8.allSatisfy {
            $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "@") && $0 != UInt8(ascii: "?")
        }
        return text.hasPrefix("https://") && !rest.isEmpty && !rest.hasPrefix("/") && isClean
    }
}
