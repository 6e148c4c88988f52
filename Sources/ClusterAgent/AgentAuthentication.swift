import Kubernetes
import Platform

/// How node-agents prove who they are: by the token that all of them share, by the token of their own ServiceAccount,
/// or by either.
enum AgentAuthentication: String, CaseIterable {
    case token
    case serviceAccount = "service_account"
    case both

    /// As the option says.
    init(_ options: Options) {
        self = AgentAuthentication(rawValue: options[AgentOptions.agentAuthentication]) ?? .token
    }

    /// Whether the shared token opens the agents' calls.
    var acceptsSharedToken: Bool { self != .serviceAccount }

    /// Asks the API server whose token an agent presents; nil if none but the shared one is accepted.
    ///
    /// - Parameter namespace: the agents'.
    /// - Throws: as `accounts`.
    func reviewer(
        _ options: Options, client: KubernetesClient, namespace: String
    ) throws(StartError) -> TokenReviewer? {
        guard self != .token else { return nil }
        return TokenReviewer(client: client, accounts: try Self.accounts(options, namespace))
    }

    /// The agents' accounts, as `NAMESPACE/NAME`.
    ///
    /// - Throws: `StartError` for one that is no name.
    static func accounts(_ options: Options, _ namespace: String) throws(StartError) -> [String] {
        let option = AgentOptions.agentAccounts
        let given = options[option].isEmpty ? [Self.defaultAccount] : options[option]
        var accounts: [String] = []
        for account in given {
            let parts = account.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count <= 2, parts.allSatisfy({ isDNSSubdomain(String($0)) }) else {
                throw .usage("--\(option.key)=\(account): a ServiceAccount is given as NAME or NAMESPACE/NAME")
            }
            accounts.append(parts.count == 2 ? account : "\(namespace)/\(account)")
        }
        return accounts
    }

    private static let defaultAccount = "node-agent"
}

extension AgentOptions {
    static let agentAuthentication = Option.choice(
        "cluster_agent.agent_auth", of: AgentAuthentication.allCases.map(\.rawValue),
        default: AgentAuthentication.token.rawValue,
        help:
            "How node-agents authenticate: `token` (the shared one), `service_account` (their own, good for their own "
            + "configs only), or `both` (either).")
    static let clientAuthorityFile = Option.text(
        "cluster_agent.client_ca_file",
        help:
            "PEM file with the CAs that issue node-agents' client certificates, whose common name is the node. Empty: "
            + "no client certificate is requested.")
    static let agentAccounts = Option.list(
        "cluster_agent.agent_service_accounts",
        help: "ServiceAccounts that node-agents run as, each NAME or NAMESPACE/NAME. Empty: `node-agent` in the "
            + "node-agents' namespace.")
}
