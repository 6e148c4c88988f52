import JSON
package import Platform

/// Which Services get `openmetrics` checks by their `prometheus.io/…` annotations, and what these look like: the
/// options `prometheus_scrape.…`.
package struct PrometheusScrape: Hashable, Sendable {
    /// The form of the instances.
    package enum Version: Int, Sendable {
        /// `prometheus_url`, the older one.
        case one = 1
        /// `openmetrics_endpoint`.
        case two

        fileprivate var urlKey: ExactText {
            switch self {
            case .one: "prometheus_url"
            case .two: "openmetrics_endpoint"
            }
        }

        /// What stands for all metrics.
        fileprivate var allMetrics: JSONValue {
            switch self {
            case .one: .array([.string("*")])
            case .two: .array([.string(".*")])
            }
        }
    }

    /// Which Services get the checks of a rule.
    private struct Rule: Hashable {
        /// Of these annotations a Service must have one.
        var include: [ExactText: ExactText] = ["prometheus.io/scrape": "true"]
        /// Of these it must have none.
        var exclude: [ExactText: ExactText] = ["prometheus.io/scrape": "false"]
        /// One without a URL gets that of the annotations.
        var instances: [JSONValue] = [.object([:])]

        func selects(_ annotations: [ExactText: ExactText]) -> Bool {
            include.contains { annotations[$0.key] == $0.value }
                && !exclude.contains { annotations[$0.key] == $0.value }
        }
    }

    private static let urlKeys: [ExactText] = ["prometheus_url", "openmetrics_endpoint"]
    private static let checkName = "openmetrics"

    /// Whether each endpoint of a Service is checked, instead of the Service.
    package let checksEndpoints: Bool
    private let version: Version
    private let rules: [Rule]

    /// The options.
    ///
    /// - Parameters:
    ///   - checks: the list of rules, as JSON or YAML; empty, or without elements, for the default.
    /// - Throws: `AutoConfError` naming the place in `checks`.
    package init(
        version: Version = .one, checksEndpoints: Bool = false, checks: String = ""
    ) throws(AutoConfError) {
        self.version = version
        self.checksEndpoints = checksEndpoints
        let rules = try Self.rules(checks)
        self.rules = rules.isEmpty ? [Rule()] : rules
    }

    /// How the names of the annotations begin that are looked at.
    package var annotationPrefixes: [String] {
        let selecting = rules.flatMap { Array($0.include.keys) + $0.exclude.keys }.filter {
            !$0.hasPrefix(ScrapeURL.prefix)
        }
        return [ScrapeURL.prefix] + Set<ExactText>(selecting).sorted().map(\.text)
    }

    /// Whether a Service with these annotations gets checks.
    package func selects(_ annotations: [ExactText: ExactText]) -> Bool {
        rules.contains { $0.selects(annotations) }
    }

    /// The checks of a Service with these annotations, one for each rule.
    ///
    /// - Throws: `AutoConfError` if an annotation that is needed cannot be used.
    func templates(_ annotations: [ExactText: ExactText]) throws(AutoConfError) -> [CheckTemplate] {
        var templates: [CheckTemplate] = []
        for rule in rules where rule.selects(annotations) {
            // No check of an `ad.datadoghq.com/…` annotation has its own name as its entry.
            var template = CheckTemplate(checkName: Self.checkName, entry: Self.checkName)
            for var instance in rule.instances {
                if case .object(var members) = instance, !Self.urlKeys.contains(where: { members.has($0) }) {
                    members[version.urlKey] = .string(try ScrapeURL.template(annotations))
                    instance = .object(members)
                }
                template.instances.append(instance)
            }
            templates.append(template)
        }
        return templates.map(completed)
    }

    /// The same, with what the author says of where they run.
    func placedTemplates(_ annotations: [ExactText: ExactText]) throws(AutoConfError) -> [CheckTemplate] {
        let said = ServiceAnnotations(annotations, checksEndpoints ? .endpoints : .service)
        return try templates(annotations).map { template in
            var template = template
            template.placement = said.placement
            return template
        }
    }

    /// With what upstream adds to instances that say nothing of it.
    private func completed(_ template: CheckTemplate) -> CheckTemplate {
        var template = template
        template.instances = template.instances.map { instance in
            guard case .object(var members) = instance else { return instance }
            if !members.has("namespace") { members["namespace"] = .string("") }
            if !members.has("metrics") || members["metrics"] == .array([]) { members["metrics"] = version.allMetrics }
            return .object(members)
        }
        return template
    }
}

extension [ExactText: JSONValue] {
    /// Whether there is a value; null is none.
    fileprivate func has(_ key: ExactText) -> Bool { (self[key] ?? .null) != .null }
}

// Reading `prometheus_scrape.checks`. What is not followed is refused: it may narrow what is checked.
extension PrometheusScrape {
    private static func rules(_ text: String) throws(AutoConfError) -> [Rule] {
        guard !trimmed(text).isEmpty else { return [] }
        let value = try ConfigText.value(text, place: "")
        guard let elements = value.arrayValue else { throw AutoConfError("\(value.kind), not a list") }
        var rules: [Rule] = []
        for (index, element) in elements.enumerated() { rules.append(try rule(element, place: "[\(index)]")) }
        return rules
    }

    private static func rule(_ json: JSONValue, place: String) throws(AutoConfError) -> Rule {
        var rule = Rule()
        var fields = try ConfigFields(json, place: place)
        if let discovery = try fields.object("autodiscovery") {
            let place = "\(place).autodiscovery"
            var fields = try ConfigFields(discovery, place: place)
            if fields.value("kubernetes_container_names") != nil {
                throw AutoConfError(
                    "\(place).kubernetes_container_names chooses containers of Pods, which are not checked by annotations here"
                )
            }
            if let selection = try fields.object("kubernetes_annotations") {
                let place = "\(place).kubernetes_annotations"
                var fields = try ConfigFields(selection, place: place)
                if let include = try fields.object("include") { rule.include = try texts(include, "\(place).include") }
                if let exclude = try fields.object("exclude") { rule.exclude = try texts(exclude, "\(place).exclude") }
                guard !rule.include.isEmpty else {
                    throw AutoConfError("\(place).include is empty: it selects nothing")
                }
                try fields.refuseUnknownKeys()
            }
            try fields.refuseUnknownKeys()
        }
        let instances = try fields.list("configurations") ?? []
        for (index, instance) in instances.enumerated() where instance.objectValue == nil {
            throw AutoConfError("\(place).configurations[\(index)] is \(instance.kind), not an object")
        }
        if !instances.isEmpty { rule.instances = instances }
        try fields.refuseUnknownKeys()
        return rule
    }

    /// The values of annotations; YAML's `true` is the text.
    private static func texts(_ json: JSONValue, _ place: String) throws(AutoConfError) -> [ExactText: ExactText] {
        var texts: [ExactText: ExactText] = [:]
        for (name, value) in (json.objectValue ?? [:]).sorted(by: { $0.key < $1.key }) {
            guard let text = value.stringValue ?? value.boolValue.map({ String($0) }) else {
                throw AutoConfError("\(place).\(shownName(name.text)) is \(value.kind), not a string")
            }
            texts[name] = ExactText(text)
        }
        return texts
    }
}
