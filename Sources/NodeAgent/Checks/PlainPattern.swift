/// A text to look for in a body. Upstream takes it as a regular expression; this agent only takes those that mean plain text.
struct PlainPattern: Sendable, Hashable {
    /// The bytes to find.
    let bytes: [UInt8]

    /// - Throws: `CheckFailure` naming the character that makes it more than plain text. A backslash before it makes it plain.
    init(_ pattern: String) throws(CheckFailure) {
        var plain = ""
        var isEscaped = false
        for character in pattern {
            if isEscaped {
                guard !character.isLetter, !character.isNumber else { throw Self.failure("\\\(character)") }
                plain.append(character)
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else if #".^$*+?()[]{}|"#.contains(character) {
                throw Self.failure(String(character))
            } else {
                plain.append(character)
            }
        }
        guard !isEscaped else { throw Self.failure("\\") }
        bytes = Array(plain.utf8)
    }

    func isFound(in body: [UInt8]) -> Bool {
        guard let first = bytes.first else { return true }
        guard body.count >= bytes.count else { return false }
        return (0...(body.count - bytes.count)).contains { start in
            body[start] == first && body[start..<start + bytes.count].elementsEqual(bytes)
        }
    }

    private static func failure(_ character: String) -> CheckFailure {
        CheckFailure(
            .config,
            "content_match has \(character), which is a regular expression; this agent only finds plain text "
                + "(a backslash makes a punctuation character plain)")
    }
}
