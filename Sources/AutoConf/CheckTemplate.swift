import CheckModel
import JSON
import Platform

/// One check as an annotation or a file describes it, with variables not yet resolved.
struct CheckTemplate: Hashable {
    @ExactText var checkName: String
    /// What tells it apart from the others of its check in the same source; empty where the check's name does.
    var entry = ""
    var instances: [JSONValue] = []
    /// Whether other instances of it cannot be used.
    var lacksInstances = false
    var initConfig: JSONValue? = .object([:])
    var metricConfig: JSONValue?
    var logs: JSONValue?
    var ignoreAutodiscoveryTags = false
    var checkTagCardinality = ""
    var placement = PlacementOptions()

    /// Whether something of it cannot be used.
    var isPartial: Bool { lacksInstances || placement.isBroken }

    /// The config with its variables resolved, without what depends on the target. An instance that cannot be resolved
    /// does not affect the others.
    ///
    /// - Parameter refused: gets the reason for each instance that cannot be resolved.
    func resolved(
        key: ConfigKey, _ variables: some TemplateVariables, refused: inout [AutoConfError]
    ) throws(AutoConfError) -> CheckConfig {
        var config = CheckConfig(key: key, checkName: checkName)
        var unresolved: [AutoConfError] = []
        for (index, instance) in instances.enumerated() {
            do throws(AutoConfError) {
                config.instances.append(try instance.resolved(variables))
            } catch {
                unresolved.append(instances.count == 1 ? error : AutoConfError("instances[\(index)]: \(error)"))
            }
        }
        if config.instances.isEmpty, let first = unresolved.first { throw first }
        refused += unresolved
        if let initConfig { config.initConfig = try initConfig.resolved(variables) }
        config.metricConfig = metricConfig
        if let logs { config.logs = try logs.resolved(variables) }
        config.ignoreAutodiscoveryTags = ignoreAutodiscoveryTags
        config.checkTagCardinality = checkTagCardinality
        config.handOver = placement.handOver
        config.rules = placement.rules
        return config
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
        if !target.nodeName.isEmpty, contains(where: { !$0.placement.isDefault }) {
            let reason = "checks that are pinned to a Kubernetes node never move, so it has no effect on them"
            bound.report(ConfigProblem(origin.object, "\(origin.place)\(PlacementOptions.key): \(reason)", .warning))
        }
        var positions: [ExactText: Int] = [:]
        var ranks: [[ExactText]: Int] = [:]
        for template in self {
            guard !bound.isFull else {
                bound.leaveOut(oneOf: origin.keyPrefix + target.entity)
                continue
            }
            // A config that cannot be resolved keeps its rank, so that its equals keep their keys.
            let (name, entry) = (template.checkName, template.entry)
            let (position, rank) = (
                positions[name, default: 0], ranks[[ExactText(name), ExactText(entry)], default: 0]
            )
            positions[name] = position + 1
            ranks[[ExactText(name), ExactText(entry)]] = rank + 1
            let key = ConfigKey(source: origin.keyPrefix + target.entity, check: name, entry: entry, index: rank)
            do {
                var refused: [AutoConfError] = []
                var config = try template.resolved(key: key, target.variables, refused: &refused)
                for error in refused {
                    let reason =
                        "\(origin.place)\(shownName(name))[\(position)] is not scheduled as a whole: \(error)"
                    bound.report(ConfigProblem(origin.object, reason))
                }
                config.provider = origin.provider
                config.source = origin.source
                config.serviceID = target.entity
                config.adIdentifiers = target.adIdentifiers
                config.nodeName = target.nodeName
                if !target.nodeName.isEmpty { (config.handOver, config.rules) = (.sticky, nil) }
                if !config.ignoreAutodiscoveryTags {
                    for reason in config.add(target.tags) {
                        bound.report(ConfigProblem(origin.object, origin.place + reason, .warning))
                    }
                }
                bound.add(config, isPartial: template.isPartial || !refused.isEmpty)
            } catch {
                let reason = "\(origin.place)\(shownName(name))[\(position)] is not scheduled: \(error)"
                bound.report(ConfigProblem(origin.object, reason))
                bound.keep(source: key.source)
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
                reasons.append(
                    "\(shownName(checkName)): tags of instance \(index) is \(own.kind), not a list; it is replaced")
            }
            Tags.union(tags, into: &members)
            instances[index] = .object(members)
        }
        return reasons
    }
}
