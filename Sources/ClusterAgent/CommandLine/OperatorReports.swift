import CheckModel
import JSON
import Platform

/// The output of `clusterchecks`, in the words of upstream's command.
struct ClusterChecksReport {
    let state: JSONValue
    /// The only check to show; empty for all.
    let check: String

    var text: String {
        var lines: [String] = []
        if state["warmup"]?.boolValue == true { lines += ["", "=== Warmup in progress ==="] }
        let dangling = shown(state["dangling"]?.arrayValue ?? [])
        let reasons = state["dangling_reasons"]?.arrayValue ?? []
        let ids = state["dangling_instance_ids"]?.arrayValue ?? []
        if !dangling.isEmpty {
            lines += ["", "=== Unassigned configurations ==="]
            for (index, config) in dangling {
                let reason = reasons.indices.contains(index) ? reasons[index].stringValue ?? "" : ""
                let known = ids.indices.contains(index) ? ids[index].arrayValue ?? [] : []
                lines += block(config, ids: known.compactMap(\.stringValue)) + ["Unassigned because: \(reason)", "==="]
            }
        }
        lines += ProblemLines(state).long + nodeLines
        let endpoints = state["endpoints_checks"]?.integerValue ?? 0
        if endpoints > 0 { lines += ["", "===== \(endpoints) Pod-backed Endpoints-Checks scheduled ====="] }
        return visibleLines(lines)
    }

    private var nodeLines: [String] {
        let nodes = state["nodes"]?.arrayValue ?? []
        guard !nodes.isEmpty else {
            return [
                "", "=== Zero agent reporting ===",
                "No check will be dispatched until agents report to the cluster-agent",
            ]
        }
        var lines = ["", "=== \(nodes.count) agents reporting ===", ""]
        let rows = nodes.map { node in
            (
                node["name"]?.stringValue ?? "", String(node["configs"]?.arrayValue?.count ?? 0),
                (node["conditions"]?.arrayValue ?? []).compactMap(\.stringValue).joined(separator: "; ")
            )
        }
        let width = max(4, rows.map { terminalColumns($0.0) }.max() ?? 0)
        lines.append(padded("Name", to: width) + "  Running checks")
        lines += rows.map {
            padded($0.0, to: width) + "  " + ($0.2.isEmpty ? $0.1 : padded($0.1, to: 14) + "  " + $0.2)
        }
        for node in nodes {
            let configs = (node["configs"]?.arrayValue ?? []).filter { isShown($0["config"] ?? .null) }
            guard !configs.isEmpty else { continue }
            lines += ["", "===== Checks on \(node["name"]?.stringValue ?? "") ====="]
            for placed in configs {
                let ids = (placed["instance_ids"]?.arrayValue ?? []).compactMap(\.stringValue)
                lines += block(placed["config"] ?? .null, ids: ids) + ["==="]
                lines += ids.flatMap { id in
                    result(of: id, in: node["results"]?[id]) + statistics(of: id, in: node["stats"]?[id])
                }
            }
        }
        return lines
    }

    private func block(_ config: JSONValue, ids: [String]) -> [String] {
        var lines = ["", "=== \(config["check_name"]?.stringValue ?? "") check ==="]
        lines.append("Configuration provider: \(config["provider"]?.stringValue ?? "")")
        lines.append("Configuration source: \(config["source"]?.stringValue ?? "")")
        for (index, instance) in (config["instances"]?.arrayValue ?? []).enumerated() {
            if ids.indices.contains(index) { lines.append("Config for instance ID: \(ids[index])") }
            lines += [decoded(instance), "~"]
        }
        lines += ["Init Config:", decoded(config["init_config"] ?? .null)]
        if let logs = config["logs"], logs != .null { lines += ["Log Config:", decoded(logs)] }
        return lines
    }

    /// How an instance fares, as its agent said, and how long ago it said so.
    private func result(of id: String, in result: JSONValue?) -> [String] {
        guard let result, let isUp = result["up"]?.boolValue else { return [] }
        func time(_ key: String) -> String? { result[key]?.integerValue.map { shownTime($0) } }
        let age =
            result["stale"]?.boolValue == true ? "stale: told \(time("age") ?? "?") ago" : "\(time("age") ?? "?") ago"
        let state = isUp ? "up" : "down (\(result["kind"]?.stringValue ?? ""))"
        var lines = ["State of \(id): \(state) for \(time("lasted") ?? "?"), \(age)"]
        if let reason = result["reason"]?.stringValue { lines.append("  Reason: \(reason)") }
        if !isUp { lines.append("  Last success: \(time("succeeded").map { "\($0) ago" } ?? "never")") }
        return lines
    }

    private func statistics(of id: String, in stats: JSONValue?) -> [String] {
        guard let stats else { return [] }
        func number(_ key: String) -> Int64 { stats[key]?.integerValue ?? 0 }
        var lines = ["Instance ID: \(id) [\(stats["LastExecFailed"]?.boolValue == true ? "ERROR" : "OK")]"]
        lines.append("  Total Runs: \(number("TotalRuns"))")
        for (name, last) in [
            ("Metric Samples", "MetricSamples"), ("Events", "Events"), ("Service Checks", "ServiceChecks"),
        ] {
            lines.append("  \(name): Last Run: \(number(last)), Total: \(number("Total" + last))")
        }
        lines.append("  Average Execution Time : \(number("AverageExecutionTime"))ms")
        if let error = stats["LastError"]?.stringValue, !error.isEmpty { lines.append("  Last Error: \(error)") }
        return lines
    }

    private func shown(_ configs: [JSONValue]) -> [(Int, JSONValue)] {
        configs.enumerated().filter { isShown($0.element) }.map { ($0.offset, $0.element) }
    }

    private func isShown(_ config: JSONValue) -> Bool {
        check.isEmpty || config["check_name"]?.stringValue == check
    }

    /// The text of a base64 string; the instance is JSON, which is YAML.
    private func decoded(_ json: JSONValue) -> String {
        guard let text = json.stringValue, let bytes = Base64.decode(text.utf8) else { return "" }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// The output of `clusterchecks rebalance` and `clusterchecks isolate`.
enum MoveReport {
    /// A total with what an operator should know, and one line for each move.
    static func rebalanced(_ answer: JSONValue) -> String {
        let moves = answer["moves"]?.arrayValue ?? []
        let isDry = answer["dry_run"]?.boolValue == true
        let lines = moves.map { move in
            func text(_ key: String) -> String { move[key]?.stringValue ?? "" }
            func number(_ key: String) -> Int64 { move[key]?.integerValue ?? 0 }
            let gain = if case .number(let text)? = move["gain"] { (Double(text) ?? 0) * 100 } else { 0.0 }
            return "Check \(text("check_id")) with weight \(number("check_weight")) \(isDry ? "would move" : "moved") "
                + "from node \(text("source_node_name")) to \(text("dest_node_name")). source diff: "
                + "\(number("source_diff")), dest diff: \(number("dest_diff")), evens out: \(Int(gain.rounded())) %"
        }
        let total =
            isDry
            ? "\(moves.count) cluster checks would be moved" : "\(moves.count) cluster checks rebalanced successfully"
        let note = answer["note"]?.stringValue ?? ""
        return visibleLines([note.isEmpty ? total : "\(total): \(note)"] + lines)
    }

    static func isolated(_ answer: JSONValue) -> String {
        let id = answer["check_id"]?.stringValue ?? ""
        guard answer["is_isolated"]?.boolValue == true else {
            return visibleLine("Check \(id) could not be isolated: \(answer["reason"]?.stringValue ?? "")")
        }
        return visibleLine(answer["done"]?.stringValue ?? "Check \(id) was isolated")
    }
}

/// The output of `clusterchecks history`.
enum HistoryReport {
    /// One line for each entry, the oldest first.
    static func text(_ answer: JSONValue) -> String {
        let entries = (answer["history"]?.arrayValue ?? []).compactMap { HistoryEntry($0) }
        let isLastKnown = answer["is_last_known"]?.boolValue == true
        let notice = isLastKnown ? ["Nobody leads; this is what this replica knows:"] : []
        guard !entries.isEmpty else {
            return visibleLines(notice + ["Nothing is known to have happened in this time."])
        }
        return visibleLines(notice + entries.map(\.line))
    }
}

/// The output of `clusterchecks explain`.
enum ExplanationReport {
    static func text(_ answer: JSONValue) -> String {
        func text(_ key: String) -> String { answer[key]?.stringValue ?? "" }
        func number(_ key: String) -> String { if case .number(let text)? = answer[key] { text } else { "" } }
        var lines = ["Check: \(text("check_id"))", "Config: \(text("config"))"]
        lines.append(text("node").isEmpty ? "Node: none" : "Node: \(text("node"))")
        lines.append("Why: \(text("reason"))")
        let basis =
            switch text("cost_known_from") {
            case "stated": "its author states it"
            case "measured": "measured where it runs"
            case "estimated": "as others of its check"
            default: "one for each instance, since nothing is known"
            }
        lines.append("Cost: \(number("cost")) usual instances (\(basis))")
        if !text("node").isEmpty {
            lines.append(
                "Load of its node for each worker: \(number("node_load")); mean of all: \(number("mean_load"))")
        }
        let obstacles = answer["obstacles"]?.arrayValue ?? []
        lines.append("Nodes that may run it: \(number("eligible_nodes"))")
        lines += obstacles.map { "  not \($0["node"]?.stringValue ?? ""): \($0["reason"]?.stringValue ?? "")" }
        let stays = (answer["stays_because"]?.arrayValue ?? []).compactMap(\.stringValue)
        lines.append(
            stays.isEmpty ? "Rebalancing may move it" : "Rebalancing leaves it: \(stays.joined(separator: "; "))")
        if !text("node").isEmpty {
            lines.append(
                text("next_node").isEmpty
                    ? "If its node leaves, no other may run it" : "If its node leaves, it goes to \(text("next_node"))")
        }
        return visibleLines(lines)
    }
}

/// The output of `clusterchecks simulate`.
enum SimulationReport {
    static func text(_ answer: JSONValue) -> String {
        func number(_ key: String) -> String { if case .number(let text)? = answer[key] { text } else { "" } }
        let entries = (answer["entries"]?.arrayValue ?? []).compactMap { HistoryEntry($0) }
        let lines = entries.map(\.what)
        let total =
            "\(number("moves")) checks would move; the heaviest node would have \(number("heaviest_after")) times the mean "
            + "load, and has \(number("heaviest_before")) times"
        return visibleLines([total] + lines)
    }
}
