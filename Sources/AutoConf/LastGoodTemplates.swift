import CheckModel
import JSON
import Platform

/// What tells a template apart from the others of the same annotations.
struct TemplateName: Hashable {
    @ExactText private(set) var check: String
    @ExactText private(set) var entry: String
    /// The rank among those that nothing else tells apart, from 0.
    let rank: Int

    /// The key of its config in a source.
    func key(in source: String) -> ConfigKey {
        ConfigKey(source: source, check: check, entry: entry, index: rank)
    }
}

/// The last good templates of a source, for those that its author wrote instead and that cannot be used.
///
/// They are bound to the targets as these are now: an endpoint that comes while its annotation is broken gets the check
/// that the others have. Each is kept as text, since values take many times the memory.
struct LastGoodTemplates {
    fileprivate struct Entry {
        let name: TemplateName
        /// Without its values.
        let frame: CheckTemplate
        /// Its values, as JSON.
        let values: [UInt8]
        var bytes: Int { LastGoodTemplates.overhead + values.count }
    }

    /// What a template takes beside its values, in bytes.
    private static let overhead = 400

    /// The newest ones first.
    private var entries: [Entry] = []

    /// Whether there are none.
    var isEmpty: Bool { entries.isEmpty }

    /// About what they take, in bytes.
    var bytes: Int { entries.reduce(0) { $0 + $1.bytes } }

    /// The templates with their names, the newest ones first.
    var all: [(name: TemplateName, template: CheckTemplate)] {
        entries.compactMap { entry in entry.template.map { (entry.name, $0) } }
    }

    /// Adds those of annotations that are edited now. Where there is one already, what came after it was not good.
    mutating func add(_ templates: [CheckTemplate]) {
        let known = Set(entries.map(\.name))
        let new = templates.named.filter { !$0.template.isPartial && !known.contains($0.name) }
        entries = new.map { Entry($0.name, $0.template) } + entries
    }

    /// Forgets all but some.
    mutating func keep(only needed: Set<TemplateName>) {
        entries.removeAll { !needed.contains($0.name) }
    }

    /// Forgets the oldest ones beyond a limit.
    mutating func limit(toCount count: Int, bytes most: Int) {
        if entries.count > count { entries.removeLast(entries.count - max(0, count)) }
        while bytes > most, !entries.isEmpty { entries.removeLast() }
    }
}

extension LastGoodTemplates.Entry {
    fileprivate init(_ name: TemplateName, _ template: CheckTemplate) {
        var frame = template
        (frame.instances, frame.initConfig, frame.metricConfig, frame.logs) = ([], nil, nil, nil)
        let others = [template.initConfig, template.metricConfig, template.logs].map { $0 ?? .null }
        self.init(name: name, frame: frame, values: JSONValue.array([.array(template.instances)] + others).encoded())
    }

    fileprivate var template: CheckTemplate? {
        let limits = JSONLimits(bytes: .max, depth: 2 * JSONLimits().depth)
        guard let parts = (try? JSONValue(parsing: values, limits: limits))?.arrayValue else { return nil }
        var template = frame
        func part(_ index: Int) -> JSONValue? { parts[index] == .null ? nil : parts[index] }
        template.instances = parts[0].arrayValue ?? []
        (template.initConfig, template.metricConfig, template.logs) = (part(1), part(2), part(3))
        return template
    }
}

extension [CheckTemplate] {
    /// Each with its name, and with its position among those of the same check.
    var named: [(name: TemplateName, position: Int, template: CheckTemplate)] {
        var positions: [ExactText: Int] = [:]
        var ranks: [[ExactText]: Int] = [:]
        return map { template in
            let check = ExactText(template.checkName)
            let equals = [check, ExactText(template.entry)]
            let (position, rank) = (positions[check, default: 0], ranks[equals, default: 0])
            (positions[check], ranks[equals]) = (position + 1, rank + 1)
            return (TemplateName(check: template.checkName, entry: template.entry, rank: rank), position, template)
        }
    }
}
