import Platform
import TestKit
import Testing

@testable import CheckOptions

@Suite struct PatternTests {
    /// What Python 3.11's `re.search` and `re.match` say.
    @Test(
        arguments: [
            ("IMOK", "xIMOKx", true, false),
            ("imok", "IMOK", false, false),
            ("\"status\":\"healthy\"", "{\"status\":\"healthy\"}", true, false),
            ("\"status\"\\s*:\\s*\"ready\"", "\"status\" :\u{a} \"ready\"", true, true),
            ("^ready$", "ready", true, true),
            ("^ready$", "ready\u{a}", true, true),
            ("^ready$", "ready\u{a}\u{a}", false, false),
            ("^ready$", "a\u{a}ready", false, false),
            ("(?m)^ready$", "a\u{a}ready\u{a}b", true, false),
            ("^ok\\s*$", "ok  \u{a}", true, true),
            ("^\\{\"status\":\"UP\"", "{\"status\":\"UP\"}", true, true),
            ("(a|nginx)", "Welcome to nginx", true, false),
            ("float(s)?", "float", true, true),
            ("4..", "404", true, true),
            ("4..", "40", false, false),
            ("4\\d\\d", "404", true, true),
            ("(2|3)\\d\\d", "301", true, true),
            ("(2|3|4|5)\\d\\d", "600", false, false),
            ("(200|429)", "429", true, true),
            ("(301|308)", "308", true, true),
            ("20", "200", true, true),
            ("00", "200", true, false),
            ("\u{e9}", "caf\u{e9}", true, false),
            ("\\bcat\\b", "a cat.", true, false),
            ("\\bcat\\b", "concat", false, false),
            ("\\Bcat", "concat", true, false),
            ("[^a-c]", "abc", false, false),
            ("[^a-c]", "abcd", true, false),
            ("[]a]", "]", true, true),
            ("[^]a]", "]a", false, false),
            ("[a\\-z]", "-", true, true),
            ("[\\d_]+x", "1_x", true, true),
            ("[\\D]", "1", false, false),
            ("[\\s\\S]", "\u{a}", true, true),
            ("[[:alpha:]]", "a]", true, true),
            ("[[:alpha:]]", "a", false, false),
            ("a{2}", "aa", true, true),
            ("a{2}", "a", false, false),
            ("^a{2,}$", "aaaa", true, true),
            ("^a{,2}$", "aaa", false, false),
            ("^a{1,3}$", "aaa", true, true),
            ("a{", "a{", true, true),
            ("a{1", "a{1", true, true),
            ("{", "{", true, true),
            ("}", "}", true, true),
            ("]", "]", true, true),
            ("a{x}", "a{x}", true, true),
            ("a{,}", "b", true, true),
            ("x*", "", true, true),
            ("", "abc", true, true),
            ("a|", "b", true, true),
            ("(a|)*b", "aaab", true, true),
            ("(a*)*b", "aaa", false, false),
            ("(?:ab)+c", "ababc", true, true),
            ("(?P<n>a)b", "ab", true, true),
            ("(?i)STRASSE", "strasse", true, true),
            ("(?i:A)b", "ab", true, true),
            ("(?i:A)b", "aB", false, false),
            ("(?i)[a-c]", "B", true, true),
            ("(?i)[^a]", "A", false, false),
            ("a.b", "a\u{a}b", false, false),
            ("(?s)a.b", "a\u{a}b", true, true),
            ("(?s:a.)b.", "a\u{a}b\u{a}", false, false),
            ("\\Aab", "xab", false, false),
            ("ab\\Z", "ab\u{a}", false, false),
            ("ab\\Z", "ab", true, true),
            ("ab$", "ab\u{a}", true, true),
            ("\\x41\\u00e9", "A\u{e9}", true, true),
            ("\\101", "A", true, true),
            ("\\0", "\u{0}", true, true),
            ("[\\b]", "\u{8}", true, true),
            ("a??b", "b", true, true),
            ("a+?b", "aab", true, true),
            ("\\.", "a", false, false),
            ("\\.", ".", true, true),
            ("\\$\\^", "$^", true, true),
            ("\\d", "\u{663}", true, true),
            ("\\w", "\u{e9}", true, true),
            ("\\s", "\u{a0}", true, true),
            ("\\W", "\u{65e5}", false, false),
            ("(?u)a", "a", true, true),
            ("(^)*a", "a", true, true),
            ("(?:$)+", "", true, true),
            ("a$b", "ab", false, false),
            ("(a+)+$", "aaaaaaaaaaaab", false, false),
            ("^(?:(?:a|b)*c)?$", "ababc", true, true),
            ("x{0}y", "y", true, true),
            ("(?-i:a)", "a", true, true),
            ("(?i)(?-i:a)B", "ab", true, true),
            ("(?i)(?-i:a)B", "Ab", false, false),
            ("\\a", "\u{7}", true, true),
            ("[\\n]", "\u{a}", true, true),
        ] as [(String, String, Bool, Bool)])
    func `a pattern matches where Python's does`(
        pattern: String, text: String, isFound: Bool, startsThere: Bool
    ) throws {
        let compiled = try Pattern(pattern)
        #expect(compiled.isFound(in: text) == isFound)
        #expect(compiled.matchesStart(of: text) == startsThere)
    }

    @Test(arguments: [
        ("a)", 1, "a ) without a ("), ("x(a", 1, "a ( without a )"), ("[a", 0, "a [ without a ]"),
        ("*a", 0, "nothing to repeat"),
        ("a|+", 2, "nothing to repeat"), ("^*", 1, "nothing to repeat"), ("{2}", 0, "nothing to repeat"),
        ("a**", 2, "a second quantifier"),
        ("a{2}{3}", 4, "a second quantifier"), ("a*+", 2, "a possessive quantifier, which is not supported"),
        ("a{3,2}", 1, "the numbers of a repeat are in the wrong order"), ("a{1001}", 2, "more than 1000 repeats"),
        ("(a)\\1", 3, "a back-reference, which is not supported"),
        ("(?P<n>a)(?P=n)", 8, "a back-reference, which is not supported"),
        ("a(?=b)", 1, "look-ahead, which is not supported"), ("(?!a)", 0, "look-ahead, which is not supported"),
        ("(?<=a)b", 0, "look-behind, which is not supported"), ("(?<!a)b", 0, "look-behind, which is not supported"),
        ("(?>a)", 0, "an atomic group, which is not supported"),
        ("(a)(?(1)b)", 3, "a condition, which is not supported"),
        ("(?#x)", 0, "a comment, which is not supported"),
        ("a(?i)b", 1, "flags that are not at the start of the pattern"),
        ("(?x)a", 2, "the flag x, which is not supported"), ("(?P<1>a)", 4, "no name of a group"),
        ("(?P<a>x)(?P<a>y)", 12, "a second group of the same name"), ("(?<n>a)", 0, "an unknown kind of group"),
        ("\\pL", 0, "an unknown escape"), ("\\z", 0, "an unknown escape"), ("a\\", 1, "a backslash at the end"),
        ("\\x4", 0, "an escape without 2 hexadecimal digits of a character"),
        ("\\ud800", 0, "an escape without 4 hexadecimal digits of a character"),
        ("[b-a]", 1, "no range of characters"), ("[a-\\d]", 1, "no range of characters"),
        ("\\777", 0, "an octal escape over 377"),
        ("(?:(?:a{100}){100}){100}", 0, "the repeats make more than 10000 states"), ("(?i", 0, "a ( without a )"),
        ("(?)", 0, "an unknown kind of group"),
    ])
    func `what is no pattern, or needs a matcher that may take for ever, is refused with its place`(
        pattern: String, offset: Int, reason: String
    ) {
        #expect(throws: PatternError(offset: offset, reason: reason)) { try Pattern(pattern) }
    }

    /// In a matcher that tries one alternative after the other these take longer than the universe lasts.
    @Test(arguments: [
        ("(a*)*b", "a"), ("(a+)+$", "a!"), ("(a|a)*b", "a"), ("(a|aa)+$", "ab"), ("(.*)*x", "a"),
        ("^(([a-z])+.)+[A-Z]([a-z])+$", "a"),
        ("(?:a?){500}a{500}b", "a"), ("((((((a*)*)*)*)*)*)*b", "a"), ("(x+x+)+y", "x"), ("\\s*\\s*\\s*\\s*\\s*y", " "),
    ])
    func `an exponential pattern takes linear time`(pattern: String, piece: String) throws {
        let compiled = try Pattern(pattern)
        #expect(compiled.isFound(in: String(repeating: piece, count: 2_000)) == false)
    }

    /// In one check's time limit, whatever the page: others wait for the same thread.
    @Test(arguments: [("(?:a?){900}a{900}b", "a"), ("[\u{E0}-\u{E1}\u{E3}-\u{E4}\u{E6}-\u{E7}]x", "日")])
    func `a search ends after its steps`(pattern: String, piece: String) throws {
        let text = String(repeating: piece, count: 1_000_000)
        #expect(try Pattern(pattern).isFound(in: text, within: 100_000) == nil)
    }

    @Test func `a pattern of 10 kB is read, and one of repeats of nothing`() throws {
        #expect(try Pattern(String(repeating: "a?", count: 4_900)).isFound(in: "") == true)
        #expect(try Pattern(String(repeating: "a|", count: 3_300) + "b").isFound(in: "b") == true)
        #expect(throws: PatternError.self) { try Pattern(String(repeating: "(", count: 10_000)) }
        let nothing = (0..<30).reduce("") { inner, _ in "(?:\(inner)){1000}" }
        #expect(try Pattern(nothing).isFound(in: "x") == true)
    }

    /// Random patterns on short random texts, beside a matcher that tries one alternative after the other.
    @Test(arguments: UInt64(1)...8)
    func `a random pattern matches as in a matcher that backtracks`(seed: UInt64) throws {
        let dice = SeededEntropy(seed: seed)
        for _ in 0..<800 { try comparePattern((0..<24).map { _ in UInt8(dice.next(below: 256)) }) }
    }
}
