import CheckModel
import ClusterChecks
import JSON
import Platform

/// The results that an overview tells: what a leader that begins knows of checks until their agents speak.
struct RememberedResults {
    /// By node, with how long ago the agent had said so when the overview was made.
    let nodes: [(node: String, results: [CheckResults.Remembered])]

    /// The most bytes of an overview that are read.
    private static let limit = 64 << 20

    /// - Parameters:
    ///   - rest: an overview without its freshness.
    ///   - age: how long ago it was made.
    init(_ rest: [UInt8], age: Duration) {
        let limits = JSONLimits(bytes: Self.limit, keyBytes: 1 << 20)
        let text = [UInt8(ascii: "{")] + rest.dropFirst()
        guard let overview = try? JSONValue(parsing: text, limits: limits), let time = Self.time(overview["now_ms"])
        else {
            nodes = []
            return
        }
        let names = (overview["nodes"]?.arrayValue ?? []).map { $0["id"]?.stringValue ?? "" }
        var found = names.map { _ in [CheckResults.Remembered]() }
        for row in overview["checks"]?.arrayValue ?? [] {
            guard let fields = row.arrayValue, fields.count >= 9,
                let node = fields[2].integerValue.flatMap({ Int(exactly: $0) }), names.indices.contains(node),
                let result = Self.result(fields, at: time)
            else { continue }
            found[node].append(CheckResults.Remembered(result: result.0, age: result.age + age))
        }
        nodes = zip(names, found).filter { !$0.1.isEmpty }.map { ($0.0, $0.1) }
    }

    /// A number of milliseconds; nil for one that no clock shows.
    private static func time(_ json: JSONValue?) -> Int64? {
        json?.integerValue.flatMap { (0..<1 << 50).contains($0) ? $0 : nil }
    }

    /// - Returns: nil for an instance of which nothing was known.
    private static func result(_ fields: [JSONValue], at time: Int64) -> (CheckResult, age: Duration)? {
        guard let id = fields[0].stringValue, let said = Self.time(fields[8]) else { return nil }
        func before(_ field: Int) -> Duration? {
            Self.time(fields[field]).map { .milliseconds(max(0, said - $0)) }
        }
        guard id.utf8.count <= CheckResult.longestID else { return nil }
        // The kind stands before the reason.
        let reason = (fields[6].stringValue ?? "").split(separator: ": ", maxSplits: 1)
        let isUp = fields[3].stringValue == "up" || fields[3].stringValue == "stale" && reason.isEmpty
        let result = CheckResult(
            id: id, isUp: isUp, kind: isUp ? "" : String(reason.first ?? ""),
            reason: isUp || reason.count < 2 ? "" : String(reason[1]), lasted: before(4) ?? .zero,
            lastSuccess: before(5), duration: .milliseconds(Self.time(fields[7]) ?? 0))
        return (result, .milliseconds(max(0, time - said)))
    }
}
