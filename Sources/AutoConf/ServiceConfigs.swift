import CheckModel
import Kubernetes

extension Service {
    /// How AutoConf names it: `kube_service://<namespace>/<name>`.
    var entity: String {
        "kube_service://\(namespace)/\(name)"
    }

    /// How Events name it.
    var reference: ObjectReference {
        ObjectReference(
            kind: "Service", namespace: namespace, name: name, uid: uid, resourceVersion: resourceVersion)
    }

    /// Tags that its checks get: what it is, and what its standard labels say.
    var tags: [String] {
        var tags = ["kube_service:\(name)", "kube_namespace:\(namespace)"]
        for tag in ["env", "service", "version"] {
            if let value = labels["tags.datadoghq.com/\(tag)"], !value.isEmpty { tags.append("\(tag):\(value)") }
        }
        return tags
    }

    /// The configs that its annotations describe, resolved, and what is wrong with the others.
    func configs(environment: Environment) -> (configs: [CheckConfig], problems: [ConfigProblem]) {
        let annotated = ServiceAnnotations(annotations)
        var problems = annotated.problems.map { ConfigProblem(entity, $0.reason, $0.severity) }
        let variables = ServiceVariables(self, environment: environment)
        var configs: [CheckConfig] = []
        var indices: [String: Int] = [:]
        for template in annotated.templates {
            // A config that cannot be resolved keeps its index, so that the others of its check keep their keys.
            let index = indices[template.checkName, default: 0]
            indices[template.checkName] = index + 1
            let key = ConfigKey(source: entity, check: template.checkName, index: index)
            do {
                var config = try template.resolved(key: key, variables)
                config.provider = "kubernetes-services"
                config.serviceID = entity
                config.source = "kube_services:\(entity)"
                if !config.ignoreAutodiscoveryTags {
                    let reasons = addTags(to: &config)
                    problems += reasons.map { ConfigProblem(entity, $0, .warning) }
                }
                configs.append(config)
            } catch {
                problems.append(ConfigProblem(entity, "\(template.checkName)[\(index)] is not scheduled: \(error)"))
            }
        }
        return (configs, problems)
    }

    /// Puts the Service's tags into each instance, and tells of `tags` that were replaced because they are no list.
    private func addTags(to config: inout CheckConfig) -> [String] {
        var reasons: [String] = []
        for (index, instance) in config.instances.enumerated() {
            guard case .object(var members) = instance else { continue }
            if let tags = members["tags"], tags != .null, tags.arrayValue == nil {
                reasons.append(
                    "\(config.checkName): tags of instance \(index) is \(tags.kind), not a list; it is replaced")
            }
            Tags.union(tags, into: &members)
            config.instances[index] = .object(members)
        }
        return reasons
    }
}
