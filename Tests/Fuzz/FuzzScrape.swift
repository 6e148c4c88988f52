import JSON
import Platform

#if canImport(AutoConf)
    @testable import AutoConf
#endif

private let environment = Environment([:], options: AutoConfOptions())

private let variables = TargetVariables(
    .service, address: .success("fd00::1"), ports: [TargetPort(number: 9102, name: "metrics")], environment: environment
)

/// Annotations that a rule may select, or not.
private let services: [[ExactText: ExactText]] = [
    [:], ["prometheus.io/scrape": "true"], ["prometheus.io/scrape": "false"], ["a": "b", "prometheus.io/port": "80"],
    ["prometheus.io/scrape": "true", "prometheus.io/path": "no path", "a": "b"],
]

/// Reads what follows Prometheus' conventions. The first byte chooses what the rest is: annotations of a Service, a
/// line each; an answer of HTTP service discovery; one of the two options.
func fuzzScrape(_ input: [UInt8]) {
    guard let first = input.first else { return }
    let rest = Array(input.dropFirst())
    let text = String(decoding: rest, as: UTF8.self)
    switch first % 4 {
    case 0: checkURL(scrapeAnnotations(in: text))
    case 1: checkTargets(rest)
    case 2: checkRules(text)
    default: checkEntries(text)
    }
}

/// The annotations in a text of the corpus, `NAME=VALUE` a line, without their prefix.
func scrapeAnnotations(in text: String) -> [ExactText: ExactText] {
    var annotations: [ExactText: ExactText] = [:]
    for line in text.split(separator: "\n") {
        let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2 { annotations["prometheus.io/\(parts[0])"] = ExactText(parts[1]) }
    }
    return annotations
}

/// The URL must have a host, a port and a path and no other variable, whatever the annotations are, and say what they
/// say. Simple annotations must not be refused.
private func checkURL(_ annotations: [ExactText: ExactText]) {
    let path = annotations["prometheus.io/path"]?.text ?? ""
    let isPlain = path.utf8.allSatisfy { isLetterOrDigit($0) || $0 == UInt8(ascii: "/") }
    guard let url = try? ScrapeURL.template(annotations) else {
        precondition(!isPlain || !isSimple(annotations), "annotations are refused that make a URL")
        return
    }
    guard let scheme = ["http", "https"].first(where: { url.hasPrefix("\($0)://%%host%%:") }) else {
        fatalError("\(url) has no scheme and host")
    }
    let given = annotations["prometheus.io/scheme"]?.text ?? ""
    precondition(given.isEmpty || given.hasSameBytes(as: scheme), "\(url) has another scheme")
    let rest = url.dropFirst("\(scheme)://%%host%%:".count)
    let port = rest.prefix { $0 != "/" }
    precondition(port == "%%port%%" || UInt16(port).map { $0 > 0 } == true, "\(url) has no port")
    let target = rest.dropFirst(port.count)
    precondition(target.first == "/", "\(url) has no path")
    var bytes = Array(target.utf8)[...]
    while let byte = bytes.popFirst() {
        precondition((0x21...0x7E).contains(byte) && !"\"#<>[\\]^`{|}".utf8.contains(byte), "\(url): byte \(byte)")
        if byte == UInt8(ascii: "%") {
            precondition(bytes.prefix(2).compactMap(hexadecimalValue).count == 2, "\(url) has a variable or no escape")
        }
    }
    if isPlain { checkQuery(target, annotations) }
    let resolved = try? Template(url).resolvedText(variables)
    let number = port == "%%port%%" ? "9102" : String(port)
    precondition(resolved == "\(scheme)://[fd00::1]:\(number)\(target)", "\(url) becomes \(resolved ?? "nothing")")
}

/// What is behind the path are the parameters of the annotations, and nothing else.
private func checkQuery(_ target: Substring, _ annotations: [ExactText: ExactText]) {
    var parameters: [ExactText: ExactText] = [:]
    for pair in target.drop(while: { $0 != "?" }).dropFirst().split(separator: "&") {
        let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let name = try? percentDecoded(parts[0].utf8),
            let value = try? percentDecoded(parts[1].utf8)
        else { fatalError("\(target) has a part that is no parameter") }
        parameters["prometheus.io/param_\(name)"] = ExactText(value)
    }
    precondition(parameters == annotations.filter { $0.key.hasPrefix("prometheus.io/param_") }, "\(target)")
}

/// Whether nothing but the path could be a reason to refuse.
private func isSimple(_ annotations: [ExactText: ExactText]) -> Bool {
    let port = annotations["prometheus.io/port"]?.text ?? ""
    return ["", "http", "https"].contains { ($0 as ExactText) == annotations["prometheus.io/scheme"] ?? "" }
        && (port.isEmpty || port.utf8.count < 5 && port.utf8.allSatisfy(isDigit) && Int(port) != 0)
        && annotations["prometheus.io/param_"] == nil
}

private func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

private func isLetterOrDigit(_ byte: UInt8) -> Bool {
    isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
}

/// An answer must be read as a reader reads it that builds a value of all of it first, and each target must come
/// together again from its host and port.
private func checkTargets(_ body: [UInt8]) {
    let read = try? DiscoveredTargets(parsing: body).all
    guard let whole = try? JSONValue(parsing: body) else { return }
    let expected = simpleTargets(whole)
    precondition(read == nil || expected != nil, "what is no list of targets is read as one")
    precondition(read != nil || expected == nil, "a list of targets is refused")
    let targets = read ?? []
    precondition(targets.map(\.text).elementsEqual((expected ?? []).map(\.text), by: { $0.hasSameBytes(as: $1) }))
    for (target, (text, tags)) in zip(targets, expected ?? []) {
        precondition(target.tags.elementsEqual(tags, by: { $0.hasSameBytes(as: $1) }), "\(text) has other tags")
        let port = target.resolve("%%port%%")
        precondition(port.isEmpty || UInt16(port).map { $0 > 0 } == true, "\(text) has no port")
        // Brackets are where an address needs them.
        let joined = target.resolve("%%host%%:%%port%%").utf8.filter { !"[]".utf8.contains($0) }
        let given = (text + (port.isEmpty ? ":" : "")).utf8.filter { !"[]".utf8.contains($0) }
        precondition(joined == given, "\(text) has another host")
        precondition(target.resolve("a%%b%%c%%host").hasSameBytes(as: "a%%b%%c%%host"), "\(text) replaces other text")
    }
    let sorted = targets.sorted()
    precondition(zip(sorted, sorted.dropFirst()).allSatisfy { !($1 < $0) }, "the order of targets is none")
}

private func simpleTargets(_ json: JSONValue) -> [(text: String, tags: [String])]? {
    guard let groups = json.arrayValue else { return nil }
    var all: [(text: String, tags: [String])] = []
    for group in groups {
        guard case .object(let members) = group else { return nil }
        var tags: [ExactText] = []
        switch members["labels"] {
        case nil, .null: break
        case .object(let labels):
            for (name, value) in labels where value != .null {
                guard let value = value.stringValue else { return nil }
                let isMeta = name.hasPrefix("__meta_")
                if isMeta || !name.hasPrefix("__") {
                    let shown = name.text.utf8.dropFirst(isMeta ? "__meta_".utf8.count : 0)
                    tags.append(ExactText("\(String(decoding: shown, as: UTF8.self)):\(value)"))
                }
            }
        default: return nil
        }
        switch members["targets"] {
        case nil, .null: break
        case .array(let targets):
            for target in targets {
                guard let text = target.stringValue, !text.isEmpty else { return nil }
                all.append((text, tags.sorted().map(\.text)))
            }
        default: return nil
        }
    }
    return all
}

/// A rule must give each Service that it selects a check, which says what it checks, and no other Service one.
private func checkRules(_ text: String) {
    for version in [PrometheusScrape.Version.one, .two] {
        guard let scrape = try? PrometheusScrape(version: version, checks: text) else { continue }
        precondition(scrape.annotationPrefixes.contains("prometheus.io/"), "its own annotations are not looked at")
        for annotations in services {
            guard let templates = try? scrape.templates(annotations) else {
                precondition(scrape.selects(annotations), "a Service is refused that is not selected")
                continue
            }
            precondition(scrape.selects(annotations) == !templates.isEmpty, "what is selected gets a check")
            for instance in templates.flatMap(\.instances) {
                let url = instance["prometheus_url"] ?? instance["openmetrics_endpoint"]
                precondition(url != nil && instance["namespace"] != nil, "an instance does not say what it checks")
                precondition((instance["metrics"] ?? .null) != .null, "an instance has no metrics")
            }
            precondition(templates.allSatisfy { !$0.instances.isEmpty }, "a check has no instances")
        }
    }
}

/// An entry that is taken must have a URL that can be shown, and one object as its instance.
private func checkEntries(_ text: String) {
    guard let entries = try? HTTPDiscovery.all(configs: text, url: "", template: "") else { return }
    precondition(entries.count <= 100 && Set(entries.map(\.object)).count == entries.count, "entries are told apart")
    for entry in entries {
        let isURL = entry.url.hasPrefix("http://") || entry.url.hasPrefix("https://")
        precondition(isURL && entry.url.utf8.allSatisfy { (0x21...0x7E).contains($0) }, "an entry without a URL")
        let authority = entry.url.split(separator: "/", omittingEmptySubsequences: false).dropFirst(2).first ?? ""
        precondition(!authority.prefix { $0 != "?" && $0 != "#" }.contains("@"), "an entry with a password")
    }
}
