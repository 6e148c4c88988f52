import CheckModel
import JSON
package import Platform

/// An entry of `prometheus_http_sd.configs`: a URL that lists targets as Prometheus' HTTP service discovery does, and
/// the check that each of them gets.
package struct HTTPDiscovery: Hashable, Sendable {
    /// The most entries.
    private static let mostEntries = 100
    /// How sources of its configs begin; the URL follows.
    private static var prefix: String { ConfigKey.discoveryPrefix }
    private static let variables = ["%%host%%", "%%port%%"]

    /// Where the targets are.
    @ExactText package private(set) var url: String
    /// The name of its source, as upstream has it.
    @ExactText private(set) var name: String
    /// What stands for it in keys: its name, unless an entry before it has the same URL.
    @ExactText private(set) var object: String
    private let template: CheckTemplate

    /// The entries that the options give.
    ///
    /// - Parameters:
    ///   - configs: `prometheus_http_sd.configs`, as JSON or YAML; may be empty.
    ///   - url: `prometheus_http_sd.url`, the older form of one entry, which comes first; may be empty.
    ///   - template: `prometheus_http_sd.check_template`, its check.
    /// - Throws: `AutoConfError` naming the option and the place in it.
    package static func all(
        configs: String, url: String, template: String
    ) throws(AutoConfError) -> [HTTPDiscovery] {
        var entries: [(url: String, template: CheckTemplate)] = []
        if !url.isEmpty || !template.isEmpty {
            guard !url.isEmpty, !template.isEmpty else {
                throw AutoConfError("prometheus_http_sd.url and prometheus_http_sd.check_template belong together")
            }
            let place = "prometheus_http_sd.check_template"
            entries.append((url, try checkTemplate(try ConfigText.value(template, place: place), place: place)))
            try check(url, place: "prometheus_http_sd.url")
        }
        if !trimmed(configs).isEmpty {
            let place = "prometheus_http_sd.configs"
            let value = try ConfigText.value(configs, place: place)
            guard let elements = value.arrayValue else { throw AutoConfError("\(place): \(value.kind), not a list") }
            for (index, element) in elements.enumerated() {
                entries.append(try entry(element, place: "\(place): [\(index)]"))
            }
        }
        guard entries.count <= mostEntries else {
            throw AutoConfError("more than \(mostEntries) URLs to discover from")
        }
        var counts: [ExactText: Int] = [:]
        return entries.map { url, template in
            counts[url, default: 0] += 1
            let count = counts[url, default: 0]
            return HTTPDiscovery(
                url: url, name: prefix + url, object: prefix + url + (count == 1 ? "" : "#\(count)"),
                template: template)
        }
    }

    private static func entry(
        _ json: JSONValue, place: String
    ) throws(AutoConfError) -> (url: String, template: CheckTemplate) {
        var fields = try ConfigFields(json, place: place)
        guard fields.value("exclude_filter") == nil else {
            throw AutoConfError("\(place).exclude_filter is not supported: leave targets out where they are listed")
        }
        let url = try fields.name("url")
        try check(url, place: "\(place).url")
        let inner = "\(place).check_template"
        guard let given = fields.value("check_template") else { throw AutoConfError("\(inner) is missing") }
        let value = try given.stringValue.map { text throws(AutoConfError) in try ConfigText.value(text, place: inner) }
        let template = try checkTemplate(value ?? given, place: inner)
        try fields.refuseUnknownKeys()
        return (url, template)
    }

    private static func check(_ url: String, place: String) throws(AutoConfError) {
        let isHTTP = ["http://", "https://"].contains { ExactText(url).hasPrefix($0) }
        guard isHTTP, url.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw AutoConfError("\(place) is not a URL that begins with http:// or https://")
        }
        let authority = url.utf8.drop { $0 != UInt8(ascii: "/") }.dropFirst(2).prefix { !"/?#".utf8.contains($0) }
        guard !authority.contains(UInt8(ascii: "@")) else {
            throw AutoConfError("\(place) has a user or a password, which would be shown")
        }
    }

    private static func checkTemplate(_ json: JSONValue, place: String) throws(AutoConfError) -> CheckTemplate {
        var fields = try ConfigFields(json, place: place)
        var template = CheckTemplate(checkName: try fields.name("name"))
        if let initConfig = try fields.object("init_config") { template.initConfig = initConfig }
        let instances = try fields.list("instances") ?? []
        guard instances.count == 1, case .object(let members) = instances[0] else {
            throw AutoConfError("\(place).instances is not a list of one object")
        }
        guard [nil, .null].contains(members["tags"]) || members["tags"]?.arrayValue != nil else {
            throw AutoConfError("\(place).instances[0].tags is not a list")
        }
        let others = members.values.filter { $0.stringValue == nil } + [template.initConfig ?? .null]
        for other in others.map({ String(decoding: $0.encoded(), as: UTF8.self) }) {
            if let variable = variables.first(where: other.contains) {
                throw AutoConfError("\(place): \(variable) is replaced only in strings of the instance itself")
            }
        }
        template.instances = instances
        try fields.refuseUnknownKeys()
        return template
    }
}

extension HTTPDiscovery {
    /// Adds the config of each target, up to the limit.
    func bind(_ targets: [DiscoveredTarget], into bound: inout BoundConfigs) {
        var ranks: [ExactText: Int] = [:]
        for target in targets.sorted() {
            guard !bound.isFull else {
                bound.leaveOut(oneOf: object)
                continue
            }
            // Its labels may change: it is the same target.
            let rank = ranks[target.text, default: 0]
            ranks[target.text] = rank + 1
            var config = CheckConfig(
                key: ConfigKey(source: object, check: template.checkName, entry: target.text, index: rank),
                checkName: template.checkName)
            config.instances = template.instances.map { instance in
                guard case .object(let members) = instance else { return instance }
                var resolved = members.mapValues { value in
                    value.stringValue.map { .string(target.resolve($0)) } ?? value
                }
                Tags.union(target.tags, into: &resolved)
                return .object(resolved)
            }
            config.initConfig = template.initConfig
            config.provider = "prometheus_http_sd"
            config.source = name
            bound.add(config)
        }
    }
}
