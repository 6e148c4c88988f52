/// A text as one line that a terminal may get. Control characters, which could move the cursor, hide what is there or
/// begin a line that looks like one of ours, those that change the direction of what follows (Unicode's
/// bidirectional controls), and those that nobody sees stand as `\u{…}`.
package func visibleLine(_ text: String) -> String {
    let isVisible = { (scalar: Unicode.Scalar) in
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x61C, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF,
            0xE0000...0xE007F:
            false
        default: true
        }
    }
    guard !text.unicodeScalars.allSatisfy(isVisible) else { return text }
    var shown = ""
    for scalar in text.unicodeScalars {
        if isVisible(scalar) {
            shown.unicodeScalars.append(scalar)
        } else {
            shown += "\\u{\(String(scalar.value, radix: 16))}"
        }
    }
    return shown
}

/// How many columns of a terminal `text` takes, as far as terminals agree: two for a character that Unicode's UAX #11
/// calls wide and for an emoji, else one. Control characters must have been made visible.
package func terminalColumns(_ text: String) -> Int {
    guard !text.utf8.allSatisfy({ $0 < 0x80 }) else { return text.utf8.count }
    return text.reduce(0) { $0 + ($1.unicodeScalars.contains(where: isWide) ? 2 : 1) }
}

/// A text with blanks behind it, so that it takes `columns` columns of a terminal; as it is if it takes more.
package func padded(_ text: String, to columns: Int) -> String {
    text + String(repeating: " ", count: max(0, columns - terminalColumns(text)))
}

private func isWide(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF,
        0xFE0F, 0xFE30...0xFE6F, 0xFF01...0xFF60, 0xFFE0...0xFFE6, 0x1B000...0x1B2FF, 0x20000...0x3FFFD:
        true
    default: scalar.properties.isEmojiPresentation
    }
}

/// Lines for a terminal, one below the other.
package func visibleLines(_ lines: [String]) -> String {
    lines.map(visibleLine).joined(separator: "\n")
}

/// A name that an input has, such as a key, for an error that tells where something is wrong. What does not look like a
/// name may be a value in the wrong place, a secret even, and is not repeated.
package func shownName(_ name: String) -> String {
    let isName =
        name.utf8.count <= 100 && name.unicodeScalars.allSatisfy { $0.properties.isAlphabetic || isNameSign($0) }
    return isName && !name.isEmpty ? name : "(\(name.utf8.count) bytes that are no name)"
}

private func isNameSign(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "0"..."9", "_", "-", ".", "/": true
    default: false
    }
}

/// The longest prefix of `text` in whole characters with at most `limit` bytes.
package func cut(_ text: String, to limit: Int) -> String {
    guard text.utf8.count > limit else { return text }
    var size = 0
    return String(
        text.prefix { character in
            size += character.utf8.count
            return size <= limit
        })
}
