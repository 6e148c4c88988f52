import CheckModel
import JSON
package import Kubernetes
import Platform

/// What a ClusterCheck wants.
struct ClusterCheckReading {
    /// Whether its author has paused it; nil if that cannot be read.
    let isPaused: Bool?
    /// Its config and its problems.
    let configs: ConfigReading
}

extension ClusterCheck {
    /// The source of its config, and its name in problems.
    package var source: String {
        "\(ConfigKey.clusterCheckPrefix)\(metadata.namespace)/\(metadata.name)"
    }

    /// Reads its spec. One that cannot be used keeps the config that it had; whether it is paused counts even then.
    func reading(environment: Environment) -> ClusterCheckReading {
        var isPaused: Bool?
        do throws(AutoConfError) {
            if let specProblem { throw AutoConfError("spec: \(specProblem)") }
            var fields = try ConfigFields(spec, place: "spec")
            isPaused = try fields.bool("paused") ?? false
            var refused: [AutoConfError] = []
            var warnings: [String] = []
            let template = try template(&fields, &refused, &warnings)
            warnings += fields.unknownKeys
            let config = try config(of: template, environment: environment, refused: &refused)
            let problems =
                warnings.map { ConfigProblem(source, $0, template.placement.isBroken ? .error : .warning) }
                + refused.map { ConfigProblem(source, $0.description) }
            return ClusterCheckReading(
                isPaused: isPaused, configs: .configs([WeighedConfig(config)], problems: problems))
        } catch {
            return ClusterCheckReading(
                isPaused: isPaused, configs: .keepsLast(ConfigProblem(source, error.description)))
        }
    }

    private func template(
        _ fields: inout ConfigFields, _ refused: inout [AutoConfError], _ warnings: inout [String]
    ) throws(AutoConfError) -> CheckTemplate {
        var template = CheckTemplate(checkName: try fields.name("check"))
        template.instances = try fields.instances("instances", [], refused: &refused)
        if let initConfig = try fields.object("initConfig") { template.initConfig = initConfig }
        template.placement = fields.placement([], warnings: &warnings)
        guard !template.instances.isEmpty else {
            throw refused.first ?? AutoConfError("spec: instances is missing or empty")
        }
        return template
    }

    private func config(
        of template: CheckTemplate, environment: Environment, refused: inout [AutoConfError]
    ) throws(AutoConfError) -> CheckConfig {
        // The object has one config, whatever its check: an edit of the check's name is another check.
        let key = ConfigKey(source: source, check: template.checkName, index: 0)
        var config = try template.resolved(key: key, UnboundVariables(environment: environment), refused: &refused)
        config.provider = "kubernetes-clusterchecks"
        config.source = source
        return config
    }
}
