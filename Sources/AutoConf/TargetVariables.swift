import Platform

/// A port of a Service or of an endpoint.
struct TargetPort: Hashable, Comparable {
    let number: Int
    /// Empty if it has none.
    @ExactText private(set) var name: String

    static func < (left: TargetPort, right: TargetPort) -> Bool {
        (left.number, left.name) < (right.number, right.name)
    }
}

/// The variables of a template that is bound to a Service or to an endpoint.
struct TargetVariables: TemplateVariables {
    /// What it is bound to, for errors.
    enum Kind: String {
        case service = "Service"
        case endpoint
    }

    private let kind: Kind
    private let address: Result<String, AutoConfError>
    private let ports: [TargetPort]
    private let environment: Environment

    /// - Parameters:
    ///   - address: the address, or why there is none.
    ///   - ports: in any order.
    init(_ kind: Kind, address: Result<String, AutoConfError>, ports: [TargetPort], environment: Environment) {
        self.kind = kind
        self.address = address
        self.ports = ports.sorted()
        self.environment = environment
    }

    /// `host` (and `host_X`, since there is only one network), `port`, `port_N`, `port_name`, `env_X`.
    func value(of name: String, _ parameter: String?) throws(AutoConfError) -> TemplateValue {
        switch name {
        case "host": return .host(try address.get())
        case "port": return .port(try port(parameter))
        case "env": return .environment(try environment.value(of: parameter ?? ""))
        case "pid", "hostname", "kube", "extra": throw AutoConfError("not supported for \(kind.rawValue)s")
        default: throw AutoConfError("unknown variable")
        }
    }

    /// The highest port; the port of an index, from 0, in ascending order; the port of a name.
    private func port(_ parameter: String?) throws(AutoConfError) -> Int {
        guard let highest = ports.last else { throw AutoConfError("the \(kind.rawValue) has no ports") }
        guard let parameter else { return highest.number }
        if let index = Int(parameter) {
            guard ports.indices.contains(index) else {
                throw AutoConfError("the \(kind.rawValue) has \(ports.count) ports, counted from 0")
            }
            return ports[index].number
        }
        guard let named = ports.first(where: { $0.name == parameter }) else {
            let names = ports.map(\.name).filter { !$0.isEmpty }.joined(separator: ", ")
            throw AutoConfError(
                names.isEmpty
                    ? "no port of the \(kind.rawValue) has a name" : "the \(kind.rawValue)'s ports are \(names)")
        }
        return named.number
    }
}

/// The variables of a config that is bound to no Service: environment variables only.
struct UnboundVariables: TemplateVariables {
    let environment: Environment

    /// `env_X`. A variable of other templates is an error, all else is plain text (`LIKE '%%a%%'`).
    func value(of name: String, _ parameter: String?) throws(AutoConfError) -> TemplateValue {
        switch name {
        case "env": return .environment(try environment.value(of: parameter ?? ""))
        case "host", "port", "pid", "hostname", "kube", "extra":
            throw AutoConfError("this config is bound to no Service; only %%env_X%% is resolved in it")
        default: return .literal
        }
    }
}
