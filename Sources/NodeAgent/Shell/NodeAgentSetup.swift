import HTTPClient
import Platform

extension StartError {
    /// An error in the options, taken together.
    static func usage(_ text: String) -> StartError {
        StartError(description: text, isUsage: true)
    }
}

/// A token that is fixed, or a file's that may change.
enum AgentToken: Sendable {
    case fixed(String)
    case file(RereadFile)

    var text: String {
        switch self {
        case .fixed(let text): text
        case .file(let file): file.text
        }
    }

    /// Reads a file again now: the token was refused.
    func refused() {
        if case .file(let file) = self { file.reread() }
    }
}

/// From options to what the parts take.
extension NodeAgentProcess {
    static func url(_ options: Options) throws(StartError) -> String {
        var url = options[NodeAgentOptions.url]
        guard !url.isEmpty else { throw .usage("cluster_agent.url: where is the cluster-agent? https://HOST:PORT") }
        while url.hasSuffix("/") { url.removeLast() }
        return url
    }

    static func token(_ options: Options, _ clock: any Clock) throws(StartError) -> AgentToken {
        let path = options[NodeAgentOptions.authTokenFile]
        let text = options[NodeAgentOptions.authToken]
        if !text.isEmpty, !path.isEmpty {
            throw .usage("cluster_agent.auth_token and cluster_agent.auth_token_file: give one of the two")
        }
        if !text.isEmpty { return .fixed(text) }
        guard !path.isEmpty else {
            throw .usage("cluster_agent.auth_token_file: the cluster-agent's token is needed; give it, or auth_token")
        }
        do {
            return .file(
                try RereadFile(path, every: tokenInterval, clock: clock, accepts: NodeAgentOptions.tokenProblem))
        } catch {
            throw StartError(description: "cluster_agent.auth_token_file: \(error)", isUsage: false)
        }
    }

    static func nodeID(_ options: Options, _ environment: [String: String]) -> String {
        let given = [options[NodeAgentOptions.hostname], environment["NODE_NAME"] ?? ""]
        return given.first { !$0.isEmpty } ?? hostName()
    }

    static func coreOptions(_ options: Options, nodeID: String) -> AgentCoreOptions {
        let node = options[NodeAgentOptions.kubernetesNodeName]
        var core = AgentCoreOptions(nodeID: nodeID, kubernetesNodeName: node.isEmpty ? nil : node)
        core.pollInterval = options[NodeAgentOptions.pollInterval]
        core.nodeExpirationTimeout = options[NodeAgentOptions.nodeExpiration]
        core.gracePeriod = options[NodeAgentOptions.gracePeriod]
        core.degradedDeadline = options[NodeAgentOptions.degradedDeadline]
        return core
    }

    /// Port 0 is off.
    static func port(_ number: Int) -> UInt16? {
        number == 0 ? nil : UInt16(exactly: number)
    }

    /// The names that a self-signed certificate is for.
    static func names(_ host: String) -> [String] {
        ["0.0.0.0", "::", ""].contains(host) ? [] : [host]
    }

    static func target(
        _ options: Options, url: String, _ token: AgentToken, _ clock: any Clock
    ) throws(StartError) -> ClusterAgentLink.Target {
        let caFile = options[NodeAgentOptions.caFile]
        let pin = options[NodeAgentOptions.publicKeyPin]
        let verifies = options[NodeAgentOptions.tlsVerify]
        let makeClient: @Sendable () throws(StartError) -> HTTPClient = { () throws(StartError) in
            do {
                let trust = TLSTrust(
                    caPEM: caFile.isEmpty ? nil : try readFile(caFile, atMost: 1 << 20),
                    pinnedPublicKey: pin.isEmpty ? nil : pin, verifies: verifies)
                return try HTTPClient(
                    options: HTTPClientOptions(
                        trust: trust, bearerToken: { token.text }, userAgent: "node-agent/\(Command.version)",
                        connectTimeout: .seconds(6), maximumConnectionsPerHost: 2),
                    clock: clock)
            } catch let error as FileError {
                throw StartError(description: "cluster_agent.ca_file: \(error)", isUsage: false)
            } catch {
                throw StartError(description: "connection to the cluster-agent: \(error)", isUsage: false)
            }
        }
        return ClusterAgentLink.Target(
            url: url, runnerHost: options[NodeAgentOptions.runnerHost], first: try makeClient(),
            makeClient: makeClient, tokenRefused: { token.refused() })
    }
}
