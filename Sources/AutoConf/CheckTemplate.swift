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

    /// The source in the keys of a target's configs.
    func source(of target: CheckTarget) -> String { keyPrefix + target.entity }
}

extension [CheckTemplate] {
    /// Where templates are bound: the target, and how the configs for it are named.
    typealias Place = (target: CheckTarget, origin: TemplateOrigin)

    /// Binds each template to `target`. One that cannot be resolved is reported, and does not affect the others.
    func bind(to target: CheckTarget, from origin: TemplateOrigin, into bound: inout BoundConfigs) {
        var none = LastGoodTemplates()
        bind(to: [(target, origin)], lastGood: &none, into: &bound)
    }

    /// Binds each template to each target. One that cannot be resolved is reported, and does not affect the others.
    ///
    /// - Parameters:
    ///   - hasErrors: whether there would be more templates if all of their text could be used.
    ///   - lastGood: stand in for those that cannot be used, or not as a whole. Those of them that are not needed any
    ///     more are forgotten.
    func bind(
        to places: [Place], hasErrors: Bool = false, lastGood: inout LastGoodTemplates, into bound: inout BoundConfigs
    ) {
        let named = named
        let current = Set(named.map(\.name))
        let standIns = lastGood.isEmpty ? [] : lastGood.all.filter { hasErrors || current.contains($0.name) }
        let instead = Dictionary(uniqueKeysWithValues: standIns.map { ($0.name, $0.template) })
        var needed = Set(instead.keys).subtracting(current)
        for (name, _, template) in named where instead[name] != nil && instead[name] != template {
            // Where there is no target, nobody knows whether it can be used.
            if places.isEmpty || template.isPartial { needed.insert(name) }
        }
        for (target, origin) in places {
            if hasErrors { bound.keep(source: origin.source(of: target)) }
            reportPlacement(target, origin, &bound)
            for (name, position, template) in named {
                let standIn = instead[name].flatMap { $0 == template ? nil : $0 }
                let isGood = template.bind(name, position, to: (target, origin), instead: standIn, into: &bound)
                if !isGood, standIn != nil { needed.insert(name) }
            }
        }
        // After those that are written now, which have the first claim on what there is room for.
        for place in places {
            for (name, template) in standIns where !current.contains(name) {
                guard !bound.isFull else {
                    bound.leaveOut(oneOf: place.origin.source(of: place.target))
                    continue
                }
                template.standIn(name, at: place, into: &bound)
            }
        }
        lastGood.keep(only: needed)
    }

    private func reportPlacement(_ target: CheckTarget, _ origin: TemplateOrigin, _ bound: inout BoundConfigs) {
        guard !target.nodeName.isEmpty, contains(where: { !$0.placement.isDefault }) else { return }
        let reason = "checks that are pinned to a Kubernetes node never move, so it has no effect on them"
        bound.report(ConfigProblem(origin.object, "\(origin.place)\(PlacementOptions.key): \(reason)", .warning))
    }
}

extension CheckTemplate {
    /// What binding a template to a target gives.
    private struct Binding {
        var config: CheckConfig
        /// Why instances cannot be resolved.
        var refused: [AutoConfError] = []
        /// What its author may not have meant.
        var warnings: [String] = []
    }

    /// Adds its config for a target, or that of another template if it cannot be used as a whole.
    ///
    /// - Parameter standIn: the other template, which reports nothing.
    /// - Returns: whether all of it is used.
    fileprivate func bind(
        _ name: TemplateName, _ position: Int, to place: [CheckTemplate].Place, instead standIn: CheckTemplate?,
        into bound: inout BoundConfigs
    ) -> Bool {
        let (target, origin) = place
        guard !bound.isFull else {
            bound.leaveOut(oneOf: origin.source(of: target))
            return false
        }
        func report(_ reason: String, _ severity: ConfigProblem.Severity = .error) {
            bound.report(ConfigProblem(origin.object, origin.place + reason, severity))
        }
        do throws(AutoConfError) {
            let binding = try binding(name, to: place)
            for error in binding.refused {
                report("\(shownName(checkName))[\(position)] is not scheduled as a whole: \(error)")
            }
            for reason in binding.warnings { report(reason, .warning) }
            let isPartial = isPartial || !binding.refused.isEmpty
            if !isPartial || standIn?.standIn(name, at: place, into: &bound) != true {
                bound.add(binding.config, isPartial: isPartial)
            }
            return !isPartial
        } catch {
            report("\(shownName(checkName))[\(position)] is not scheduled: \(error)")
            bound.keep(source: origin.source(of: target))
            standIn?.standIn(name, at: place, into: &bound)
            return false
        }
    }

    /// Adds its config for a target, in place of what is written there now.
    ///
    /// - Returns: whether it can be resolved as a whole; else nothing is added.
    @discardableResult
    fileprivate func standIn(
        _ name: TemplateName, at place: [CheckTemplate].Place, into bound: inout BoundConfigs
    ) -> Bool {
        guard let binding = try? binding(name, to: place), binding.refused.isEmpty else { return false }
        bound.add(binding.config, standsIn: true)
        return true
    }

    private func binding(
        _ name: TemplateName, to place: [CheckTemplate].Place
    ) throws(AutoConfError) -> Binding {
        let (target, origin) = place
        var refused: [AutoConfError] = []
        let key = name.key(in: origin.source(of: target))
        var config = try resolved(key: key, target.variables, refused: &refused)
        config.provider = origin.provider
        config.source = origin.source
        config.serviceID = target.entity
        config.adIdentifiers = target.adIdentifiers
        config.nodeName = target.nodeName
        if !target.nodeName.isEmpty { (config.handOver, config.rules) = (.sticky, nil) }
        let warnings = config.ignoreAutodiscoveryTags ? [] : config.add(target.tags)
        return Binding(config: config, refused: refused, warnings: warnings)
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
