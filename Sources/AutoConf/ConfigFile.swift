import CheckModel
import JSON

/// One file of `confd_path`: its check's name comes from the path, the rest from its contents.
struct ConfigFile {
    /// The file.
    let path: String
    /// The check: the file's name without `.json`, or its directory's without `.d`.
    let checkName: String
    /// How AutoConf names it.
    let object: String

    init(path: String, checkName: String) {
        self.path = path
        self.checkName = checkName
        object = "file:\(path)"
    }

    /// What is said of a YAML file.
    static func conversion(of path: String) -> String {
        let target = path.prefix(upTo: path.lastIndex(of: ".") ?? path.endIndex) + ".json"
        return """
            YAML is not read; convert it to JSON: python3 -c 'import json, sys, yaml; \
            json.dump(yaml.safe_load(sys.stdin), sys.stdout)' <\(path) >\(target)
            """
    }

    /// What the file's contents describe.
    ///
    /// - Throws: `AutoConfError` if the file cannot be used.
    func reading(
        of contents: [UInt8], limit: Int, environment: Environment
    ) throws(AutoConfError) -> FileReading {
        guard !contents.isEmpty else { throw AutoConfError("the file is empty") }
        let json: JSONValue
        do {
            json = try JSONValue(parsing: contents, limits: JSONLimits(bytes: limit))
        } catch {
            throw AutoConfError(error.description)
        }
        var fields = try ConfigFields(json, place: "")
        if let identifiers = try fields.list("ad_identifiers"), !identifiers.isEmpty {
            throw AutoConfError(
                "ad_identifiers is not supported: annotate the Service, or name it in advanced_ad_identifiers")
        }
        let (bindings, oddities) = try fields.bindings("advanced_ad_identifiers")
        let template = try template(&fields)
        let isClusterCheck = try fields.bool("cluster_check") ?? false
        var problems = (oddities + fields.unread.map { "unknown key \($0)" }).map {
            ConfigProblem(object, $0, .warning)
        }
        guard bindings.isEmpty else {
            return .template(
                FileTemplate(object: object, template: template, bindings: bindings, problems: problems))
        }
        guard isClusterCheck else {
            problems.append(
                ConfigProblem(
                    object, "not a cluster check, so it is not dispatched: cluster_check is not true", .warning))
            return .configs([], problems: problems)
        }
        let key = ConfigKey(source: object, check: checkName, index: 0)
        var config = try template.resolved(key: key, FileVariables(environment: environment))
        config.provider = "file"
        config.source = object
        return .configs([config], problems: problems)
    }

    private func template(_ fields: inout ConfigFields) throws(AutoConfError) -> CheckTemplate {
        var template = CheckTemplate(checkName: checkName)
        template.instances = try fields.instances("instances")
        if let initConfig = try fields.object("init_config") { template.initConfig = initConfig }
        template.metricConfig = try fields.list("jmx_metrics").map { .array($0) }
        // In a file, logs travel with their key.
        template.logs = try fields.list("logs").map { .object(["logs": .array($0)]) }
        template.ignoreAutodiscoveryTags = try fields.bool("ignore_autodiscovery_tags") ?? false
        template.checkTagCardinality = try fields.cardinality("check_tag_cardinality")
        guard !template.instances.isEmpty || template.logs != nil || template.metricConfig != nil else {
            throw AutoConfError("Configuration file contains no valid instances")
        }
        return template
    }
}

/// What reading one file gave.
enum FileReading: Hashable {
    /// It is as it was.
    case unchanged
    /// Its configs, which replace those it had, and what is odd about it.
    case configs([CheckConfig], problems: [ConfigProblem])
    /// What it describes for objects that it names.
    case template(FileTemplate)
    /// It cannot be used now: what it gave before stays, and this is why.
    case keepsLast(ConfigProblem)
}
