import Platform

/// Reads patterns as Python's `re` does, which upstream's checks use: with its meaning of each character, and without
/// what no matcher in linear time can do.
struct PatternParser {
    /// How deep groups may be inside each other.
    private static let deepest = 100
    /// The most repeats that may be asked for by number, as in RE2.
    private static let mostRepeats = 1_000

    private struct Flags {
        var ignoresCase = false
        var isMultiline = false
        var dotMatchesAll = false
    }

    private let pattern: [Unicode.Scalar]
    private var position = 0
    private var flags = Flags()
    private var depth = 0
    private var names: Set<ExactText> = []

    /// - Throws: `PatternError` with the place and what is wrong there.
    static func syntax(of pattern: String) throws(PatternError) -> PatternSyntax {
        var parser = PatternParser(pattern: Array(pattern.unicodeScalars))
        let syntax = try parser.alternatives()
        guard parser.isAtEnd else { throw parser.failure("a ) without a (") }
        return syntax
    }

    private init(pattern: [Unicode.Scalar]) {
        self.pattern = pattern
    }

    private var isAtEnd: Bool { position == pattern.count }
    private var next: Unicode.Scalar? { isAtEnd ? nil : pattern[position] }

    private func failure(_ reason: String, at offset: Int? = nil) -> PatternError {
        PatternError(offset: offset ?? position, reason: reason)
    }

    private mutating func skip(_ scalar: Unicode.Scalar) -> Bool {
        guard next == scalar else { return false }
        position += 1
        return true
    }

    // MARK: Sequences

    private mutating func alternatives() throws(PatternError) -> PatternSyntax {
        // `(?i:a|b)c`: the flags hold up to the end of the group.
        let outer = flags
        defer { flags = outer }
        var alternatives = [try sequence()]
        while skip("|") { alternatives.append(try sequence()) }
        return alternatives.count == 1 ? alternatives[0] : .alternatives(alternatives)
    }

    private mutating func sequence() throws(PatternError) -> PatternSyntax {
        var items: [PatternSyntax] = []
        while let scalar = next, scalar != "|", scalar != ")" {
            let start = position
            guard let item = try atom() else { continue }
            items.append(try repeated(item, from: start))
        }
        return items.count == 1 ? items[0] : .sequence(items)
    }

    private mutating func repeated(_ item: PatternSyntax, from start: Int) throws(PatternError) -> PatternSyntax {
        let place = position
        guard let (least, most) = try quantifier() else { return item }
        guard !item.isAssertion else { throw failure("nothing to repeat", at: place) }
        // Whether it takes as few as it can changes nothing of what is found.
        if !skip("?"), next == "+" { throw failure("a possessive quantifier, which is not supported") }
        let again = position
        if try quantifier() != nil { throw failure("a second quantifier", at: again) }
        return .repetition(item, least: least, most: most)
    }

    /// `*`, `+`, `?`, `{m}`, `{m,}`, `{,n}` or `{m,n}`. Any other `{` is itself.
    private mutating func quantifier() throws(PatternError) -> (least: Int, most: Int?)? {
        if skip("*") { return (0, nil) }
        if skip("+") { return (1, nil) }
        if skip("?") { return (0, 1) }
        let start = position
        guard skip("{") else { return nil }
        let least = try number()
        var most = least
        var hasComma = false
        if skip(",") {
            hasComma = true
            most = try number()
        }
        guard least != nil || hasComma, skip("}") else {
            position = start
            return nil
        }
        if let least, let most, least > most {
            throw failure("the numbers of a repeat are in the wrong order", at: start)
        }
        return (least ?? 0, most)
    }

    private mutating func number() throws(PatternError) -> Int? {
        let start = position
        var value = 0
        while let scalar = next, ("0"..."9").contains(scalar) {
            position += 1
            value = min(value * 10 + Int(scalar.value - 0x30), Self.mostRepeats + 1)
        }
        guard position > start else { return nil }
        guard value <= Self.mostRepeats else { throw failure("more than \(Self.mostRepeats) repeats", at: start) }
        return value
    }

    // MARK: One item

    /// One item; nil for a group that only sets flags.
    private mutating func atom() throws(PatternError) -> PatternSyntax? {
        let start = position
        guard let scalar = next else { throw failure("an item is missing") }
        switch scalar {
        case "(": return try group()
        case "[": return .character(try set())
        case "*", "+", "?": throw failure("nothing to repeat")
        case "{":
            if try quantifier() != nil { throw failure("nothing to repeat", at: start) }
            position += 1
            return character("{")
        case "\\": return try escape()
        default: position += 1
        }
        switch scalar {
        case ".":
            // Everything, or everything but a line feed.
            return .character(CharacterSet(ranges: flags.dotMatchesAll ? [] : ["\n"..."\n"], isNegated: true))
        case "^": return .assertion(flags.isMultiline ? .lineStart : .start)
        case "$": return .assertion(flags.isMultiline ? .lineEnd : .endOrFinalLineFeed)
        default: return character(scalar)
        }
    }

    private func character(_ scalar: Unicode.Scalar) -> PatternSyntax {
        var set = CharacterSet.only(scalar)
        set.ignoresCase = flags.ignoresCase
        return .character(set)
    }

    private mutating func group() throws(PatternError) -> PatternSyntax? {
        let start = position
        position += 1
        let outer = flags
        if skip("?"), try extensionOfGroup(start) { return nil }
        depth += 1
        guard depth <= Self.deepest else {
            throw failure("more than \(Self.deepest) groups inside each other", at: start)
        }
        let syntax = try alternatives()
        guard skip(")") else { throw failure("a ( without a )", at: start) }
        depth -= 1
        flags = outer
        // It is one item, and can be repeated, even if it is but a place.
        return .sequence([syntax])
    }

    /// What follows `(?`. Returns true for flags of the whole pattern.
    private mutating func extensionOfGroup(_ start: Int) throws(PatternError) -> Bool {
        func unsupported(_ what: String) -> PatternError { failure("\(what), which is not supported", at: start) }
        guard let scalar = next else { throw failure("a ( without a )", at: start) }
        position += 1
        switch scalar {
        case ":": return false
        case "P":
            if skip("<") {
                try name()
                return false
            }
            throw next == "=" ? unsupported("a back-reference") : failure("an unknown kind of group", at: start)
        case "=", "!": throw unsupported("look-ahead")
        case "<":
            throw next == "=" || next == "!"
                ? unsupported("look-behind") : failure("an unknown kind of group", at: start)
        case ">": throw unsupported("an atomic group")
        case "(": throw unsupported("a condition")
        case "#": throw unsupported("a comment")
        default:
            position -= 1
            return try setFlags(start)
        }
    }

    /// `(?i)` at the start of the pattern, `(?i-s:` anywhere. Returns true for the former.
    private mutating func setFlags(_ start: Int) throws(PatternError) -> Bool {
        var isOn = true
        while let scalar = next {
            switch scalar {
            case "i": flags.ignoresCase = isOn
            case "m": flags.isMultiline = isOn
            case "s": flags.dotMatchesAll = isOn
            case "u": break
            case "a", "L", "x": throw failure("the flag \(scalar), which is not supported")
            case "-" where isOn: isOn = false
            case ":":
                position += 1
                return false
            case ")" where isOn && position > start + 2:
                guard start == 0 else { throw failure("flags that are not at the start of the pattern", at: start) }
                position += 1
                return true
            default: throw failure("an unknown kind of group", at: start)
            }
            position += 1
        }
        throw failure("a ( without a )", at: start)
    }

    private mutating func name() throws(PatternError) {
        let start = position
        while let scalar = next, scalar != ">" {
            guard CharacterSet.Class.words.contains(scalar) else { throw failure("no name of a group") }
            position += 1
        }
        let name = String(String.UnicodeScalarView(pattern[start..<position]))
        guard skip(">"), !name.isEmpty, !CharacterSet.Class.digits.contains(pattern[start]) else {
            throw failure("no name of a group", at: start)
        }
        guard names.insert(name).inserted else { throw failure("a second group of the same name", at: start) }
    }
}

// Escapes and sets.
extension PatternParser {
    private enum Escaped {
        case scalar(Unicode.Scalar)
        case set(CharacterSet)
    }

    private mutating func escape() throws(PatternError) -> PatternSyntax {
        let start = position
        if position + 1 < pattern.count {
            position += 2
            switch pattern[start + 1] {
            case "A": return .assertion(.start)
            case "Z": return .assertion(.end)
            case "b": return .assertion(.wordBoundary)
            case "B": return .assertion(.noWordBoundary)
            default: position = start
            }
        }
        switch try escaped(inSet: false) {
        case .scalar(let scalar): return character(scalar)
        case .set(let set): return .character(set)
        }
    }

    /// An escape that stands for characters.
    private mutating func escaped(inSet: Bool) throws(PatternError) -> Escaped {
        let start = position
        position += 1
        guard let scalar = next else { throw failure("a backslash at the end", at: start) }
        position += 1
        switch scalar {
        case "d": return .set(CharacterSet(classes: [.digits]))
        case "w": return .set(CharacterSet(classes: [.words]))
        case "s": return .set(CharacterSet(classes: [.spaces]))
        case "D": return .set(CharacterSet(complements: [.digits]))
        case "W": return .set(CharacterSet(complements: [.words]))
        case "S": return .set(CharacterSet(complements: [.spaces]))
        case "n": return .scalar("\n")
        case "t": return .scalar("\t")
        case "r": return .scalar("\r")
        case "f": return .scalar("\u{C}")
        case "v": return .scalar("\u{B}")
        case "a": return .scalar("\u{7}")
        case "b" where inSet: return .scalar("\u{8}")
        case "x": return .scalar(try hexadecimal(2, start))
        case "u": return .scalar(try hexadecimal(4, start))
        case "U": return .scalar(try hexadecimal(8, start))
        case "0"..."7" where scalar == "0" || inSet || isOctal(start): return .scalar(try octal(start))
        case "0"..."9": throw failure("a back-reference, which is not supported", at: start)
        case "A"..."Z", "a"..."z": throw failure("an unknown escape", at: start)
        default: return .scalar(scalar)
        }
    }

    private mutating func hexadecimal(_ count: Int, _ start: Int) throws(PatternError) -> Unicode.Scalar {
        let digits = pattern[position...].prefix(count)
        let text = String(String.UnicodeScalarView(digits))
        guard digits.count == count, digits.allSatisfy({ $0.properties.isASCIIHexDigit }),
            let scalar = UInt32(text, radix: 16).flatMap(Unicode.Scalar.init)
        else { throw failure("an escape without \(count) hexadecimal digits of a character", at: start) }
        position += count
        return scalar
    }

    /// Whether three octal digits follow the backslash.
    private func isOctal(_ start: Int) -> Bool {
        let digits = pattern[(start + 1)...].prefix(3)
        return digits.count == 3 && digits.allSatisfy { ("0"..."7").contains($0) }
    }

    /// One to three octal digits.
    private mutating func octal(_ start: Int) throws(PatternError) -> Unicode.Scalar {
        let digits = pattern[(start + 1)...].prefix(3).prefix { ("0"..."7").contains($0) }
        position = start + 1 + digits.count
        let value = digits.reduce(UInt32(0)) { $0 * 8 + ($1.value - 0x30) }
        guard value <= 0o377, let scalar = Unicode.Scalar(value) else {
            throw failure("an octal escape over 377", at: start)
        }
        return scalar
    }

    private mutating func set() throws(PatternError) -> CharacterSet {
        let start = position
        position += 1
        var set = CharacterSet(isNegated: skip("^"), ignoresCase: flags.ignoresCase)
        var isFirst = true
        while let scalar = next, scalar != "]" || isFirst {
            isFirst = false
            let place = position
            let low = try member()
            guard next == "-", position + 1 < pattern.count, pattern[position + 1] != "]" else {
                add(low, to: &set)
                continue
            }
            position += 1
            guard case .scalar(let first) = low, case .scalar(let last) = try member(), first <= last else {
                throw failure("no range of characters", at: place)
            }
            set.ranges.append(first...last)
        }
        guard skip("]") else { throw failure("a [ without a ]", at: start) }
        return set
    }

    private mutating func member() throws(PatternError) -> Escaped {
        guard let scalar = next else { throw failure("a [ without a ]") }
        if scalar == "\\" { return try escaped(inSet: true) }
        position += 1
        return .scalar(scalar)
    }

    private func add(_ member: Escaped, to set: inout CharacterSet) {
        switch member {
        case .scalar(let scalar): set.ranges.append(scalar...scalar)
        case .set(let other):
            set.classes += other.classes
            set.complements += other.complements
        }
    }
}
