import JSON
import Platform
import Testing

@testable import AutoConf

/// Templates that stand in for what cannot be used.
@Suite struct LastGoodTemplatesTests {
    private static func template(_ check: String, _ text: String = "x", lacksInstances: Bool = false) -> CheckTemplate {
        var template = CheckTemplate(checkName: check, entry: "e", lacksInstances: lacksInstances)
        template.instances = [.object(["a": .number("1.0"), "b": .array([.null, .string(text)])])]
        template.logs = .array([])
        template.checkTagCardinality = "low"
        return template
    }

    private static func checks(_ templates: LastGoodTemplates) -> [String] { templates.all.map(\.template.checkName) }

    @Test func `a template is kept as it was, under its name`() {
        var templates = LastGoodTemplates()
        let logs = CheckTemplate(checkName: "a", entry: "logs", initConfig: nil, logs: .array([.string("l")]))
        let all = [Self.template("a"), Self.template("a", "y"), Self.template("b"), logs]
        templates.add(all)
        #expect(templates.all.map(\.template) == all)
        #expect(templates.all.map(\.name.rank) == [0, 1, 0, 0])
    }

    @Test func `only whole ones are kept, and the first one of a name until it is not needed`() {
        var templates = LastGoodTemplates()
        templates.add([Self.template("a", "old"), Self.template("b", lacksInstances: true)])
        templates.add([Self.template("a", "new"), Self.template("c")])
        #expect(Self.checks(templates) == ["c", "a"] && templates.all.last?.template == Self.template("a", "old"))
        templates.keep(only: [TemplateName(check: "c", entry: "e", rank: 0)])
        #expect(Self.checks(templates) == ["c"])
    }

    @Test func `of very many the oldest ones are forgotten`() {
        var templates = LastGoodTemplates()
        for number in 0..<10 { templates.add([Self.template("c\(number)", String(repeating: "x", count: 10_000))]) }
        #expect(templates.bytes > 100_000 && templates.bytes < 110_000)
        templates.limit(toCount: 7, bytes: .max)
        #expect(Self.checks(templates) == (3...9).reversed().map { "c\($0)" })
        templates.limit(toCount: 7, bytes: 25_000)
        #expect(Self.checks(templates) == ["c9", "c8"])
        templates.limit(toCount: 7, bytes: -1)
        #expect(templates.isEmpty)
    }
}
