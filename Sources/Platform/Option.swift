/// One row of an option table: its key, what it takes, its default and its line of help.
///
/// Keys are Datadog's where one exists. A value is set by, highest first: `--key=value`, the environment variable
/// `environmentName`, the file given by `--config=FILE`, the default.
package struct Option<Value: Sendable>: Sendable {
    /// The key, such as `cluster_checks.warmup_duration`.
    package let key: String
    /// What values are allowed, for messages and tables, such as `duration from 0s to 1h`.
    package let allowed: String
    /// The default as it would be written.
    package let defaultText: String
    /// One line for people.
    package let help: String
    let defaultValue: Value
    let isSecret: Bool
    /// What the option file may have for it.
    let forms: Set<OptionFileForm>
    let parse: @Sendable (String) -> Value?

    init(
        _ key: String, allowed: String, default defaultText: String, value: Value, help: String, isSecret: Bool = false,
        forms: Set<OptionFileForm> = OptionFileForm.all, parse: @escaping @Sendable (String) -> Value?
    ) {
        self.key = key
        self.allowed = allowed
        self.defaultText = defaultText
        self.defaultValue = value
        self.help = help
        self.isSecret = isSecret
        self.forms = forms
        self.parse = parse
    }
}

extension Option where Value == String {
    /// Any text; `accepts` may narrow it, and `allowed` then says to what. A secret is never printed. A number, a
    /// boolean or a list of the option file is none: YAML has read it, so that its text may be another than the
    /// author's. A text that is JSON or YAML itself may be a list there.
    package static func text(
        _ key: String, default value: String = "", allowed: String = "text", help: String,
        isSecret: Bool = false, takesList: Bool = false,
        accepts: @escaping @Sendable (String) -> Bool = { _ in true }
    ) -> Option {
        Option(
            key, allowed: allowed, default: value, value: value, help: help, isSecret: isSecret,
            forms: takesList ? [.text, .list] : [.text]
        ) {
            accepts($0) ? $0 : nil
        }
    }

    /// A text that narrows what a command shows or does. An empty one is an error, not everything: it comes from a
    /// variable of the shell that is not set.
    package static func nonEmptyText(_ key: String, help: String) -> Option {
        text(key, allowed: "a text that is not empty", help: help) { !$0.isEmpty }
    }

    /// One of `choices`.
    package static func choice(_ key: String, of choices: [String], default value: String, help: String) -> Option {
        let allowed = choices.joined(separator: ", ")
        return Option(key, allowed: "one of " + allowed, default: value, value: value, help: help) {
            choices.contains($0) ? $0 : nil
        }
    }
}

extension Option where Value == Bool {
    /// `true` or `false`; a bare `--key` is true.
    package static func flag(_ key: String, default value: Bool, help: String) -> Option {
        Option(key, allowed: "true or false", default: String(value), value: value, help: help) { text in
            switch text {
            case "true", "1", "yes": true
            case "false", "0", "no": false
            default: nil
            }
        }
    }
}

extension Option where Value == Int {
    /// A whole number in `range`.
    package static func integer(_ key: String, in range: ClosedRange<Int>, default value: Int, help: String) -> Option {
        Option(
            key, allowed: "number from \(range.lowerBound) to \(range.upperBound)", default: String(value),
            value: value,
            help: help
        ) { text in
            Int(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }
}

extension Option where Value == Duration {
    /// A duration in `range`: seconds (`30`, `1.5`) or with a unit (`500ms`, `30s`, `2m`, `1h`).
    package static func duration(
        _ key: String, in range: ClosedRange<Duration>, default value: Duration, help: String
    ) -> Option {
        let allowed = "duration from \(durationText(range.lowerBound)) to \(durationText(range.upperBound))"
        return Option(key, allowed: allowed, default: durationText(value), value: value, help: help) { text in
            parseDuration(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }
}

extension Option where Value == [String] {
    /// A list: `one,two`, or a JSON array of strings.
    package static func list(_ key: String, help: String) -> Option {
        Option(key, allowed: "list: one,two or [\"one\",\"two\"]", default: "", value: [], help: help) { parseList($0) }
    }
}

/// A duration as text: seconds, or a number with one of the units `ms`, `s`, `m`, `h`. Nil if it is neither.
package func parseDuration(_ text: String) -> Duration? {
    let units: [(suffix: String, milliseconds: Double)] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)]
    let unit = units.first { text.hasSuffix($0.suffix) } ?? ("", 1000)
    let number = text.dropLast(unit.suffix.count)
    let isPlain = number.utf8.allSatisfy { ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x2E }
    guard isPlain, number.utf8.first != 0x2E, let value = Double(number), value * unit.milliseconds < 1e12 else {
        return nil
    }
    return .milliseconds(Int64((value * unit.milliseconds).rounded()))
}

/// A duration in the shortest unit that is whole: `500ms`, `30s`, `2m`, `1h`.
package func durationText(_ duration: Duration) -> String {
    let milliseconds = duration.nanoseconds / 1_000_000
    if milliseconds % 1000 != 0 { return "\(milliseconds)ms" }
    let seconds = milliseconds / 1000
    if seconds == 0 || seconds % 60 != 0 { return "\(seconds)s" }
    return seconds % 3600 == 0 ? "\(seconds / 3600)h" : "\(seconds / 60)m"
}

/// `one,two` or a JSON array of strings without escapes other than `\"` and `\\`; nil if it begins like the latter and
/// is not.
private func parseList(_ text: String) -> [String]? {
    guard text.hasPrefix("[") else {
        return text.isEmpty
            ? [] : text.split(separator: ",", omittingEmptySubsequences: false).map { trimmed(String($0)) }
    }
    var rest = Substring(text.dropFirst())
    var items: [String] = []
    func skipSpaces() { rest = rest.drop { $0 == " " } }
    skipSpaces()
    if rest == "]" { return [] }
    while true {
        skipSpaces()
        guard rest.popFirst() == "\"", let item = takeQuoted(&rest) else { return nil }
        items.append(item)
        skipSpaces()
        switch rest.popFirst() {
        case ",": continue
        case "]": return rest.allSatisfy { $0 == " " } ? items : nil
        default: return nil
        }
    }
}

private func takeQuoted(_ rest: inout Substring) -> String? {
    var item = ""
    while let character = rest.popFirst() {
        switch character {
        case "\"": return item
        case "\\":
            guard let escaped = rest.popFirst(), escaped == "\"" || escaped == "\\" else { return nil }
            item.append(escaped)
        default: item.append(character)
        }
    }
    return nil
}

/// `text` without white space (space, tab, CR, LF) at either end.
package func trimmed(_ text: String) -> String {
    let isSpace = { (byte: UInt8) in byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }
    let bytes = Array(text.utf8)
    guard let first = bytes.firstIndex(where: { !isSpace($0) }), let last = bytes.lastIndex(where: { !isSpace($0) })
    else { return "" }
    return String(decoding: bytes[first...last], as: UTF8.self)
}
