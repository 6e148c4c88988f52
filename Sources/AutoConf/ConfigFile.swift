import CheckModel
import JSON
import Platform

/// One file of `confd_path`: its check's name comes from the path, the rest from its contents.
struct ConfigFile {
    let path: String
    /// Whether it is JSON, not YAML.
    let isJSON: Bool
    /// The file's name without its ending, or its directory's without `.d`.
    let checkName: String
    /// Its name in keys and problems.
    let object: String

    init(path: String, isJSON: Bool, checkName: String) {
        self.path = path
        self.isJSON = isJSON
        self.checkName = checkName
        object = "file:\(path)"
    }

    /// Decodes the contents of the file.
    ///
    /// - Throws: `AutoConfError` if the file cannot be used.
    func reading(
        of contents: [UInt8], limit: Int, environment: Environment
    ) throws(AutoConfError) -> FileReading {
        guard !contents.isEmpty else { throw AutoConfError("the file is empty") }
        let json = try parsed(contents, limit: limit)
        var fields = try ConfigFields(json.value, place: "")
        try fields.checkFaults(json.faults.filter { !$0.isInPlacement }, outside: "instances")
        try refuse(&fields)
        var (bindings, warnings) = try fields.bindings("advanced_ad_identifiers")
        var refused: [AutoConfError] = []
        var template = try template(&fields, json.faults, refused: &refused)
        template.placement = fields.placement(json.faults, warnings: &warnings)
        template.lacksInstances = !refused.isEmpty
        let isClusterCheck = try fields.bool("cluster_check") ?? false
        var problems = (warnings + fields.unknownKeys).map { ConfigProblem(object, $0, .warning) }
        guard bindings.isEmpty else {
            return .template(
                FileTemplate(
                    object: object, template: template, bindings: bindings, problems: problems + unusable(refused)))
        }
        guard isClusterCheck else {
            problems.append(
                ConfigProblem(
                    object, "not a cluster check, so it is not dispatched: cluster_check is not true", .warning))
            return .configs([], problems: problems)
        }
        let key = ConfigKey(source: object, check: checkName, index: 0)
        var config = try template.resolved(key: key, UnboundVariables(environment: environment), refused: &refused)
        config.provider = "file"
        config.source = object
        return .configs(
            [config], problems: problems + unusable(refused), isPartial: template.isPartial || !refused.isEmpty)
    }

    /// Fails for a key that says where or whether the check runs, and that is not followed. Of others an unknown key
    /// is only warned of: it takes no check away from who comes with it.
    private func refuse(_ fields: inout ConfigFields) throws(AutoConfError) {
        for key in ["ad_identifiers", "docker_images"] {
            guard let identifiers = try fields.list(key), !identifiers.isEmpty else { continue }
            throw AutoConfError("\(key) is not supported: annotate the Service, or name it in advanced_ad_identifiers")
        }
        for key in ["cel_selector", "discovery"] where fields.value(key) != nil {
            throw AutoConfError("\(key) is not supported: name the Services in advanced_ad_identifiers")
        }
    }

    private func parsed(_ contents: [UInt8], limit: Int) throws(AutoConfError) -> RecoveredJSON {
        guard !isJSON else { return try ConfigText.json(contents, limits: JSONLimits(bytes: limit)) }
        let read = try ConfigText.yaml(contents, limit: limit)
        guard read.value != .null else { throw AutoConfError("the file has nothing but comments") }
        return read
    }

    private func unusable(_ instances: [AutoConfError]) -> [ConfigProblem] {
        instances.map { ConfigProblem(object, $0.description) }
    }

    private func template(
        _ fields: inout ConfigFields, _ faults: [RecoveredJSON.Fault], refused: inout [AutoConfError]
    ) throws(AutoConfError) -> CheckTemplate {
        var template = CheckTemplate(checkName: checkName)
        template.instances = try fields.instances("instances", faults, null: .object([:]), refused: &refused)
        if let initConfig = try fields.object("init_config") { template.initConfig = initConfig }
        template.metricConfig = try fields.list("jmx_metrics").map { .array($0) }
        // From a file, logs are sent under their key.
        template.logs = try fields.list("logs").map { .object(["logs": .array($0)]) }
        template.ignoreAutodiscoveryTags = try fields.bool("ignore_autodiscovery_tags") ?? false
        template.checkTagCardinality = try fields.cardinality("check_tag_cardinality")
        guard !template.instances.isEmpty || template.logs != nil || template.metricConfig != nil else {
            throw refused.first ?? AutoConfError("Configuration file contains no valid instances")
        }
        return template
    }
}

/// The result of reading one file.
enum FileReading: Hashable {
    /// The file has not changed.
    case unchanged
    /// Its configs, which replace those that it had, and its problems; whether something of the configs cannot be used.
    case configs([CheckConfig], problems: [ConfigProblem], isPartial: Bool = false)
    /// A template for objects that it names.
    case template(FileTemplate)
    /// The file cannot be used, for this reason, and keeps what it had.
    case keepsLast(ConfigProblem)
}
