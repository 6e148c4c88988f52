/// A text to find in a body. Upstream reads it as a regular expression; this agent accepts only those that are plain
/// text.
struct PlainPattern: Sendable, Hashable {
    let bytes: [UInt8]

    /// A backslash before a special character makes it plain text.
    ///
    /// - Throws: `CheckFailure` that names the special character.
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
            "content_match contains \(character), as regular expressions do; this agent only supports plain text "
                + "(put a backslash before punctuation)")
    }
}
