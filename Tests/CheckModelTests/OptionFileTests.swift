import Platform
import TestKit
import Testing

@testable import CheckModel

@Suite struct OptionFileTests {
    /// `key=text` for each entry; `key` alone for one without a value.
    private static func entries(_ text: String) throws -> [String] {
        try OptionFile.entries(in: Array(text.utf8), path: "agent.yaml").map { entry in
            entry.text.map { "\(entry.key)=\($0)" } ?? entry.key
        }
    }

    @Test(arguments: [
        "cluster_checks:\n  enabled: true\n  warmup_duration: 10\nlog_level: debug\n",
        "cluster_checks.enabled: true\ncluster_checks.warmup_duration: 10\nlog_level: debug\n",
        "cluster_checks:\n  enabled: yes\ncluster_checks.warmup_duration: 0xA\nlog_level: 'debug'\n",
        "{cluster_checks: {enabled: true, warmup_duration: 10}, log_level: debug}",
        #"{"cluster_checks": {"enabled": true, "warmup_duration": "10"}, "log_level": "debug"}"#,
        "\n\t{\n\t\"cluster_checks.enabled\": true, \"cluster_checks\": {\"warmup_duration\": 10}, \"log_level\": \"debug\"}",
    ])
    func `keys are dotted or nested, in YAML or JSON`(text: String) throws {
        #expect(
            try Self.entries(text)
                == ["cluster_checks.enabled=true", "cluster_checks.warmup_duration=10", "log_level=debug"])
    }

    @Test func `the elements of a list are texts, and what is no list of texts is JSON`() throws {
        let text = """
            a: [env:prod, 'x, y', 1, on]
            b:
            - "\\"q\\""
            c: []
            d: [{e: 1}, 2]
            e: [null]
            """
        #expect(
            try Self.entries(text) == [
                #"a=["env:prod","x, y","1","true"]"#, #"b=["\"q\""]"#, "c=[]", #"d=[{"e":1},2]"#, "e=[null]",
            ])
    }

    @Test func `numbers and booleans are told apart from texts`() throws {
        let text = "a: 0123\nb: '0123'\nc: on\nd: 1e5\ne: [1]\n"
        let entries = try OptionFile.entries(in: Array(text.utf8), path: "agent.yaml")
        #expect(entries.map(\.form) == [.number, .text, .boolean, .number, .list])
        #expect(entries[1].text == "0123")
    }

    @Test func `null and an empty section have no value`() throws {
        #expect(try Self.entries("a:\nb: {}\nc: {d: ~}\n") == ["a", "b", "c.d"])
        for nothing in ["", "# nothing\n", "{}", "---\n"] { #expect(try Self.entries(nothing).isEmpty) }
    }

    @Test(arguments: [
        ("a.b: 1\na:\n  b: 2\n", "agent.yaml: a.b: given twice, dotted and nested"),
        (#"{"a.b": null, "a": {"b": 2}}"#, "agent.yaml: a.b: given twice, dotted and nested"),
        ("a: 1\na: 2\n", "agent.yaml:2:1: duplicate key a"), ("a:\n\tb: 1\n", "agent.yaml:2:2: a tab"),
        (#"{"a": }"#, "agent.yaml:1:7: '}' where a value is expected"),
        ("- a\n", "agent.yaml: it is an array, not a map of options"),
        ("text\n", "agent.yaml: it is a string, not a map of options"), ("a: 1\n---\n", "agent.yaml:2:1: a second"),
    ])
    func `a file that cannot be read says where and why`(text: String, problem: String) throws {
        do throws(OptionError) {
            let entries = try OptionFile.entries(in: Array(text.utf8), path: "agent.yaml")
            Issue.record("read as \(entries)")
        } catch {
            #expect(error.problems.count == 1 && error.description.hasPrefix(problem), "\(error)")
        }
    }

    @Test func `a file that is not there is named`() {
        #expect(throws: OptionError(problems: ["/nonexistent/a.yaml: No such file or directory"])) {
            try OptionFile.entries(of: "/nonexistent/a.yaml")
        }
    }
}
