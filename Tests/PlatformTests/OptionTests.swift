import Platform
import Testing

@Suite struct OptionTests {
    private static let port = Option.integer("agent.port", in: 0...65_535, default: 5005, help: "The port.")
    private static let wait = Option.duration(
        "agent.wait", in: .zero ... .seconds(60), default: .seconds(30), help: "A time.")
    private static let tags = Option.list("agent.tags", help: "Tags.")
    private static let isOn = Option.flag("agent.on", default: false, help: "Whether.")
    private static let token = Option.text(
        "agent.token", allowed: "four characters", help: "A secret.", isSecret: true, accepts: { $0.utf8.count == 4 })

    private static let rules = Option.text("agent.rules", allowed: "JSON", help: "Rules.", takesList: true)

    private static let table = OptionTable(port, wait, tags, isOn, token)

    private func read(
        _ arguments: [String] = [], _ environment: [String: String] = [:],
        file: [OptionFileEntry]? = nil
    ) throws -> Options {
        try Options(
            table: Self.table, arguments: arguments, environment: environment,
            file: file.map { ("agent.json", $0) })
    }

    @Test func `a flag beats the environment, which beats the file, which beats the default`() throws {
        #expect(try read()[Self.port] == 5005)
        let file: [OptionFileEntry] = [("agent.port", "1", .number)]
        #expect(try read(file: file)[Self.port] == 1)
        #expect(try read([], ["DD_AGENT_PORT": "2"], file: file)[Self.port] == 2)
        #expect(try read(["--agent.port=3"], ["DD_AGENT_PORT": "2"], file: file)[Self.port] == 3)
        #expect(try read([], ["AGENT_PORT": "4"])[Self.port] == 5005)
    }

    /// A token that is a list in the file must not become the text of the list.
    @Test func `a list is none of the texts`() throws {
        #expect(try read(file: [("agent.tags", #"["a"]"#, .list)])[Self.tags] == ["a"])
        let rules = try Options(
            table: OptionTable(Self.rules), arguments: [], environment: [:],
            file: ("agent.json", [("agent.rules", "[{}]", .list)]))
        #expect(rules[Self.rules] == "[{}]")
        let problem = "agent.json: agent.token: it is a list, not a text; it takes: four characters"
        #expect(throws: OptionError(problems: [problem])) { try read(file: [("agent.token", "[12]", .list)]) }
    }

    /// YAML has made another text of `0123`, `1e5` and `on`; numbers and flags take them as YAML does.
    @Test func `a number or a boolean of the file is no text, and no value of the file is repeated`() throws {
        for (form, name) in [(OptionFileForm.number, "number"), (.boolean, "boolean")] {
            let problem =
                "agent.json: agent.token: it is a \(name), not a text: put it in quotes; it takes: four characters"
            #expect(throws: OptionError(problems: [problem])) { try read(file: [("agent.token", "1234", form)]) }
        }
        #expect(try read(file: [("agent.token", "1234", .text)])[Self.token] == "1234")
        #expect(try read(file: [("agent.wait", "10", .number)])[Self.wait] == .seconds(10))
        let problems = [
            "agent.json: agent.port: not allowed; it takes: number from 0 to 65535",
            "agent.json: (11 bytes that are no name): unknown option; --help lists them",
        ]
        #expect(throws: OptionError(problems: problems)) {
            try read(file: [("agent.port", "hunter2", .text), ("hunter2: pw", "x", .text)])
        }
    }

    @Test(arguments: [
        ("30", Duration.seconds(30)), ("1.5", .milliseconds(1500)), ("500ms", .milliseconds(500)), ("1m", .seconds(60)),
        ("0", .zero), ("0.25s", .milliseconds(250)),
    ])
    func `durations are seconds or carry a unit`(text: String, duration: Duration) throws {
        #expect(try read(["--agent.wait=\(text)"])[Self.wait] == duration)
    }

    @Test(arguments: ["", "s", "-1", "1d", "1e3", "61", "2m", ".5", "1 s", "nan", "99999999999999999999"])
    func `an invalid duration is refused with key, value and range`(text: String) {
        #expect(
            throws: OptionError(problems: [
                "--agent.wait=\(text): not allowed; it takes: duration from 0s to 1m"
            ])
        ) { try read(["--agent.wait=\(text)"]) }
    }

    @Test(arguments: [
        ("", []), ("a", ["a"]), ("a, b", ["a", "b"]), ("[]", []), (#"["a","b,c"]"#, ["a", "b,c"]),
        (#"[ "a\"b" ]"#, ["a\"b"]),
    ])
    func `lists are separated by commas or JSON`(text: String, list: [String]) throws {
        #expect(try read(["--agent.tags=\(text)"])[Self.tags] == list)
    }

    @Test func `all problems are reported together, each with its place`() {
        #expect(
            throws: OptionError(problems: [
                "--nonsense: unknown option; --help lists them",
                "agent.json: agent.colour: unknown option; --help lists them",
                "DD_AGENT_PORT=many: not allowed; it takes: number from 0 to 65535",
                "--agent.on=perhaps: not allowed; it takes: true or false",
            ])
        ) {
            try read(
                ["--nonsense", "--agent.on=perhaps"], ["DD_AGENT_PORT": "many"], file: [("agent.colour", "red", .text)])
        }
    }

    @Test func `a key or a section of the file without a value is as if it were not there, and must be known`() throws {
        let options = try read(file: [("agent.port", nil, .text), ("agent", nil, .text)])
        #expect(options[Self.port] == 5005)
        #expect(throws: OptionError(problems: ["agent.json: agen: unknown option; --help lists them"])) {
            try read(file: [("agen", nil, .text), ("agent.on", "true", .boolean)])
        }
    }

    @Test func `a secret is not repeated in a message`() {
        #expect(throws: OptionError(problems: ["--agent.token: not allowed; it takes: four characters"])) {
            try read(["--agent.token=hunter2"])
        }
    }

    @Test func `a bare flag is true and other options need a value`() throws {
        #expect(try read(["--agent.on"])[Self.isOn])
        #expect(throws: OptionError.self) { try read(["--agent.port"]) }
        #expect(throws: OptionError.self) { try read(["agent.port=1"]) }
    }

    @Test func `an unknown variable with our prefix is a warning and others are ignored`() throws {
        let options = try read([], ["DD_CLUSTER_CHECKS_COLOUR": "red", "DD_SITE": "x", "HOME": "/"])
        #expect(options.warnings == ["DD_CLUSTER_CHECKS_COLOUR: unknown option in the environment; it is ignored"])
    }

    @Test func `the Markdown table has a row for each option`() {
        let lines = Self.table.markdown.split(separator: "\n")
        #expect(lines.count == 7)
        #expect(lines[2] == "| `agent.port` | `5005` | number from 0 to 65535 | The port. |")
        #expect(lines[4] == "| `agent.tags` | – | list: one,two or [\"one\",\"two\"] | Tags. |")
    }
}
