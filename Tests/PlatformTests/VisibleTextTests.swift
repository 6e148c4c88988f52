import Platform
import Testing

@Suite struct VisibleTextTests {
    @Test(arguments: [
        ("plain caf\u{E9} \u{1F600}", "plain caf\u{E9} \u{1F600}"), ("a\n\tb\u{2028}", #"a\u{a}\u{9}b\u{2028}"#),
        ("\u{1B}[31mred\r", #"\u{1b}[31mred\u{d}"#), ("\u{9B}2J\u{7F}\u{0}", #"\u{9b}2J\u{7f}\u{0}"#),
        ("a\u{202E}b\u{2066}", #"a\u{202e}b\u{2066}"#),
    ])
    func `what moves a terminal's cursor is shown instead`(text: String, shown: String) {
        #expect(visibleLine(text) == shown)
    }

    @Test(arguments: [
        "http_check", "ad.datadoghq.com/service.checks", "caf\u{E9}-2", String(repeating: "a", count: 100),
    ])
    func `a name is shown`(name: String) {
        #expect(shownName(name) == name)
    }

    @Test(arguments: ["", "a b", "dd:S3cr3t@db", "a\nb", "{}", "a=b", String(repeating: "a", count: 101)])
    func `what is no name is not shown`(text: String) {
        #expect(shownName(text) == "(\(text.utf8.count) bytes that are no name)")
    }
}
