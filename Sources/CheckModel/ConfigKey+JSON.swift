package import JSON
import Platform

extension ConfigKey {
    /// Its JSON: `source` and `check`, and what is not empty of the rest.
    package var encoded: JSONValue {
        var members: [ExactText: JSONValue] = ["source": .string(source), "check": .string(check)]
        if !entry.isEmpty { members["entry"] = .string(entry) }
        if index != 0 { members["index"] = .integer(Int64(index)) }
        if !shard.isEmpty { members["shard"] = .string(shard) }
        return .object(members)
    }

    /// Reads what `encoded` made; nil if it is none.
    package init?(_ json: JSONValue) {
        guard let source = json["source"]?.stringValue, let check = json["check"]?.stringValue else { return nil }
        let index = json["index"].map { $0.integerValue.flatMap(Int.init(exactly:)) } ?? 0
        guard let index, (0...1_000_000_000).contains(index) else { return nil }
        let whole = ConfigKey(source: source, check: check, entry: json["entry"]?.stringValue ?? "", index: index)
        self = json["shard"]?.stringValue.map(whole.shard) ?? whole
    }
}
