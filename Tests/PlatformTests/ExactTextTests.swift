import Platform
import Testing

@Suite struct ExactTextTests {
    /// One character, in one scalar and in two.
    private static let (composed, decomposed): (ExactText, ExactText) = ("\u{E9}", "e\u{301}")

    private struct Named: Hashable {
        @ExactText var name: String
    }

    @Test func `texts are equal when their bytes are`() {
        #expect("\u{E9}" == "e\u{301}")
        #expect(Self.composed != Self.decomposed)
        #expect(Self.composed == ExactText(String(decoding: [0xC3, 0xA9] as [UInt8], as: UTF8.self)))
        #expect(Named(name: "\u{E9}") != Named(name: "e\u{301}"))
        #expect(ExactText("") == "" && ExactText("").isEmpty)
    }

    @Test func `keys and members are apart when their bytes are`() {
        var counts: [ExactText: Int] = [:]
        counts["\u{E9}"] = 1
        counts["e\u{301}", default: 0] += 2
        #expect(counts.count == 2 && counts["\u{E9}"] == 1)
        counts.removeValue(forKey: "e\u{301}")
        #expect(counts == ["\u{E9}": 1])
        var names = Set(texts: ["\u{E9}", "e\u{301}", "e\u{301}"])
        #expect(names.count == 2 && names.contains("e\u{301}"))
        names.remove("\u{E9}")
        #expect(names == ["e\u{301}"])
    }

    @Test func `texts are sorted by their bytes`() {
        let texts = ["z", "\u{E9}", "e\u{301}", "", "a", "aa"]
        #expect(
            texts.sortedByBytes().map { Array($0.utf8) }
                == texts.map { Array($0.utf8) }.sorted { $0.lexicographicallyPrecedes($1) })
        #expect(
            texts.map { ExactText($0) }.sortedTexts().map { Array($0.utf8) }
                == texts.sortedByBytes().map { Array($0.utf8) })
    }

    @Test func `a prefix is one of bytes`() {
        #expect(!"a:\u{301}b".hasPrefix("a:"))
        #expect(ExactText("a:\u{301}b").hasPrefix("a:"))
        #expect(!ExactText("a").hasPrefix("a:"))
    }

    @Test func `parts of a hash are not taken for one another`() {
        func hash(_ texts: [ExactText]) -> Int {
            var hasher = Hasher()
            for text in texts { hasher.combine(text) }
            return hasher.finalize()
        }
        #expect(hash(["ab", "c"]) != hash(["a", "bc"]))
        #expect(hash(["ab"]) == hash([ExactText("a" + "b")]))
    }
}
