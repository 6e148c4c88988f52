import CheckModel
import JSON

/// One check as an annotation or a file describes it, with variables not yet resolved.
struct CheckTemplate: Hashable {
    var checkName: String
    var instances: [JSONValue] = []
    var initConfig: JSONValue? = .object([:])
    var metricConfig: JSONValue?
    var logs: JSONValue?
    var ignoreAutodiscoveryTags = false
    var checkTagCardinality = ""

    /// The config with its variables resolved, without what depends on the target.
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

/// The configs that templates give for their targets, up to a limit, and problems.
///
/// Targets are bound in a stable order, so that the same configs are left out each time.
struct BoundConfigs {
    private(set) var configs: [CheckConfig] = []
    /// Without duplicates: a hundred endpoints may have the same problem.
    private(set) var problems: [ConfigProblem] = []
    /// The most problems of one object that are told one by one.
    private static let longestReport = 50

    private let limit: ConfigLimit
    /// The bytes that there is room for among all configs.
    private let room: Int
    private var bytes = 0
    private var leftOut = 0
    /// Whether the configs of other objects leave too little room, rather than its own being too many.
    private(set) var isCrowdedOut = false
    private var unreported = 0

    /// - Parameter room: the bytes that the configs of all other objects leave.
    init(limit: ConfigLimit, room: Int) {
        self.limit = limit
        self.room = room
    }

    /// Whether nothing more is added. What is left out need not be resolved.
    var isFull: Bool {
        leftOut > 0
    }

    /// Adds a config, if the limit allows it.
    mutating func add(_ config: CheckConfig) {
        let size = ConfigLimit.bytes(of: config)
        guard !isFull, configs.count < limit.configs, bytes + size <= min(limit.bytes, room) else {
            if !isFull { isCrowdedOut = configs.count < limit.configs && bytes + size <= limit.bytes }
            return leaveOut(1)
        }
        bytes += size
        configs.append(config)
    }

    /// Counts configs that are left out.
    mutating func leaveOut(_ count: Int) {
        leftOut += count
    }

    /// Adds a problem, unless it is there already. Of very many, the rest is counted.
    mutating func report(_ problem: ConfigProblem) {
        guard !problems.contains(problem) else { return }
        guard problems.count < Self.longestReport else { return unreported += 1 }
        problems.append(problem)
    }

    /// The configs and problems as the reading of `object`.
    func reading(of object: String) -> ConfigReading {
        var problems = problems
        if unreported > 0 { problems.append(ConfigProblem(object, "\(unreported) more problems")) }
        guard isFull else { return .configs(configs, problems: problems) }
        let reason =
            isCrowdedOut
            ? "no room for \(leftOut) of its \(configs.count + leftOut) configs: all configs together may have "
                + "\(limit.totalBytes) bytes"
            : "\(leftOut) of its \(configs.count + leftOut) configs are left out: one object may give \(limit.configs) "
                + "configs of \(limit.bytes) bytes together"
        return .configs(configs, problems: problems + [ConfigProblem(object, reason)])
    }
}

/// Where the configs of a template come from, and how they are named.
struct TemplateOrigin {
    /// The object that problems are about.
    let object: String
    /// The prefix of each problem's reason; may be empty.
    let place: String
    /// The config's `provider`.
    let provider: String
    /// The config's `source`.
    let source: String
    /// Distinguishes the keys of these configs from those of other origins for the same target; may be empty.
    var keyPrefix = ""
}

extension [CheckTemplate] {
    /// Binds each template to `target`. One that cannot be resolved is reported, and does not affect the others.
    func bind(to target: CheckTarget, from origin: TemplateOrigin, into bound: inout BoundConfigs) {
        var indices: [String: Int] = [:]
        for template in self {
            guard !bound.isFull else {
                bound.leaveOut(1)
                continue
            }
            // A config that cannot be resolved keeps its index, so that the others of its check keep their keys.
            let index = indices[template.checkName, default: 0]
            indices[template.checkName] = index + 1
            let key = ConfigKey(source: origin.keyPrefix + target.entity, check: template.checkName, index: index)
            do {
                var config = try template.resolved(key: key, target.variables)
                config.provider = origin.provider
                config.source = origin.source
                config.serviceID = target.entity
                config.adIdentifiers = target.adIdentifiers
                config.nodeName = target.nodeName
                if !config.ignoreAutodiscoveryTags {
                    for reason in config.add(target.tags) {
                        bound.report(ConfigProblem(origin.object, origin.place + reason, .warning))
                    }
                }
                bound.add(config)
            } catch {
                let reason = "\(origin.place)\(template.checkName)[\(index)] is not scheduled: \(error)"
                bound.report(ConfigProblem(origin.object, reason))
            }
        }
    }
}

extension CheckConfig {
    /// Adds `tags` to each instance. Returns a reason for each `tags` that was replaced because it is not a list.
    fileprivate mutating func add(_ tags: [String]) -> [String] {
        var reasons: [String] = []
        for (index, instance) in instances.enumerated() {
            guard case .object(var members) = instance else { continue }
            if let own = members["tags"], own != .null, own.arrayValue == nil {
                reasons.append("\(checkName): tags of instance \(index) is \(own.kind), not a list; it is replaced")
            }
            Tags.union(tags, into: &members)
            instances[index] = .object(members)
        }
        return reasons
    }
}
