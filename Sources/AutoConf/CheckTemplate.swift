import CheckModel
import JSON

/// One check as an annotation or a file describes it, variables not yet resolved.
struct CheckTemplate: Hashable {
    var checkName: String
    var instances: [JSONValue] = []
    var initConfig: JSONValue? = .object([:])
    var metricConfig: JSONValue?
    var logs: JSONValue?
    var ignoreAutodiscoveryTags = false
    var checkTagCardinality = ""

    /// The config, with variables resolved; what is bound to an object is not filled in.
    func resolved(key: ConfigKey, _ variables: some TemplateVariables) throws(AutoConfError) -> CheckConfig {
        var config = CheckConfig(key: key, checkName: checkName)
        for instance in instances { config.instances.append(try instance.resolved(variables)) }
        if let initConfig { config.initConfig = try initConfig.resolved(variables) }
        config.metricConfig = metricConfig
        if let logs { config.logs = try logs.resolved(variables) }
        config.ignoreAutodiscoveryTags = ignoreAutodiscoveryTags
        config.checkTagCardinality = checkTagCardinality
        return config
    }
}
