/// Parses text as Go's `strconv` does, as upstream does with flags in annotations and with environment variables.
enum GoLiteral {
    /// `ParseBool`; nil if it is invalid.
    static func boolean(_ text: String) -> Bool? {
        switch text {
        case "1", "t", "T", "true", "TRUE", "True": true
        case "0", "f", "F", "false", "FALSE", "False": false
        default: nil
        }
    }

    /// `ParseInt` with base 0 and 64 bits: an optional sign, an optional prefix `0x`, `0o`, `0b` or `0` (octal), and
    /// digits with single underscores between them or after the prefix. Nil if it is invalid.
    static func integer(_ text: String) -> Int64? {
        var digits = Substring(text)
        let sign = digits.first == "-" || digits.first == "+" ? String(digits.removeFirst()) : ""
        var radix = 10
        if digits.first == "0", digits.count > 1 {
            let prefixes: [Character: Int] = ["x": 16, "X": 16, "o": 8, "O": 8, "b": 2, "B": 2]
            let second = digits[digits.index(after: digits.startIndex)]
            radix = prefixes[second] ?? 8
            digits = digits.dropFirst(prefixes[second] == nil ? 1 : 2)
            // An underscore may follow the prefix.
            if digits.first == "_" { digits.removeFirst() }
        }
        let groups = digits.split(separator: "_", omittingEmptySubsequences: false)
        // Int64's own parser would accept a sign here.
        guard groups.allSatisfy({ group in !group.isEmpty && group.allSatisfy { $0.isHexDigit && $0.isASCII } }) else {
            return nil
        }
        return Int64(sign + groups.joined(), radix: radix)
    }
}
