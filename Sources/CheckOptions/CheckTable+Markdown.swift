import Platform

extension CheckTable {
    /// All tables in Markdown: what `Sources/CHECKS.md` holds.
    package static var markdown: String {
        all.map { table in
            let rows = table.documented.map { option in
                "| `\(option.key)` | \(option.place.rawValue) | \(option.treatment.text) | \(option.note) |"
            }
            return (["## \(table.title)", "", "| option | where | here | note |", "|---|---|---|---|"] + rows)
                .joined(separator: "\n")
        }.joined(separator: "\n\n") + "\n"
    }

    /// Each key once.
    private var documented: [CheckOption] {
        var seen: Set<ExactText> = []
        return options.filter { seen.insert($0.key).inserted }
    }
}

extension CheckOption.Treatment {
    fileprivate var text: String {
        switch self {
        case .followed: "followed"
        case .harmless: "changes nothing"
        case .refused(let harmless) where harmless.isEmpty: "refused"
        case .refused(let harmless):
            "refused unless \(harmless.map { "`\($0)`" }.joined(separator: ", "))"
        }
    }
}
