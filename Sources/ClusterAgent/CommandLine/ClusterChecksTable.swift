import CheckModel
import JSON
import Platform

/// The output of `clusterchecks`: one row for each check instance, those that fail or run nowhere first.
struct ClusterChecksTable {
    /// Which rows are shown; empty for all.
    struct Filter {
        var check = ""
        var node = ""
        var namespace = ""
        var onlyFailing = false

        /// Whether something in particular is asked for.
        var isGiven: Bool { onlyFailing || ![check, node, namespace].allSatisfy(\.isEmpty) }
    }

    /// One instance.
    struct Row {
        let check: String
        let source: String
        let node: String
        /// How it fares; nil if it is gone.
        var standing: OverviewAnswer.Standing?
        let state: String
        /// For how long, in words; empty if that is not known.
        var since = ""
        var error = ""
        /// How long ago the agent said so, how long ago it last succeeded, and how long its last run took; empty if
        /// that is not known.
        var age = ""
        var success = ""
        var took = ""

        var cells: [String] { [check, source, node, state, since, error] }
        var wideCells: [String] { [check, source, node, state, since, age, success, took, error] }
        /// By which it is known again.
        var identity: ExactText { ExactText("\(check) \(source)") }
        /// What is told again when it changes.
        var news: String { "\(node) \(state) \(error)" }
        /// The row once there is no such instance any more.
        var gone: Row { Row(check: check, source: source, node: "", state: "Gone") }
    }

    private static let stateColumn = 3
    /// The widest cell that others are aligned with.
    private static let widest = 100
    private static let heads = ["CHECK", "SOURCE", "NODE", "STATE", "SINCE", "LAST ERROR"]
    private static let wideHeads = [
        "CHECK", "SOURCE", "NODE", "STATE", "SINCE", "AGE", "LAST SUCCESS", "TOOK", "LAST ERROR",
    ]

    /// The rows that are shown, in order.
    let rows: [Row]
    private let all: [Row]

    /// - Parameter overview: the answer to who looks at a glance.
    init(_ overview: JSONValue, _ filter: Filter) {
        let nodes = (overview["nodes"]?.arrayValue ?? []).map { $0["id"]?.stringValue ?? "" }
        let time = (overview["now_ms"]?.integerValue ?? 0) + (overview["age_ms"]?.integerValue ?? 0)
        let rows = (overview["checks"]?.arrayValue ?? []).compactMap { Row($0, nodes, at: time) }
        all = rows
        self.rows = rows.filter { filter.shows($0) }.sorted {
            ($0.standing ?? .up, ExactText($0.check), ExactText($0.source)) < (
                $1.standing ?? .up, ExactText($1.check), ExactText($1.source)
            )
        }
    }

    /// The table.
    ///
    /// - Parameters:
    ///   - isColoured: whether the states have colours, for a terminal.
    ///   - known: the rows that have been told; nil to tell all, below a head.
    /// - Returns: the text, and the rows that have been told then.
    func text(isWide: Bool, isColoured: Bool = false, known: [ExactText: Row]? = nil) -> (
        text: String, known: [ExactText: Row]
    ) {
        let head = isWide ? Self.wideHeads : Self.heads
        let new = known.map { changes(since: $0) } ?? rows
        let lines = (known == nil ? [head] : []) + new.map { (isWide ? $0.wideCells : $0.cells).map(visibleLine) }
        // One long text moves its own row alone.
        let widths = head.indices.map { column in
            lines.map { terminalColumns($0[column]) }.filter { $0 <= Self.widest }.max() ?? 0
        }
        let texts = lines.map { cells in
            let aligned = zip(cells, widths).enumerated().map { column, cell in
                let text = padded(cell.0, to: cell.1)
                return isColoured && column == Self.stateColumn ? Self.coloured(text, cell.0) : text
            }
            return trimmed(aligned.joined(separator: "   "))
        }
        return (texts.joined(separator: "\n"), Self.byIdentity(rows))
    }

    /// A state in the colour that terminals have for it.
    private static func coloured(_ text: String, _ state: String) -> String {
        let colours = ["Down": 31, "Unassigned": 31, "Stale": 33, "Up": 32]
        return colours[state].map { "\u{1B}[\($0)m\(text)\u{1B}[0m" } ?? text
    }

    /// The rows that differ from what was told, and how those are now that are shown no more.
    private func changes(since known: [ExactText: Row]) -> [Row] {
        let (shown, all) = (Self.byIdentity(rows), Self.byIdentity(all))
        let left = known.keys.filter { shown[$0] == nil }.sorted().compactMap { identity in
            all[identity] ?? known[identity]?.gone
        }
        return rows.filter { known[$0.identity]?.news != $0.news } + left
    }

    private static func byIdentity(_ rows: [Row]) -> [ExactText: Row] {
        Dictionary(rows.map { ($0.identity, $0) }) { first, _ in first }
    }

    /// Whether one that is shown fails, or may: nothing has been heard of it for a while, or no node runs it.
    var hasFailing: Bool { rows.contains(where: \.isFailing) }
}

extension ClusterChecksTable.Row {
    fileprivate var isFailing: Bool { standing.map { [.down, .unassigned, .stale].contains($0) } == true }
}

extension ClusterChecksTable.Row {
    /// - Parameters:
    ///   - json: an instance of an overview.
    ///   - nodes: the IDs of its nodes.
    ///   - time: when it was made, in milliseconds since 1970.
    fileprivate init?(_ json: JSONValue, _ nodes: [String], at time: Int64) {
        guard let fields = json.arrayValue, fields.count >= 9, let check = fields[0].stringValue,
            let standing = fields[3].stringValue.flatMap(OverviewAnswer.Standing.init(rawValue:))
        else { return nil }
        func ago(_ field: Int) -> String { fields[field].integerValue.map { shownTime((time - $0) / 1000) } ?? "" }
        let node = fields[2].integerValue.flatMap { Int(exactly: $0) } ?? -1
        self.init(
            check: check, source: fields[1].stringValue ?? "", node: nodes.indices.contains(node) ? nodes[node] : "",
            standing: standing, state: standing.word, since: ago(4), error: fields[6].stringValue ?? "", age: ago(8),
            success: fields[8] == .null ? "" : fields[5] == .null ? "never" : ago(5),
            took: fields[7].integerValue.map { "\($0)ms" } ?? "")
    }
}

extension OverviewAnswer.Standing {
    /// How the table calls it.
    fileprivate var word: String {
        switch self {
        case .down: "Down"
        case .unassigned: "Unassigned"
        case .stale: "Stale"
        case .unknown: "Unknown"
        case .up: "Up"
        }
    }
}

extension ClusterChecksTable.Filter {
    fileprivate func shows(_ row: ClusterChecksTable.Row) -> Bool {
        let name = row.check.prefix { $0 != ":" }
        let isOfNamespace = namespace.isEmpty || row.source.contains("://\(namespace)/")
        let isOfCheck = check.isEmpty || name == check || row.check == check
        return isOfCheck && isOfNamespace && (node.isEmpty || row.node == node)
            && (!onlyFailing || row.isFailing)
    }
}

/// A time in the largest two units that it has, as kubectl writes an age.
func shownTime(_ seconds: Int64) -> String {
    let units: [(name: String, seconds: Int64)] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)]
    let index = units.firstIndex { seconds >= $0.seconds } ?? 3
    let (unit, next) = (units[index], index < 3 ? units[index + 1] : nil)
    let rest = next.map { seconds % unit.seconds / $0.seconds } ?? 0
    return "\(seconds / unit.seconds)\(unit.name)" + (rest > 0 ? "\(rest)\(next?.name ?? "")" : "")
}
