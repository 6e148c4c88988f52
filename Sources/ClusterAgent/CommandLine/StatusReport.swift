import JSON
import Platform

/// The output of `status`: upstream's words, and what they do not say.
struct StatusReport {
    /// The answer to who looks at a glance.
    let overview: JSONValue
    /// Whether the leader said so to a follower.
    let isForwarded: Bool

    var text: String {
        visibleLines(role + contacts + counts + ProblemLines(overview).short)
    }

    private var role: [String] {
        if let reason = OverviewNotice(overview).text { return ["Status: \(reason)"] }
        let left = overview["warmup_left_s"]?.integerValue
        let doing = left.map { "warming up, for \($0) s at most" } ?? "serving requests"
        return ["Status: \(isForwarded ? "Follower; the leader says" : "Leader"), \(doing)"]
    }

    private var contacts: [String] {
        var lines: [String] = []
        if let leader = overview["leader"] {
            let name = leader["name"]?.stringValue ?? ""
            let word = overview["is_last_known"]?.boolValue == true ? "Last leader" : "Leader"
            lines.append("\(word): \(name.isEmpty ? "the only replica" : name), for \(ago(leader["since_ms"]) ?? "?")")
        }
        let replicas = (overview["replicas"]?.arrayValue ?? []).filter { $0["role"]?.stringValue != "leader" }
        lines += replicas.map { replica in
            "Replica: \(replica["name"]?.stringValue ?? ""), \(replica["role"]?.stringValue ?? "")"
        }
        if let contact = ago(overview["api_contact_ms"]) { lines.append("Kubernetes API: answered \(contact) ago") }
        if let end = overview["certificate_expires_ms"]?.integerValue {
            let left = (end - time) / 1000
            lines.append(left > 0 ? "Certificate: expires in \(shownTime(left))" : "Certificate: expired")
        }
        return lines
    }

    private var counts: [String] {
        func count(_ key: String) -> Int64 { overview["counts"]?[key]?.integerValue ?? 0 }
        let lines = [
            "Active agents: \(count("nodes"))", "Check Configurations: \(count("configs"))",
            "  - Dispatched: \(count("dispatched"))", "  - Unassigned: \(count("dangling"))",
            "Check Instances: \(count("passing")) up, \(count("failing")) down, \(count("stale")) stale, "
                + "\(count("unknown")) not heard of yet",
        ]
        return lines + (count("endpoints_checks") > 0 ? ["Endpoints checks: \(count("endpoints_checks"))"] : [])
    }

    /// The time now, by the clock of the overview's maker.
    private var time: Int64 { (overview["now_ms"]?.integerValue ?? 0) + (overview["age_ms"]?.integerValue ?? 0) }

    private func ago(_ json: JSONValue?) -> String? {
        json?.integerValue.map { shownTime(max(0, (time - $0) / 1000)) }
    }
}

/// What to say of an overview that is not the leader's.
struct OverviewNotice {
    /// Why it is not, and how old it is; nil if it is the leader's.
    let text: String?

    init(_ overview: JSONValue) {
        guard overview["is_last_known"]?.boolValue == true else {
            text = nil
            return
        }
        let age = shownTime((overview["age_ms"]?.integerValue ?? 0) / 1000)
        text = "\(overview["reason"]?.stringValue ?? "nobody leads"); this was so \(age) ago"
    }
}
