import Platform

/// A regular expression as upstream's checks take them (Python's `re`), matched in linear time.
///
/// The matcher follows all alternatives at once (K. Thompson, "Regular Expression Search Algorithm", 1968; the machine
/// is R. Pike's, as R. Cox describes it in "Regular Expression Matching: the Virtual Machine Approach", without
/// captures): its time is the length of the text times the size of the pattern, whatever they are. What cannot be
/// matched so (back-references, look-around, possessive quantifiers) is refused with its place.
package struct Pattern: Sendable {
    /// The pattern as its author wrote it.
    package let text: String
    private let program: PatternProgram

    /// Reads a pattern.
    ///
    /// - Throws: `PatternError` with the place: it is not a pattern, it asks for what is not supported, or its repeats
    ///   make more than 10,000 states.
    package init(_ pattern: String) throws(PatternError) {
        text = pattern
        program = try PatternProgram(PatternParser.syntax(of: pattern))
    }

    /// Whether the pattern matches somewhere in a text, as `re.search`.
    ///
    /// - Parameter steps: how many it may take, for each character one for each state that is followed. The default is
    ///   some tenths of a second: time for 16 MiB and a pattern of a few states.
    /// - Returns: nil if that is not enough.
    package func isFound(in text: String, within steps: Int = Pattern.defaultSteps) -> Bool? {
        var steps = steps
        return isFound(in: text, within: &steps)
    }

    /// As above, for one of several texts: the steps that it takes are subtracted.
    package func isFound(in text: String, within steps: inout Int) -> Bool? {
        var matcher = PatternMatcher(program, isAnchored: false, steps: steps)
        defer { steps = matcher.stepsLeft }
        return matcher.matches(text.unicodeScalars)
    }

    /// How many steps one run of a check may take.
    package static let defaultSteps = 100_000_000

    /// Whether the pattern matches at the start of a text, as `re.match`: the text may go on behind it. False if that
    /// takes more than `defaultSteps`.
    package func matchesStart(of text: String) -> Bool {
        var matcher = PatternMatcher(program, isAnchored: true, steps: Self.defaultSteps)
        return matcher.matches(text.unicodeScalars) ?? false
    }
}

extension Pattern: Hashable {
    /// Whether both have the same text, byte by byte.
    package static func == (left: Pattern, right: Pattern) -> Bool {
        left.text.hasSameBytes(as: right.text)
    }

    /// Hashes the text.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(ExactText(text))
    }
}

/// A pattern as instructions. The first is at index 0.
struct PatternProgram: Sendable {
    enum Instruction: Hashable, Sendable {
        /// Takes a character of the set, then goes on behind.
        case character(set: Int)
        /// Goes on behind if the place is such a one.
        case assertion(PatternSyntax.Assertion)
        /// Goes on at both.
        case split(Int, Int)
        case jump(Int)
        case match
    }

    /// The most instructions.
    private static let limit = 10_000

    private(set) var instructions: [Instruction] = []
    private(set) var sets: [CharacterSet] = []
    /// For each set, whether it has each ASCII character: two words of 64 bits.
    private(set) var ascii: [(UInt64, UInt64)] = []
    private var indices: [CharacterSet: Int] = [:]

    /// - Throws: `PatternError` if it has too many states.
    init(_ syntax: PatternSyntax) throws(PatternError) {
        try add(syntax)
        try add(.match)
        ascii = sets.map { set in
            var words: (UInt64, UInt64) = (0, 0)
            for value in UInt8(0)..<128 where set.contains(Unicode.Scalar(value)) {
                if value < 64 { words.0 |= 1 << UInt64(value) } else { words.1 |= 1 << UInt64(value - 64) }
            }
            return words
        }
    }

    private mutating func add(_ instruction: Instruction) throws(PatternError) {
        guard instructions.count < Self.limit else {
            throw PatternError(offset: 0, reason: "the repeats make more than \(Self.limit) states")
        }
        instructions.append(instruction)
    }

    private mutating func add(_ syntax: PatternSyntax) throws(PatternError) {
        switch syntax {
        case .character(let set):
            let index = indices[set] ?? sets.count
            if index == sets.count {
                indices[set] = index
                sets.append(set)
            }
            try add(.character(set: index))
        case .assertion(let assertion): try add(Instruction.assertion(assertion))
        case .sequence(let items): for item in items { try add(item) }
        case .alternatives(let alternatives): try add(alternatives)
        case .repetition(let item, let least, let most): try add(item, least, most)
        }
    }

    private mutating func add(_ alternatives: [PatternSyntax]) throws(PatternError) {
        var jumps: [Int] = []
        for alternative in alternatives.dropLast() {
            let split = instructions.count
            try add(.match)
            try add(alternative)
            jumps.append(instructions.count)
            try add(.match)
            instructions[split] = .split(split + 1, instructions.count)
        }
        if let last = alternatives.last { try add(last) }
        for jump in jumps { instructions[jump] = .jump(instructions.count) }
    }

    private mutating func add(_ item: PatternSyntax, _ least: Int, _ most: Int?) throws(PatternError) {
        for _ in 0..<least {
            let start = instructions.count
            try add(item)
            // However often nothing is repeated, it is nothing.
            if instructions.count == start { break }
        }
        guard let most else {
            let split = instructions.count
            try add(.match)
            try add(item)
            try add(.jump(split))
            instructions[split] = .split(split + 1, instructions.count)
            return
        }
        var splits: [Int] = []
        for _ in least..<most {
            splits.append(instructions.count)
            try add(.match)
            try add(item)
        }
        for split in splits { instructions[split] = .split(split + 1, instructions.count) }
    }
}

/// One search for a pattern.
private struct PatternMatcher {
    private let program: PatternProgram
    private let isAnchored: Bool
    private(set) var stepsLeft: Int
    /// The instructions that wait for the next character, each once.
    private var waiting: [Int] = []
    /// Those that waited for the one before.
    private var before: [Int] = []
    /// The place at which an instruction was last reached, so that each is reached once a place.
    private var reached: [Int]
    private var pending: [Int] = []
    init(_ program: PatternProgram, isAnchored: Bool, steps: Int) {
        self.program = program
        // What it takes to prepare.
        stepsLeft = steps - program.instructions.count
        self.isAnchored = isAnchored
        reached = [Int](repeating: -1, count: program.instructions.count)
    }

    /// Nil if the steps do not suffice.
    mutating func matches(_ text: String.UnicodeScalarView) -> Bool? {
        var index = text.startIndex
        var place = PatternPlace()
        while true {
            place.next = index == text.endIndex ? nil : text[index]
            if place.next == "\n" { place.isFinalLineFeed = text.index(after: index) == text.endIndex }
            if step(at: place) { return true }
            if stepsLeft < 0 { return nil }
            guard let scalar = place.next, !isAnchored || !waiting.isEmpty else { return false }
            text.formIndex(after: &index)
            place.previous = scalar
            place.number += 1
        }
    }

    /// Takes the character before the place, and follows from there what takes none. Returns whether the pattern ends
    /// here.
    private mutating func step(at place: PatternPlace) -> Bool {
        swap(&before, &waiting)
        waiting.removeAll(keepingCapacity: true)
        stepsLeft -= before.count
        if let scalar = place.previous {
            for instruction in before {
                guard case .character(let set) = program.instructions[instruction], has(set, scalar) else { continue }
                pending.append(instruction + 1)
            }
        }
        if place.number == 0 || !isAnchored { pending.append(0) }
        while let instruction = pending.popLast() {
            guard reached[instruction] != place.number else { continue }
            reached[instruction] = place.number
            stepsLeft -= 1
            switch program.instructions[instruction] {
            case .character: waiting.append(instruction)
            case .assertion(let assertion): if place.satisfies(assertion) { pending.append(instruction + 1) }
            case .split(let first, let second): pending += [first, second]
            case .jump(let target): pending.append(target)
            case .match: return true
            }
        }
        return false
    }

    private mutating func has(_ set: Int, _ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case ..<64: return program.ascii[set].0 >> UInt64(scalar.value) & 1 == 1
        case ..<128: return program.ascii[set].1 >> UInt64(scalar.value - 64) & 1 == 1
        default:
            // Its ranges are looked through.
            stepsLeft -= program.sets[set].ranges.count
            return program.sets[set].contains(scalar)
        }
    }
}

/// A place between two characters.
private struct PatternPlace {
    var number = 0
    var previous: Unicode.Scalar?
    var next: Unicode.Scalar?
    /// Whether `next` is a line feed and the last character.
    var isFinalLineFeed = false

    func satisfies(_ assertion: PatternSyntax.Assertion) -> Bool {
        switch assertion {
        case .start: previous == nil
        case .end: next == nil
        case .endOrFinalLineFeed: next == nil || isFinalLineFeed
        case .lineStart: previous == nil || previous == "\n"
        case .lineEnd: next == nil || next == "\n"
        case .wordBoundary: isWord(previous) != isWord(next)
        case .noWordBoundary: isWord(previous) == isWord(next)
        }
    }

    private func isWord(_ scalar: Unicode.Scalar?) -> Bool {
        scalar.map(CharacterSet.Class.words.contains) ?? false
    }
}
