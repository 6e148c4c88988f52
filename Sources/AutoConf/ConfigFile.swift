import CheckModel

/// One file of `confd_path`: its check's name comes from the path, the rest from its contents.
struct ConfigFile {
    /// The file.
    let path: String
    /// The check: the file's name without `.json`, or its directory's without `.d`.
    let checkName: String

    /// How AutoConf names it.
    var object: String {
        "file:\(path)"
    }

    /// What is said of a YAML file.
    static func conversion(of path: String) -> String {
        let target = path.prefix(upTo: path.lastIndex(of: ".") ?? path.endIndex) + ".json"
        return """
            YAML is not read; convert it to JSON: python3 -c 'import json, sys, yaml; \
            json.dump(yaml.safe_load(sys.stdin), sys.stdout)' <\(path) >\(target)
            """
    }

    /// The config in the file's contents, and what is odd about it; no config if it is not for the cluster.
    ///
    /// - Throws: `AutoConfError` if the file cannot be used.
    func configs(
        of contents: [UInt8], limit: Int, environment: Environment
    ) throws(AutoConfError) -> (configs: [CheckConfig], problems: [ConfigProblem]) {
        guard !contents.isEmpty else { throw AutoConfError("the file is empty") }
        let json: JSON
        do {
            json = try JSON(parsing: contents, limits: JSONLimits(bytes: limit))
        } catch {
            throw AutoConfError(error.description)
        }
        var fields = try ConfigFields(json, place: "")
        try refuseTemplates(&fields)
        var template = CheckTemplate(checkName: checkName)
        template.instances = try fields.instances("instances")
        if let initConfig = try fields.object("init_config") { template.initConfig = initConfig }
        template.metricConfig = try fields.list("jmx_metrics").map { .array($0) }
        // In a file, logs travel with their key.
        template.logs = try fields.list("logs").map { .object(["logs": .array($0)]) }
        template.ignoreAutodiscoveryTags = try fields.bool("ignore_autodiscovery_tags") ?? false
        template.checkTagCardinality = try fields.cardinality("check_tag_cardinality")
        let isClusterCheck = try fields.bool("cluster_check") ?? false
        guard !template.instances.isEmpty || template.logs != nil || template.metricConfig != nil else {
            throw AutoConfError("Configuration file contains no valid instances")
        }
        var problems = fields.unread.map { ConfigProblem(object, "unknown key \($0)", .warning) }
        guard isClusterCheck else {
            problems.append(
                ConfigProblem(
                    object, "not a cluster check, so it is not dispatched: cluster_check is not true", .warning))
            return ([], problems)
        }
        let key = ConfigKey(source: object, check: checkName, index: 0)
        var config = try template.resolved(key: key, FileVariables(environment: environment))
        config.provider = "file"
        config.source = object
        return ([config], problems)
    }

    /// Files that are bound to other objects are templates, which are not supported.
    private func refuseTemplates(_ fields: inout ConfigFields) throws(AutoConfError) {
        for key in ["ad_identifiers", "advanced_ad_identifiers"] {
            if let identifiers = try fields.list(key), !identifiers.isEmpty {
                throw AutoConfError(
                    "\(key) is not supported: annotate the Service, or remove the key and name the host")
            }
        }
    }
}
