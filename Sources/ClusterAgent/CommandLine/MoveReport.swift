import CheckModel
import JSON

/// What `clusterchecks rebalance` and `isolate` print.
enum MoveReport {
    /// The text for a rebalancing: one line for each move.
    static func rebalanced(_ answer: JSONValue) -> String {
        let moves = answer.arrayValue ?? []
        let lines = moves.map { move in
            func text(_ key: String) -> String { move[key]?.stringValue ?? "" }
            func number(_ key: String) -> Int64 { move[key]?.integerValue ?? 0 }
            let id = text("check_name") + ":" + text("digest")
            return "Check \(id) with weight \(number("check_weight")) moved from node \(text("source_node_name")) to "
                + "\(text("dest_node_name")). source diff: \(number("source_diff")), dest diff: \(number("dest_diff"))"
        }
        return (["\(moves.count) cluster checks rebalanced successfully"] + lines).joined(separator: "\n")
    }

    /// The text for an isolation.
    static func isolated(_ answer: JSONValue) -> String {
        let id = answer["check_id"]?.stringValue ?? ""
        guard answer["is_isolated"]?.boolValue == true else {
            return "Check \(id) could not be isolated: \(answer["reason"]?.stringValue ?? "")"
        }
        return "Check \(id) isolated successfully on node \(answer["check_node"]?.stringValue ?? "")"
    }
}
