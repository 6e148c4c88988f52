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

    /// How an instance fares, worst first.
    enum State: Int, Comparable {
        case down
        case unassigned
        case stale
        case unknown
        case up

        /// The worse state is less.
        static func < (left: State, right: State) -> Bool { left.rawValue < right.rawValue }

        var word: String {
            switch self {
            case .down: "Down"
            case .unassigned: "Unassigned"
            case .stale: "Stale"
            case .unknown: "Unknown"
            case .up: "Up"
            }
        }
    }

    /// One instance.
    struct Row {
        let check: String
        let source: String
        let node: String
        let state: State
        /// For how long, in words; empty if that is not known.
        var since = ""
        var error = ""
        /// How long ago the agent said so, how long ago it last succeeded, and how long its last run took; empty if
        /// that is not known.
        var age = ""
        var success = ""
        var took = ""

        var cells: [String] { [check, source, node, state.word, since, error] }
        var wideCells: [String] { [check, source, node, state.word, since, age, success, took, error] }
        /// What is told again when it changes.
        var news: String { "\(check) \(source) \(node) \(state.word) \(error)" }
    }

    private static let heads = ["CHECK", "SOURCE", "NODE", "STATE", "SINCE", "LAST ERROR"]
    private static let wideHeads = [
        "CHECK", "SOURCE", "NODE", "STATE", "SINCE", "AGE", "LAST SUCCESS", "TOOK", "LAST ERROR",
    ]

    /// The rows that are shown, in order.
    let rows: [Row]

    /// - Parameter state: the answer to "who runs what".
    init(_ state: JSONValue, _ filter: Filter) {
        let placed = (state["nodes"]?.arrayValue ?? []).flatMap { node in
            (node["configs"]?.arrayValue ?? []).flatMap { config in
                Self.ids(config["instance_ids"]).map { Self.row($0, config["config"] ?? .null, on: node) }
            }
        }
        let reasons = state["dangling_reasons"]?.arrayValue ?? []
        let ids = state["dangling_instance_ids"]?.arrayValue ?? []
        let dangling = (state["dangling"]?.arrayValue ?? []).enumerated().flatMap { index, config in
            let reason = reasons.indices.contains(index) ? reasons[index].stringValue ?? "" : ""
            let known = Self.ids(ids.indices.contains(index) ? ids[index] : nil)
            let shown = known.isEmpty ? [config["check_name"]?.stringValue ?? ""] : known
            return shown.map {
                Row(check: $0, source: Self.source(config), node: "", state: .unassigned, error: reason)
            }
        }
        rows = (placed + dangling).filter { filter.shows($0) }.sorted {
            ($0.state, ExactText($0.check), ExactText($0.source)) < (
                $1.state, ExactText($1.check), ExactText($1.source)
            )
        }
    }

    private static func ids(_ json: JSONValue?) -> [String] { (json?.arrayValue ?? []).compactMap(\.stringValue) }

    private static func row(_ id: String, _ config: JSONValue, on node: JSONValue) -> Row {
        let name = node["name"]?.stringValue ?? ""
        guard let result = node["results"]?[id], let isUp = result["up"]?.boolValue else {
            return Row(check: id, source: source(config), node: name, state: .unknown)
        }
        func time(_ key: String) -> String { result[key]?.integerValue.map(shownTime) ?? "" }
        let kind = result["kind"]?.stringValue ?? ""
        let isStale = result["stale"]?.boolValue == true
        var row = Row(
            check: id, source: source(config), node: name, state: isStale ? .stale : isUp ? .up : .down,
            since: time("lasted"), error: isUp ? "" : "\(kind): \(result["reason"]?.stringValue ?? "")")
        row.age = time("age")
        row.success = time("succeeded").isEmpty ? "never" : time("succeeded")
        row.took = result["took_ms"]?.integerValue.map { "\($0)ms" } ?? ""
        return row
    }

    /// Where a config comes from, without the name of the provider before it.
    private static func source(_ config: JSONValue) -> String {
        let source = config["source"]?.stringValue ?? ""
        guard let place = source.firstRange(of: "://"),
            let colon = source[..<place.lowerBound].lastIndex(of: ":")
        else { return source }
        return String(source[source.index(after: colon)...])
    }

    /// The table.
    ///
    /// - Parameter known: what has been told already; nil to tell all, below a head.
    /// - Returns: the text, and what has been told then.
    func text(isWide: Bool, known: Set<ExactText>? = nil) -> (text: String, known: Set<ExactText>) {
        let head = isWide ? Self.wideHeads : Self.heads
        let new = known.map { known in rows.filter { !known.contains(ExactText($0.news)) } } ?? rows
        let lines = (known == nil ? [head] : []) + new.map { (isWide ? $0.wideCells : $0.cells).map(visibleLine) }
        let widths = head.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        let texts = lines.map { cells in
            let padded = zip(cells, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
            return trimmed(padded.joined(separator: "   "))
        }
        return (texts.joined(separator: "\n"), Set(texts: rows.map(\.news)))
    }

    /// Whether one that is shown fails, or may: nothing has been heard of it for a while.
    var hasFailing: Bool { rows.contains { $0.state == .down || $0.state == .stale } }
}

extension ClusterChecksTable.Filter {
    fileprivate func shows(_ row: ClusterChecksTable.Row) -> Bool {
        let name = row.check.prefix { $0 != ":" }
        let isOfNamespace = namespace.isEmpty || row.source.contains("://\(namespace)/")
        let isOfCheck = check.isEmpty || name == check || row.check == check
        return isOfCheck && isOfNamespace && (node.isEmpty || row.node == node)
            && (!onlyFailing || [.down, .unassigned, .stale].contains(row.state))
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
