import CheckModel
import JSON
import Platform

#if canImport(AutoConf)
    @testable import AutoConf
#endif

private let environment = Environment(["NAME": "value", "NUMBER": "0x1F"], options: AutoConfOptions())

private let endpoint = EndpointAddress(
    address: "fd00::1", ports: [TargetPort(number: 80, name: "http")], nodeName: "node-1", podUID: "p1")

private let target = CheckTarget(
    endpoint, of: NamespacedName(namespace: "shop", name: "web"), standardTags: [], .auto, environment: environment)

/// Reads lines of `key=value` as annotations (`former.key=value` with the former prefix), of a Service and of its
/// endpoints. Both must mean the same, and each config must be what may be sent. Where the first byte is no text, the
/// bytes choose the lines.
func fuzzAnnotations(_ input: [UInt8]) {
    var choices = Choices(bytes: input.dropFirst())
    let text = (input.first ?? 0x20) < 0x20 ? choices.lines() : String(decoding: input, as: UTF8.self)
    let service = ServiceAnnotations(annotations(in: text, "service"), .service)
    let endpoints = ServiceAnnotations(annotations(in: text, "endpoints"), .endpoints)
    precondition(service.templates == endpoints.templates, "a Service and its endpoints are read alike")
    for template in service.templates {
        precondition(!template.checkName.isEmpty, "a check has a name")
        precondition(template.instances.allSatisfy { $0.objectValue != nil }, "an instance is an object")
        precondition((template.initConfig ?? .object([:])).objectValue != nil, "init_config is an object")
        precondition((template.logs ?? .array([])).arrayValue != nil, "logs is a list")
    }
    var bound = BoundConfigs(limit: ConfigLimit(AutoConfOptions()), room: .max, keepsLast: true)
    let origin = TemplateOrigin(object: target.entity, place: "", provider: "p", source: "s")
    service.templates.bind(to: target, from: origin, into: &bound)
    precondition(Set(bound.configs.map(\.key)).count == bound.configs.count, "each config has a key of its own")
    let failed = bound.problems.filter { $0.severity == .error }.count
    precondition(bound.configs.count <= service.templates.count, "a template is one config at most")
    precondition(
        bound.configs.count == service.templates.count || failed > 0 || bound.isFull, "no config is lost silently")
    for config in bound.configs { check(config) }
}

/// The annotations in a text of the corpus, `NAME=VALUE` a line.
func annotations(in text: String, _ subject: String) -> [ExactText: ExactText] {
    var annotations: [ExactText: ExactText] = [:]
    for line in text.split(separator: "\n") {
        let parts = line.split(separator: "=", maxSplits: 1)
        guard parts.count == 2 else { continue }
        let isFormer = parts[0].hasPrefix("former.")
        let key = isFormer ? parts[0].dropFirst("former.".count) : parts[0]
        annotations["\(isFormer ? "service-discovery" : "ad").datadoghq.com/\(subject).\(key)"] = ExactText(parts[1])
    }
    return annotations
}

private func check(_ config: CheckConfig) {
    for json in config.instances + [config.initConfig, config.logs].compactMap(\.self) {
        guard let again = try? JSONValue(parsing: json.encoded()) else { fatalError("what is sent is no JSON") }
        precondition(again.encoded() == json.encoded(), "what is sent is read as something else")
    }
    guard !config.ignoreAutodiscoveryTags else { return }
    for instance in config.instances {
        let tags = instance["tags"].flatMap(Tags.texts) ?? []
        precondition(tags == Tags.sorted(tags), "tags are sorted and each is there once")
        precondition(target.tags.allSatisfy(tags.contains), "an instance has its target's tags")
    }
}

/// Annotations whose parts fit together more often than those of random text do.
private struct Choices {
    var bytes: ArraySlice<UInt8>
    /// Deeper values are leaves: text that is nested as deep as there are bytes is copied at each level, and took most
    /// of the time.
    private var depth = 0

    init(bytes: ArraySlice<UInt8>) { self.bytes = bytes }

    private static let texts = ["a", "", "low", "%%host%%", "%%port_9%%", "x%%env_NUMBER%%"]
    private static let keys = ["a", "tags", "name", "init_config", "instances", "logs", "check_tag_cardinality", "é"]

    mutating func lines() -> String {
        let former = next(8) == 0 ? "former." : ""
        var lines: [String] = []
        if next(2) == 0 { lines.append("checks={\"a\":\(object()),\"b\":\(object())}") }
        for key in ["check_names", "init_configs", "instances", "logs"] where next(8) > 0 {
            lines.append("\(former)\(key)=\(list(key == "check_names" ? #""a""# : nil))")
        }
        if next(4) == 0 { lines.append("ignore_autodiscovery_tags=\(["T", "false", "yes"][next(3)])") }
        if next(4) == 0 { lines.append("check_tag_cardinality=\(Self.texts[next(3)])") }
        if next(4) == 0 { lines.append("resolve=\(["ip", "auto", "x"][next(3)])") }
        return lines.joined(separator: "\n")
    }

    private mutating func list(_ usual: String?) -> String {
        var elements: [String] = []
        for _ in 0..<next(4) { elements.append(usual != nil && next(4) > 0 ? usual ?? "" : value()) }
        return "[\(elements.joined(separator: ","))]"
    }

    private mutating func object() -> String {
        var members: [String] = []
        for key in Self.keys where next(3) == 0 { members.append("\"\(key)\":\(value())") }
        return "{\(members.joined(separator: ","))}"
    }

    private mutating func value() -> String {
        depth += 1
        defer { depth -= 1 }
        // What has run out of bytes is a leaf.
        return switch depth > 20 ? 0 : next(8) {
        case 1: "[]"
        case 2: list(nil)
        case 3: object()
        case 4: "\"\(Self.texts[next(Self.texts.count)])\""
        case 5: "true"
        case 6: "1.50"
        case 7: "null"
        default: "{}"
        }
    }

    private mutating func next(_ count: Int) -> Int {
        bytes.popFirst().map { Int($0) % count } ?? 0
    }
}
