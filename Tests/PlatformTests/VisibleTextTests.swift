import Platform
import Testing

@Suite struct VisibleTextTests {
    @Test(arguments: [
        ("plain\n\tcaf\u{E9} \u{1F600}", "plain\n\tcaf\u{E9} \u{1F600}"),
        ("\u{1B}[31mred\r", #"\u{1b}[31mred\u{d}"#), ("\u{9B}2J\u{7F}\u{0}", #"\u{9b}2J\u{7f}\u{0}"#),
        ("a\u{202E}b\u{2066}", #"a\u{202e}b\u{2066}"#),
    ])
    func `what moves a terminal's cursor is shown instead`(text: String, shown: String) {
        #expect(visible(text) == shown)
    }
}
