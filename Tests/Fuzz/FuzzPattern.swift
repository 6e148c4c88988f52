#if canImport(CheckOptions)
    @testable import CheckOptions
#endif

/// A pattern must match as in a matcher that tries one alternative after the other, whose time does not matter on short
/// texts. The bytes choose the pattern's pieces and the text's.
func fuzzPattern(_ input: [UInt8]) {
    // As it is, too: any text must be read or refused.
    _ = try? Pattern(String(decoding: input, as: UTF8.self))
    do { try comparePattern(input) } catch { fatalError("\(error)") }
}

/// - Throws: `PatternDifference` if the two matchers differ.
func comparePattern(_ input: [UInt8]) throws {
    let pieces = [
        "a", "b", "c", "ab", ".", "\\w", "\\W", "\\b", "\\B", "^", "$", "(", "(?:", "(?i:", ")", "|", "*", "+", "?",
        "{2}", "{1,2}",
        "{,1}", "[ab]", "[^a]", "(?s:", "(?m:", "\\A", "\\Z", "[a-c]", "\\n", "A", "\\s",
    ]
    let letters: [Character] = ["a", "b", "c", "A", "\n", " "]
    let half = input.count / 2
    let pattern = input[..<half].map { pieces[Int($0) % pieces.count] }.joined()
    let text = String(input[half...].prefix(8).map { letters[Int($0) % letters.count] })
    guard let compiled = try? Pattern(pattern), let syntax = try? PatternParser.syntax(of: pattern) else { return }
    let naive = BacktrackingMatcher(Array(text.unicodeScalars))
    guard let isFound = naive.isFound(syntax), let startsThere = naive.matchesStart(syntax) else { return }
    guard compiled.isFound(in: text) == isFound, compiled.matchesStart(of: text) == startsThere else {
        throw PatternDifference(pattern: pattern, text: text)
    }
}

struct PatternDifference: Error {
    let pattern: String
    let text: String
}

/// A matcher that tries one alternative after the other, and gives up after many steps.
private final class BacktrackingMatcher {
    private let text: [Unicode.Scalar]
    private var steps = 0

    init(_ text: [Unicode.Scalar]) {
        self.text = text
    }

    /// Nil if it gave up.
    func isFound(_ syntax: PatternSyntax) -> Bool? {
        let isFound = (0...text.count).contains { matches(syntax, at: $0) { _ in true } }
        return steps > 200_000 ? nil : isFound
    }

    /// Nil if it gave up.
    func matchesStart(_ syntax: PatternSyntax) -> Bool? {
        let startsThere = matches(syntax, at: 0) { _ in true }
        return steps > 200_000 ? nil : startsThere
    }

    private func matches(_ syntax: PatternSyntax, at place: Int, then: (Int) -> Bool) -> Bool {
        steps += 1
        guard steps <= 200_000 else { return false }
        switch syntax {
        case .character(let set): return place < text.count && set.contains(text[place]) && then(place + 1)
        case .assertion(let assertion): return holds(assertion, at: place) && then(place)
        case .sequence(let items): return matches(items[...], at: place, then: then)
        case .alternatives(let alternatives): return alternatives.contains { matches($0, at: place, then: then) }
        case .repetition(let item, let least, let most): return matches(item, least, most, at: place, then: then)
        }
    }

    private func matches(_ items: ArraySlice<PatternSyntax>, at place: Int, then: (Int) -> Bool) -> Bool {
        guard let first = items.first else { return then(place) }
        return matches(first, at: place) { matches(items.dropFirst(), at: $0, then: then) }
    }

    private func matches(
        _ item: PatternSyntax, _ least: Int, _ most: Int?, at place: Int, then: (Int) -> Bool
    ) -> Bool {
        if least > 0 {
            return matches(item, at: place) { matches(item, least - 1, most.map { $0 - 1 }, at: $0, then: then) }
        }
        if then(place) { return true }
        guard most != 0 else { return false }
        return matches(item, at: place) { next in
            next > place && matches(item, 0, most.map { $0 - 1 }, at: next, then: then)
        }
    }

    private func holds(_ assertion: PatternSyntax.Assertion, at place: Int) -> Bool {
        func isWord(_ index: Int) -> Bool {
            text.indices.contains(index) && (text[index] == "_" || text[index].properties.isAlphabetic)
        }
        return switch assertion {
        case .start: place == 0
        case .end: place == text.count
        case .endOrFinalLineFeed: place == text.count || (place == text.count - 1 && text[place] == "\n")
        case .lineStart: place == 0 || text[place - 1] == "\n"
        case .lineEnd: place == text.count || text[place] == "\n"
        case .wordBoundary: isWord(place - 1) != isWord(place)
        case .noWordBoundary: isWord(place - 1) == isWord(place)
        }
    }
}
