import CheckModel
import JSON
import Platform

/// What the `ad.datadoghq.com/…` annotations of a Service say about the Service (`service.…`) or its endpoints
/// (`endpoints.…`).
///
/// Version 2 is one annotation, `checks`. If it is set, version 1 (`check_names`, `init_configs`, `instances`, lists of
/// equal length) is ignored. If neither is set, version 1 is also read under its former prefix. `logs` adds one config
/// of its own. `placement` is about all configs. What is ignored is told, and an entry that cannot be used does not
/// affect the others.
struct ServiceAnnotations {
    /// What annotations are about.
    enum Subject: String {
        case service, endpoints
    }

    typealias Problem = (reason: String, severity: ConfigProblem.Severity)

    private static let prefix = "ad.datadoghq.com/"
    private static let formerPrefix = "service-discovery.datadoghq.com/"
    private static let versionOneKeys = ["check_names", "init_configs", "instances"]
    private static let otherKeys = ["logs", "ignore_autodiscovery_tags", "check_tag_cardinality"]

    /// The annotations that count, without their prefix.
    private let values: [ExactText: ExactText]
    /// What they describe, in a stable order.
    private(set) var templates: [CheckTemplate] = []
    /// Which agents run the checks of endpoints.
    let resolution: EndpointResolution
    /// What its author says of where all of them run.
    private(set) var placement = PlacementOptions()
    private(set) var problems: [Problem] = []

    /// Whether something cannot be used that may have given a config before.
    var hasErrors: Bool { problems.contains { $0.severity == .error } }

    /// Whether `annotations` say anything about checks.
    static func isAnnotated(_ annotations: [ExactText: ExactText]) -> Bool {
        isAnnotated(annotations, .service) || isAnnotated(annotations, .endpoints)
    }

    /// Whether `annotations` say anything about `subject`.
    static func isAnnotated(_ annotations: [ExactText: ExactText], _ subject: Subject) -> Bool {
        let prefixes = [prefix, formerPrefix].map { "\($0)\(subject.rawValue)." }
        return annotations.keys.contains { key in prefixes.contains { key.hasPrefix($0) } }
    }

    /// Decodes what `annotations` say about `subject`.
    init(_ annotations: [ExactText: ExactText], _ subject: Subject) {
        let current = Self.values(annotations, "\(Self.prefix)\(subject.rawValue).")
        let former = Self.values(annotations, "\(Self.formerPrefix)\(subject.rawValue).")
        let isFormer =
            !(["checks"] + Self.versionOneKeys).contains { current[$0] != nil }
            && Self.versionOneKeys.contains { former[$0] != nil }
        values = isFormer ? former : current
        let resolve = EndpointResolution.parse(subject == .endpoints ? current["resolve"]?.text : nil)
        resolution = resolve.resolution
        if !resolve.isKnown {
            problems.append(("resolve is neither auto nor ip; auto is used", .warning))
        }
        placement = readPlacement(current)
        warnOfUnknown(
            current, "\(Self.prefix)\(subject.rawValue).",
            ["checks", PlacementOptions.key] + (subject == .endpoints ? ["resolve"] : []))
        warnOfUnknown(former, "\(Self.formerPrefix)\(subject.rawValue).", [])
        if !isFormer { warnOfIgnored(former, Self.formerPrefix, subject) }
        if current["checks"] != nil { warnOfIgnored(current, Self.prefix, subject) }
        do {
            templates = try checks()
        } catch {
            problems.append(("could not extract checks config: \(error)", .error))
        }
        do {
            if let logs = try logs() { templates.append(logs) }
        } catch {
            problems.append(("could not extract logs config: \(error)", .error))
        }
        for index in templates.indices { templates[index].placement = placement }
    }

    private static func values(_ annotations: [ExactText: ExactText], _ prefix: String) -> [ExactText: ExactText] {
        Dictionary(
            uniqueKeysWithValues: annotations.filter { $0.key.hasPrefix(prefix) }
                .map { (ExactText($0.key.text.dropFirst(prefix.count)), $0.value) })
    }

    private mutating func readPlacement(_ values: [ExactText: ExactText]) -> PlacementOptions {
        guard let text = values[ExactText(PlacementOptions.key)]?.text else { return PlacementOptions() }
        var warnings: [String] = []
        let placement = PlacementOptions(annotation: text, warnings: &warnings)
        problems += warnings.map { ($0, .warning) }
        return placement
    }

    private mutating func warnOfUnknown(_ values: [ExactText: ExactText], _ prefix: String, _ more: [String]) {
        let known = Self.versionOneKeys + Self.otherKeys + more
        for key in values.keys.sortedTexts() where !known.contains(key) {
            problems.append(("unknown annotation \(prefix)\(shownName(key))", .warning))
        }
    }

    private mutating func warnOfIgnored(_ values: [ExactText: ExactText], _ prefix: String, _ subject: Subject) {
        let ignored = Self.versionOneKeys.filter { values[$0] != nil }.map { "\(prefix)\(subject.rawValue).\($0)" }
        guard !ignored.isEmpty else { return }
        let used = values["checks"] == nil ? "there are annotations with the prefix \(Self.prefix)" : "checks is set"
        problems.append(("\(ignored.joined(separator: ", ")): ignored, because \(used)", .warning))
    }

    /// One entry of an annotation cannot be used. The others are.
    private mutating func refuse(_ error: AutoConfError) {
        problems.append(("could not extract checks config: \(error)", .error))
    }

    private mutating func checks() throws(AutoConfError) -> [CheckTemplate] {
        if let text = values["checks"] { return try versionTwo(text.text) }
        return try versionOne()
    }

    private mutating func versionTwo(_ text: String) throws(AutoConfError) -> [CheckTemplate] {
        let checks = try Self.json(text, "cannot parse check configuration")
        guard case .object(let members) = checks.value else {
            throw AutoConfError("cannot parse check configuration: checks is \(checks.value.kind), not an object")
        }
        for fault in checks.faults where fault.path.isEmpty {
            refuse(AutoConfError("checks: \(fault.error); of equal keys the last one counts"))
        }
        let faults = checks.faultsByStep
        var templates: [CheckTemplate] = []
        for (name, check) in members.sorted(by: { $0.key < $1.key }) {
            do throws(AutoConfError) {
                templates.append(try template(name.text, check, faults[.member(name), default: []]))
            } catch {
                refuse(error)
            }
        }
        return templates
    }

    private mutating func template(
        _ name: String, _ check: JSONValue, _ faults: [RecoveredJSON.Fault]
    ) throws(AutoConfError) -> CheckTemplate {
        if let fault = faults.first(where: \.path.isEmpty) {
            throw AutoConfError("\(shownName(name)): \(fault.error)")
        }
        var fields = try ConfigFields(check, place: shownName(name))
        try fields.checkFaults(faults, outside: "instances")
        var template = CheckTemplate(checkName: try fields.string("name") ?? name)
        if template.checkName.isEmpty { template.checkName = name }
        guard !template.checkName.isEmpty else { throw AutoConfError("a check without a name") }
        if !template.checkName.hasSameBytes(as: name) { template.entry = name }
        var refused: [AutoConfError] = []
        template.instances = try fields.instances("instances", faults, refused: &refused)
        if let initConfig = try fields.object("init_config") { template.initConfig = initConfig }
        template.logs = try fields.list("logs").map { .array($0) }
        template.ignoreAutodiscoveryTags = try fields.bool("ignore_autodiscovery_tags") ?? false
        template.checkTagCardinality = try fields.cardinality("check_tag_cardinality")
        guard !template.instances.isEmpty || template.logs != nil else {
            throw refused.first ?? AutoConfError("\(shownName(name)) has no instances and no logs")
        }
        refused.forEach { refuse($0) }
        template.lacksInstances = !refused.isEmpty
        problems += fields.unknownKeys.map { ("checks: \($0)", .warning) }
        return template
    }

    private mutating func versionOne() throws(AutoConfError) -> [CheckTemplate] {
        guard values["check_names"] != nil else {
            guard values["instances"] == nil, values["init_configs"] == nil else {
                throw AutoConfError("missing check_names key")
            }
            return []
        }
        let names = try list("check_names")
        let initConfigs = try list("init_configs")
        let instances = try list("instances")
        // Which belong together is not known then.
        guard names.count == initConfigs.count, names.count == instances.count else {
            throw AutoConfError(
                "template entries don't all have the same length: \(names.count) check_names, "
                    + "\(initConfigs.count) init_configs, \(instances.count) instances")
        }
        let (ignoresTags, cardinality) = options()
        var templates: [CheckTemplate] = []
        for index in names.indices {
            do throws(AutoConfError) {
                let name = try Self.name(names[index].get(), index)
                let initConfig = try Self.objects(initConfigs[index].get(), "init_configs", index)
                guard initConfig.count == 1 else {
                    throw AutoConfError("in init_configs: [\(index)] is not exactly one object")
                }
                let own = try Self.objects(instances[index].get(), "instances", index)
                guard !own.isEmpty else { throw AutoConfError("in instances: [\(index)] is empty") }
                // One config for each instance, as upstream makes them.
                templates += own.map { instance in
                    CheckTemplate(
                        checkName: name, instances: [instance], initConfig: initConfig[0],
                        ignoreAutodiscoveryTags: ignoresTags, checkTagCardinality: cardinality)
                }
            } catch {
                refuse(error)
            }
        }
        for equals in Dictionary(grouping: templates.indices, by: { templates[$0].checkName }).values {
            let identities = InstanceIdentity.all(equals.flatMap { templates[$0].instances })
            for (index, identity) in zip(equals, identities) { templates[index].entry = identity.name }
        }
        return templates
    }

    /// The elements of a list; for one whose text is wrong, why.
    private func list(_ key: String) throws(AutoConfError) -> [Result<JSONValue, AutoConfError>] {
        guard let text = values[key]?.text else { throw AutoConfError("missing \(key) key") }
        let json = try Self.json(text, "in \(key)")
        guard let elements = json.value.arrayValue else {
            throw AutoConfError("in \(key): \(json.value.kind), not a list")
        }
        let faults = json.faultsByStep
        return elements.enumerated().map { (index, element) in
            faults[.element(index)]?.first.map { .failure(AutoConfError("in \(key): [\(index)]: \($0.error)")) }
                ?? .success(element)
        }
    }

    /// The options of version 1. One that is wrong is told, and is as if it were not set.
    private mutating func options() -> (ignoresTags: Bool, cardinality: String) {
        var (ignoresTags, cardinality) = (false, values["check_tag_cardinality"]?.text ?? "")
        do throws(AutoConfError) { ignoresTags = try flag("ignore_autodiscovery_tags") } catch {
            problems.append(("\(error); false is used", .warning))
        }
        do throws(AutoConfError) { try ConfigFields.check(cardinality: cardinality, "check_tag_cardinality") } catch {
            problems.append(("\(error); it is not used", .warning))
            cardinality = ""
        }
        return (ignoresTags, cardinality)
    }

    private static func name(_ json: JSONValue, _ index: Int) throws(AutoConfError) -> String {
        guard let name = json.stringValue, !name.isEmpty else {
            throw AutoConfError("in check_names: [\(index)] is not the name of a check")
        }
        return name
    }

    /// An object, or a list of objects.
    private static func objects(
        _ json: JSONValue, _ key: String, _ index: Int
    ) throws(AutoConfError) -> [JSONValue] {
        let objects = json.arrayValue ?? [json]
        for object in objects where object.objectValue == nil {
            throw AutoConfError("in \(key): [\(index)]: found \(object.kind), not an object")
        }
        return objects
    }

    private func logs() throws(AutoConfError) -> CheckTemplate? {
        guard let text = values["logs"]?.text else { return nil }
        let json = try Self.json(text, "in logs")
        guard json.value.arrayValue != nil else {
            throw AutoConfError("invalid format: \(json.value.kind), not an array")
        }
        if let fault = json.faults.first { throw AutoConfError("in logs: \(fault.error)") }
        // The config of logs has the name of a check; without a check there is none.
        guard let first = templates.first else { return nil }
        return CheckTemplate(checkName: first.checkName, entry: "logs", initConfig: nil, logs: json.value)
    }

    private func flag(_ key: String) throws(AutoConfError) -> Bool {
        guard let text = values[key]?.text else { return false }
        guard let flag = GoLiteral.boolean(text) else {
            throw AutoConfError("in \(key): neither true nor false")
        }
        return flag
    }

    private static func json(_ text: String, _ place: String) throws(AutoConfError) -> RecoveredJSON {
        do { return try ConfigText.annotation(text) } catch { throw AutoConfError("\(place): \(error)") }
    }
}
