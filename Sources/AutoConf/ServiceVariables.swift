import Kubernetes

/// The variables of a template that is bound to a Service.
struct ServiceVariables: TemplateVariables {
    private let clusterIP: String
    private let ports: [Service.Port]
    private let environment: Environment

    init(_ service: Service, environment: Environment) {
        clusterIP = service.clusterIP
        ports = service.ports.sorted { ($0.port, $0.name, $0.protocol) < ($1.port, $1.name, $1.protocol) }
        self.environment = environment
    }

    /// `host` (and `host_X`, since a Service has only one network), `port`, `port_N`, `port_name`, `env_X`.
    func value(of name: String, _ parameter: String?) throws(AutoConfError) -> TemplateValue {
        switch name {
        case "host": return .host(try host())
        case "port": return .port(try port(parameter))
        case "env": return .environment(try environment.value(of: parameter ?? ""))
        case "pid", "hostname", "kube", "extra": throw AutoConfError("not supported for Services")
        default: throw AutoConfError("unknown variable")
        }
    }

    private func host() throws(AutoConfError) -> String {
        switch clusterIP {
        case "None": throw AutoConfError("the Service is headless, it has no cluster IP")
        case "": throw AutoConfError("the Service has no cluster IP")
        default: return clusterIP
        }
    }

    /// The highest port; the port of an index, from 0, in ascending order; the port of a name.
    private func port(_ parameter: String?) throws(AutoConfError) -> Int {
        guard let highest = ports.last else { throw AutoConfError("the Service has no ports") }
        guard let parameter else { return highest.port }
        if let index = Int(parameter) {
            guard ports.indices.contains(index) else {
                throw AutoConfError("the Service has \(ports.count) ports, counted from 0")
            }
            return ports[index].port
        }
        guard let named = ports.first(where: { $0.name == parameter }) else {
            let names = ports.map(\.name).filter { !$0.isEmpty }
            throw AutoConfError(
                names.isEmpty
                    ? "no port of the Service has a name" : "the Service's ports are \(names.joined(separator: ", "))")
        }
        return named.port
    }
}

/// The variables of a config file: environment variables, and no others, because a file is bound to no object.
struct FileVariables: TemplateVariables {
    let environment: Environment

    /// `env_X`. What would be a variable elsewhere is an error, all else is plain text (`LIKE '%%a%%'`).
    func value(of name: String, _ parameter: String?) throws(AutoConfError) -> TemplateValue {
        switch name {
        case "env": return .environment(try environment.value(of: parameter ?? ""))
        case "host", "port", "pid", "hostname", "kube", "extra":
            throw AutoConfError("a config file is bound to no object; only %%env_X%% is resolved in it")
        default: return .literal
        }
    }
}
