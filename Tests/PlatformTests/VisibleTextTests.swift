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
        ("web", 3), ("caf\u{E9}", 4), ("cafe\u{301}", 4), ("\u{6771}\u{4EAC}", 4), ("\u{D55C}\u{AD6D}a", 5),
        ("\u{1F600}", 2), ("\u{2764}\u{FE0F}", 2), ("\u{2026}", 1), ("", 0),
    ])
    func `a character of East Asia and an emoji take two columns`(text: String, columns: Int) {
        #expect(terminalColumns(text) == columns)
        #expect(terminalColumns(padded(text, to: 9)) == 9)
        #expect(padded(text, to: columns) == text)
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
