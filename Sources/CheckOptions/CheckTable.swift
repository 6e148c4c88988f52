package import JSON
package import Platform

/// The options of one check: every one that upstream documents, and how this agent takes it.
///
/// The source is upstream's `conf.yaml.example` and what its code reads (DataDog/integrations-core). The same tables
/// tell the node-agent what to refuse, `configcheck` what to say before anything is deployed, and readers what to
/// expect: `Sources/CHECKS.md` is made of them.
package struct CheckTable: Sendable {
    /// The check's name, and what distinguishes it if there are two of that name.
    package let title: String
    /// The options, those of all checks last.
    package let options: [CheckOption]

    private let byKey: [ExactText: CheckOption]

    init(_ title: String, _ options: [CheckOption]...) {
        self.title = title
        self.options = options.flatMap(\.self) + Self.common
        // Where a check says otherwise than a layer below it, the check's own comes first.
        byKey = Dictionary(self.options.map { (ExactText($0.key), $0) }) { first, _ in first }
    }

    /// All tables, in the order of their names.
    package static let all = [httpCheck, openMetrics, legacyPrometheus, tcpCheck, tlsCheck]

    /// The table for an instance of a check; nil for a check that this agent does not run.
    package static func table(of check: String, _ instance: [ExactText: JSONValue]) -> CheckTable? {
        switch check {
        case "http_check": httpCheck
        case "tcp_check": tcpCheck
        case "tls": tlsCheck
        case "openmetrics", "prometheus": instance["openmetrics_endpoint"] == nil ? legacyPrometheus : openMetrics
        default: nil
        }
    }

    /// Options of every check.
    private static let common: [CheckOption] =
        [.followed("min_collection_interval")]
        + CheckOption.harmless("tags", "empty_default_hostname", "metric_patterns", "disable_generic_tags", "name")
        + CheckOption.harmless("enable_legacy_tags_normalization")
        + CheckOption.harmless("service", "debug_metrics", in: .both)

    /// Fails for the first option, in the order of their keys, that would change a verdict and is not followed.
    func refuse(_ members: [ExactText: JSONValue], in place: CheckOption.Place) throws(CheckOptionError) {
        for (key, value) in members.sorted(by: { $0.key < $1.key }) {
            guard let option = option(key, place), case .refused(let harmless) = option.treatment,
                !Self.asksForNothing(value, harmless)
            else { continue }
            throw CheckOptionError("\(Self.prefix(place))\(key) is not supported by this agent", .unsupported)
        }
    }

    /// A warning for each key that upstream does not know either, with the nearest one that it knows.
    func unknownKeys(_ members: [ExactText: JSONValue], in place: CheckOption.Place) -> [String] {
        members.keys.filter { option($0, place) == nil }.sortedTexts().map { key in
            let nearest = nearest(to: key, place).map { ", do you mean \($0)?" } ?? ""
            return "\(Self.prefix(place))unknown option \(shownName(key))\(nearest)"
        }
    }

    private func option(_ key: ExactText, _ place: CheckOption.Place) -> CheckOption? {
        byKey[key].flatMap { $0.place == place || $0.place == .both ? $0 : nil }
    }

    private static func prefix(_ place: CheckOption.Place) -> String {
        place == .initConfig ? "init_config: " : ""
    }

    private static func asksForNothing(_ value: JSONValue, _ harmless: [String]) -> Bool {
        switch value {
        case .null: true
        case .bool(let flag): harmless.contains(String(flag))
        case .number(let text): harmless.contains(text)
        case .string(let text):
            text.isEmpty || harmless.contains(text.lowercased())
                || (harmless.contains("false") && ["no", "0", "n", "off"].contains(text.lowercased()))
        case .array(let elements): elements.isEmpty
        case .object(let members): members.values.allSatisfy { Self.asksForNothing($0, harmless) }
        }
    }

    private func nearest(to key: String, _ place: CheckOption.Place) -> String? {
        nearestName(to: key, among: options.filter { option(ExactText($0.key), place) != nil }.map(\.key))
    }
}
