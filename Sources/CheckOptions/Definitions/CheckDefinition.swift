import JSON
import Platform

/// What an instance asks to check, decoded from its options.
package struct CheckDefinition: Sendable, Hashable {
    /// The check.
    package enum Work: Sendable, Hashable {
        case http(HTTPCheck)
        case tcp(TCPCheck)
        case prometheus(PrometheusCheck)
        case tls(TLSCheck)
    }

    /// The check.
    package let work: Work
    /// The time limit of one run: at most the interval from one start to the next.
    package let timeout: Duration
    /// What its author may not have meant: options that upstream does not know, and those that have no effect beside
    /// others.
    package let warnings: [String]

    /// The `min_collection_interval` of an instance that sets none.
    package static let defaultInterval: Duration = .seconds(15)

    /// The checks that this agent runs; `openmetrics` is the newer name of `prometheus`.
    package static let checkNames = ["http_check", "openmetrics", "prometheus", "tcp_check", "tls"]

    /// Decodes an instance.
    ///
    /// - Parameters:
    ///   - check: the check's name.
    ///   - instance: the instance's text.
    ///   - initConfig: the text of the config's `init_config`; may be empty.
    ///   - provider: where the config is from. Only the author of a `file` may have the content of one of the agent's
    ///     files sent somewhere: whoever can annotate a Service could otherwise send the agent's own token to a server
    ///     of theirs.
    /// - Throws: `CheckOptionError`: an unknown check, or an option that is missing, wrong or not supported.
    package init(
        _ check: String, instance: [UInt8], initConfig: [UInt8] = [], provider: String = "file"
    ) throws(CheckOptionError) {
        guard Self.checkNames.contains(check) else {
            throw CheckOptionError(
                "no check \(shownName(check)); this agent runs \(Self.checkNames.joined(separator: ", "))", .unsupported
            )
        }
        let members = try InstanceReader.members(of: instance, "the instance")
        let shared = initConfig.isEmpty ? [:] : try InstanceReader.members(of: initConfig, "init_config")
        guard let table = CheckTable.table(of: check, members) else { throw CheckOptionError("no table of options") }
        try table.refuse(members, in: .instance)
        try table.refuse(shared, in: .initConfig)
        let reader = InstanceReader(members, shared)
        switch check {
        case "http_check": (work, timeout) = try reader.httpCheck()
        case "tcp_check": (work, timeout) = try reader.tcpCheck()
        case "tls": (work, timeout) = try reader.tlsCheck()
        default: (work, timeout) = try reader.prometheusCheck(isOpenMetrics: check == "openmetrics")
        }
        guard provider == "file" || !work.sendsFile else {
            throw CheckOptionError(
                "auth_token and bearer_token_auth send a file of this agent, and are only followed in a config file",
                .unsupported)
        }
        let unknown = table.unknownKeys(members, in: .instance) + table.unknownKeys(shared, in: .initConfig)
        warnings = if case .http(let http) = work { try unknown + reader.expiryWarnings(http) } else { unknown }
    }

    /// How often an instance runs. One whose interval is invalid runs, and fails, at the default interval.
    package static func interval(ofInstance text: [UInt8]) -> Duration {
        guard let members = try? InstanceReader.members(of: text, "the instance"),
            let interval = try? InstanceReader(members, [:]).interval()
        else { return defaultInterval }
        return interval
    }
}

extension CheckDefinition.Work {
    fileprivate var sendsFile: Bool {
        switch self {
        case .http(let check): check.request.token != nil
        case .prometheus(let check): check.request.token != nil
        case .tcp, .tls: false
        }
    }
}

extension InstanceReader {
    static let defaultTimeout: Duration = .seconds(10)
    static let longestTimeout: Duration = .seconds(86_400)
    private static let longestInterval: Duration = .seconds(86_400 * 365)

    func interval() throws(CheckOptionError) -> Duration {
        try seconds("min_collection_interval", upTo: Self.longestInterval) ?? CheckDefinition.defaultInterval
    }
}
