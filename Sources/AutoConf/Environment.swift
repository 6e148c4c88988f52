import Platform

/// The environment variables that `%%env_X%%` may read.
///
/// Anyone who can annotate a Service can have a value sent to any address. So the agent's own secrets, which are `DD_…`
/// variables named after a token, key, secret or password, cannot be read unless the allow list names them.
struct Environment: Sendable {
    private let values: [String: String]
    private let allowed: Set<String>
    private let isRefused: Bool

    init(_ values: [String: String], options: AutoConfOptions) {
        self.values = values
        allowed = Set(options.allowedEnvironment.map { $0.uppercased() })
        isRefused = options.refusesEnvironment
    }

    func value(of name: String) throws(AutoConfError) -> String {
        guard !isRefused else {
            throw AutoConfError("environment variables are not resolved (ad_disable_env_var_resolution)")
        }
        guard !name.isEmpty else { throw AutoConfError("the name of the environment variable is missing") }
        guard isAllowed(name.uppercased()) else {
            throw AutoConfError("environment variable \(shownName(name)) is not allowed (ad_allowed_env_vars)")
        }
        guard let value = values[name] else {
            throw AutoConfError("environment variable \(shownName(name)) is not set in the cluster-agent")
        }
        return value
    }

    private func isAllowed(_ name: String) -> Bool {
        guard allowed.isEmpty else { return allowed.contains(name) }
        let isOurs = name.hasPrefix("DD_")
        return !isOurs || !["TOKEN", "KEY", "SECRET", "PASSWORD"].contains { name.contains($0) }
    }
}
