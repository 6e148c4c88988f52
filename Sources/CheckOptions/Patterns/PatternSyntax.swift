/// What a pattern says.
indirect enum PatternSyntax: Hashable {
    /// One character of a set.
    case character(CharacterSet)
    /// A place between two characters.
    case assertion(Assertion)
    /// One after the other; nothing if empty.
    case sequence([PatternSyntax])
    /// One of these.
    case alternatives([PatternSyntax])
    /// `least` to `most` times; nil for any number.
    case repetition(PatternSyntax, least: Int, most: Int?)

    /// A condition on a place.
    enum Assertion: Hashable {
        /// `\A`, and `^` without `m`.
        case start
        /// `\Z`.
        case end
        /// `$` without `m`: the end, or before a line feed that is the last character.
        case endOrFinalLineFeed
        /// `^` with `m`.
        case lineStart
        /// `$` with `m`.
        case lineEnd
        /// `\b`.
        case wordBoundary
        /// `\B`.
        case noWordBoundary
    }

    /// Whether nothing but a place matches, so that it cannot be repeated.
    var isAssertion: Bool {
        if case .assertion = self { true } else { false }
    }
}

/// A set of characters.
struct CharacterSet: Hashable {
    /// A class with a name.
    enum Class: Hashable {
        case digits, words, spaces
    }

    var ranges: [ClosedRange<Unicode.Scalar>] = []
    var classes: [Class] = []
    /// Classes of which everything else is in the set: `\D`, `\W`, `\S`.
    var complements: [Class] = []
    /// Whether it is everything else that is in the set.
    var isNegated = false
    /// Whether capital and small letters are the same.
    var ignoresCase = false

    static func only(_ scalar: Unicode.Scalar) -> CharacterSet {
        CharacterSet(ranges: [scalar...scalar])
    }

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        var isIn = includes(scalar)
        if !isIn, ignoresCase {
            let properties = scalar.properties
            isIn = [properties.lowercaseMapping, properties.uppercaseMapping, properties.titlecaseMapping].contains {
                let mapped = $0.unicodeScalars
                return mapped.count == 1 && mapped.first.map(includes) == true
            }
        }
        return isIn != isNegated
    }

    private func includes(_ scalar: Unicode.Scalar) -> Bool {
        ranges.contains { $0.contains(scalar) } || classes.contains { $0.contains(scalar) }
            || complements.contains { !$0.contains(scalar) }
    }
}

extension CharacterSet.Class {
    /// As Python has it for text: in all of Unicode.
    func contains(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return containsASCII(scalar) }
        let properties = scalar.properties
        switch self {
        case .digits: return properties.generalCategory == .decimalNumber
        case .words:
            switch properties.generalCategory {
            case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: return true
            default: return properties.numericType != nil
            }
        case .spaces:
            return properties.generalCategory == .spaceSeparator || [0x85, 0x2028, 0x2029].contains(scalar.value)
        }
    }

    private func containsASCII(_ scalar: Unicode.Scalar) -> Bool {
        switch (self, scalar) {
        case (.digits, "0"..."9"): true
        case (.words, "0"..."9"), (.words, "A"..."Z"), (.words, "a"..."z"), (.words, "_"): true
        case (.spaces, " "), (.spaces, "\t"..."\r"), (.spaces, "\u{1C}"..."\u{1F}"): true
        default: false
        }
    }
}
