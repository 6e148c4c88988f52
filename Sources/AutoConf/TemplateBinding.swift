import CheckModel
import JSON

/// The configs that templates give for objects, and what is wrong with those that they do not give.
struct BoundConfigs {
    /// The configs.
    var configs: [CheckConfig] = []
    /// What is wrong, each reason once: a hundred endpoints have one reason.
    private(set) var problems: [ConfigProblem] = []

    /// Tells of a problem, unless it is known.
    mutating func report(_ problem: ConfigProblem) {
        if !problems.contains(problem) { problems.append(problem) }
    }
}

/// Where bound configs come from, and how they are called.
struct TemplateOrigin {
    /// The object that problems are told of.
    let object: String
    /// What stands before each problem's reason; may be empty.
    let place: String
    /// The config's `provider`.
    let provider: String
    /// The config's `source`.
    let source: String
    /// Tells the configs of this origin from those that others give for the same target; empty where there are no others.
    var keyPrefix = ""
}

extension [CheckTemplate] {
    /// Binds each of the templates to `target`; one that cannot be resolved is reported and hurts no other.
    func bind(to target: CheckTarget, from origin: TemplateOrigin, into bound: inout BoundConfigs) {
        var indices: [String: Int] = [:]
        for template in self {
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
                bound.configs.append(config)
            } catch {
                let reason = "\(origin.place)\(template.checkName)[\(index)] is not scheduled: \(error)"
                bound.report(ConfigProblem(origin.object, reason))
            }
        }
    }
}

extension CheckConfig {
    /// Puts `tags` into each instance, and gives one reason for each `tags` that was replaced because it is no list.
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
