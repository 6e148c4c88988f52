/// All options of one program, in the order of its help.
package struct OptionTable: Sendable {
    struct Row: Sendable {
        let key: String
        let allowed: String
        let defaultText: String
        let help: String
        let isFlag: Bool
        let forms: Set<OptionFileForm>
        let isSecret: Bool
        /// The value as its type, or nil if the text is not allowed.
        let parse: @Sendable (String) -> (any Sendable)?
    }

    private(set) var rows: [Row] = []

    /// A table of these rows.
    package init<each Value>(_ options: repeat Option<each Value>) {
        repeat add(each options)
    }

    private mutating func add<Value>(_ option: Option<Value>) {
        rows.append(
            Row(
                key: option.key, allowed: option.allowed, defaultText: option.defaultText, help: option.help,
                isFlag: Value.self == Bool.self, forms: option.forms,
                isSecret: option.isSecret, parse: { option.parse($0) }))
    }

    /// The rows of one table, then those of another.
    package static func + (first: OptionTable, second: OptionTable) -> OptionTable {
        var table = first
        table.rows += second.rows
        return table
    }

    /// The environment variable of a key: `DD_`, upper case, `.` → `_`. No bare `KEY`, which Kubernetes' service links
    /// would set.
    package static func environmentName(of key: String) -> String {
        "DD_" + key.uppercased().map { $0 == "." ? "_" : String($0) }.joined()
    }

    /// The rows as aligned text for `--help`.
    package var helpText: String {
        rows.map { row in
            let value = row.defaultText.isEmpty ? "" : " (default \(row.defaultText))"
            return "  --\(row.key)=…\n      \(row.help)\n      \(row.allowed)\(value)"
        }.joined(separator: "\n")
    }

    /// The rows as the table of a Markdown document; the README's is this text.
    package var markdown: String {
        let head = "| option | default | allowed | what it does |\n|---|---|---|---|"
        return rows.reduce(head) { text, row in
            let value = row.defaultText.isEmpty ? "–" : "`\(row.defaultText)`"
            return text + "\n| `\(row.key)` | \(value) | \(row.allowed) | \(row.help) |"
        }
    }
}

/// What a value is in an option file.
package enum OptionFileForm: String, Sendable {
    /// A text.
    case text
    /// A number, whose text YAML may have rewritten: `0123` is `83`.
    case number
    /// A boolean, which is `true` or `false` whatever its author wrote.
    case boolean
    /// A list, whose text is JSON.
    case list

    static let all: Set<OptionFileForm> = [.text, .number, .boolean, .list]
}

/// What an option file says of a key: its text, nil for null and for a section without keys, and what it is there.
package typealias OptionFileEntry = (key: String, text: String?, form: OptionFileForm)

/// The options of one run: every value was checked against its row.
package struct Options: Sendable {
    private var values: [String: any Sendable] = [:]
    /// Things that are odd but stop nothing, such as an unknown `DD_CLUSTER_CHECKS_…` variable. One line each.
    package private(set) var warnings: [String] = []

    /// Where a value was given, for messages.
    private struct Given {
        let key: String
        /// Nil for a key of the file that has no value: it is as if it were not there.
        let text: String?
        let place: String
        /// What it is in the file; nil for what is not from there.
        var form: OptionFileForm?
    }

    /// The value of `option`: as given, else its default.
    package subscript<Value>(option: Option<Value>) -> Value {
        (values[option.key] as? Value) ?? option.defaultValue
    }

    /// Reads flags, environment and file against the table.
    ///
    /// - Parameters:
    ///   - arguments: `--key=value` each; a bare `--key` sets a flag.
    ///   - environment: the process's; other variables than the rows' are not looked at, but `DD_CLUSTER_CHECKS_…`.
    ///   - file: what the file given by `--config` holds, with dotted keys, and its path; nil without one.
    /// - Throws: `OptionError` with one line for each thing that is wrong.
    package init(
        table: OptionTable, arguments: [String], environment: [String: String],
        file: (path: String, entries: [OptionFileEntry])? = nil
    ) throws(OptionError) {
        var problems: [String] = []
        var given: [Given] = []
        if let file {
            given += file.entries.map {
                Given(key: $0.key, text: $0.text, place: "\(file.path): \(shownName($0.key))", form: $0.form)
            }
        }
        for row in table.rows {
            let name = OptionTable.environmentName(of: row.key)
            if let text = environment[name] { given.append(Given(key: row.key, text: text, place: name)) }
        }
        for argument in arguments {
            switch Self.flag(argument, table) {
            case .success(let flag): given.append(flag)
            case .failure(let error): problems += error.problems
            }
        }
        let rows = Dictionary(table.rows.map { ($0.key, $0) }) { first, _ in first }
        for one in given {
            guard let row = rows[one.key] else {
                let isEmptySection = one.text == nil && table.rows.contains { $0.key.hasPrefix("\(one.key).") }
                if !isEmptySection { problems.append("\(one.place): unknown option; --help lists them") }
                continue
            }
            guard let text = one.text else { continue }
            if let form = one.form, !row.forms.contains(form) {
                let advice = form == .list ? "" : ": put it in quotes"
                problems.append("\(one.place): it is a \(form), not a text\(advice); it takes: \(row.allowed)")
                continue
            }
            guard let value = row.parse(text) else {
                // In a file any value may be a secret, on the wrong line.
                let shown = row.isSecret || one.form != nil ? one.place : "\(one.place)=\(text)"
                problems.append("\(shown): not allowed; it takes: \(row.allowed)")
                continue
            }
            values[one.key] = value
        }
        guard problems.isEmpty else { throw OptionError(problems: problems) }
        warnings = Self.unknownVariables(environment, table)
    }

    /// The problem of an argument that is no option. What may be an option's value, a secret even, is not repeated.
    static func noOption(_ argument: String) -> String {
        let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let shown = parts.count == 2 && !parts[0].isEmpty ? "\(shownName(String(parts[0])))=…" : "an argument alone"
        return "\(shown): options are written --key=value"
    }

    private static func flag(_ argument: String, _ table: OptionTable) -> Result<Given, OptionError> {
        guard argument.hasPrefix("--") else {
            return .failure(OptionError(problems: [noOption(argument)]))
        }
        let parts = argument.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let key = String(parts[0])
        if parts.count == 2 { return .success(Given(key: key, text: String(parts[1]), place: "--\(key)")) }
        guard let row = table.rows.first(where: { $0.key == key }) else {
            return .failure(OptionError(problems: ["--\(key): unknown option; --help lists them"]))
        }
        guard row.isFlag else {
            return .failure(OptionError(problems: ["--\(key): needs a value, --\(key)=…: \(row.allowed)"]))
        }
        return .success(Given(key: key, text: "true", place: "--\(key)"))
    }

    private static func unknownVariables(_ environment: [String: String], _ table: OptionTable) -> [String] {
        let known = Set(table.rows.map { OptionTable.environmentName(of: $0.key) })
        return environment.keys.filter { $0.hasPrefix("DD_CLUSTER_CHECKS_") && !known.contains($0) }.sorted()
            .map { "\($0): unknown option in the environment; it is ignored" }
    }
}

/// Why the options cannot be used: one line for each thing that is wrong, naming the place and what is allowed, and the
/// value unless it is a secret or from a file.
package struct OptionError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The lines.
    package let problems: [String]

    /// An error of these lines.
    package init(problems: [String]) {
        self.problems = problems
    }

    /// The lines, joined.
    package var description: String {
        problems.joined(separator: "\n")
    }
}
