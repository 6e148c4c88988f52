import CheckModel
import CheckOptions
import HTTPClient
import Platform

/// Derives the settings of the components from the options.
extension NodeAgentProcess {
    static func url(_ options: Options) throws(StartError) -> String {
        var url = options[NodeAgentOptions.url]
        guard !url.isEmpty else { throw .usage("cluster_agent.url is required: https://HOST:PORT") }
        while url.hasSuffix("/") { url.removeLast() }
        return url
    }

    static func nodeID(_ options: Options, _ environment: [String: String]) -> String {
        let given = [options[NodeAgentOptions.hostname], environment["NODE_NAME"] ?? ""]
        return given.first { !$0.isEmpty } ?? hostName()
    }

    static func coreOptions(_ options: Options, nodeID: String) -> AgentCoreOptions {
        let node = options[NodeAgentOptions.kubernetesNodeName]
        var core = AgentCoreOptions(nodeID: nodeID, kubernetesNodeName: node.isEmpty ? nil : node)
        core.compatibility = CheckCompatibility(
            include: CheckDefinition.checkNames.map { ExactText($0) }, version: Command.version)
        core.session = Int64(SystemEntropy().next() >> 1)
        core.pollInterval = options[NodeAgentOptions.pollInterval]
        core.nodeExpirationTimeout = options[NodeAgentOptions.nodeExpiration]
        core.gracePeriod = options[NodeAgentOptions.gracePeriod]
        core.degradedDeadline = options[NodeAgentOptions.degradedDeadline]
        return core
    }

    /// Nil if the port is 0, which turns it off.
    static func port(_ number: Int) -> UInt16? {
        number == 0 ? nil : UInt16(exactly: number)
    }

    /// The names in the self-signed certificate.
    static func names(_ host: String) -> [String] {
        ["0.0.0.0", "::", ""].contains(host) ? [] : [host]
    }

    /// The token of the pod's ServiceAccount; nil if none is given.
    static func accountToken(_ options: Options, _ clock: any Clock) throws(StartError) -> RereadFile? {
        let option = NodeAgentOptions.accountTokenFile
        guard !options[option].isEmpty else { return nil }
        do throws(FileError) {
            return try RereadFile(
                options[option], every: .seconds(60), clock: clock,
                accepts: { text in
                    let isPlain = !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
                    return isPlain ? nil : "it holds no token"
                })
        } catch {
            throw StartError("--\(option.key): \(error)")
        }
    }

    /// What the file of an option holds; nil if none is given.
    private static func pem(_ options: Options, _ option: Option<String>) throws(StartError) -> [UInt8]? {
        guard !options[option].isEmpty else { return nil }
        do throws(FileError) {
            return try readFile(options[option], atMost: 1 << 20)
        } catch {
            throw StartError("--\(option.key): \(error)")
        }
    }

    static func target(
        _ options: Options, url: String, _ token: AgentToken, _ clock: any Clock
    ) throws(StartError) -> ClusterAgentLink.Target {
        let pin = options[NodeAgentOptions.publicKeyPin]
        let verifies = options[NodeAgentOptions.tlsVerify]
        let (certificate, key) = (NodeAgentOptions.certificateFile, NodeAgentOptions.keyFile)
        guard options[certificate].isEmpty == options[key].isEmpty else {
            throw .usage("--\(certificate.key) and --\(key.key): give both or neither")
        }
        let makeClient: @Sendable () throws(StartError) -> HTTPClient = { () throws(StartError) in
            let trust = TLSTrust(
                caPEM: try pem(options, NodeAgentOptions.caFile), pinnedPublicKey: pin.isEmpty ? nil : pin,
                clientCertificatePEM: try pem(options, certificate), clientKeyPEM: try pem(options, key),
                verifies: verifies)
            do throws(HTTPClientError) {
                return try HTTPClient(
                    options: HTTPClientOptions(
                        trust: trust, bearerToken: { token.presented }, userAgent: "node-agent/\(Command.version)",
                        connectTimeout: .seconds(6), maximumConnectionsPerHost: 2),
                    clock: clock)
            } catch {
                throw StartError("client for the cluster-agent: \(error)")
            }
        }
        return ClusterAgentLink.Target(
            url: url, runnerHost: options[NodeAgentOptions.runnerHost], first: try makeClient(),
            makeClient: makeClient, token: { token.presented }, onTokenRejected: token.handleRejection)
    }
}
