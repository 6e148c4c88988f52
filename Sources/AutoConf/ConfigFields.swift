import CheckModel
import JSON
import Platform

/// Reads the members of a JSON object by type; null counts as missing. It knows which members were not read.
struct ConfigFields {
    private let members: [ExactText: JSONValue]
    private let place: String
    private var read: Set<ExactText> = []

    /// The members of `json`. `place` is where it is, for errors; it may be empty.
    init(_ json: JSONValue, place: String) throws(AutoConfError) {
        self.place = place.isEmpty ? "" : "\(place): "
        guard case .object(let members) = json else {
            throw AutoConfError("\(self.place)\(json.kind), not an object")
        }
        self.members = members
    }

    /// A warning for each key that was not read, sorted.
    var unknownKeys: [String] {
        members.keys.filter { !read.contains($0) }.sortedTexts().map { "\(place)unknown key \(shownName($0))" }
    }

    /// Fails for a key that was not read.
    func refuseUnknownKeys() throws(AutoConfError) {
        if let key = unknownKeys.first { throw AutoConfError(key) }
    }

    mutating func string(_ key: String) throws(AutoConfError) -> String? {
        guard let value = value(key) else { return nil }
        guard let text = value.stringValue else { throw mismatch(key, value, "a string") }
        return text
    }

    /// A required string that is not empty.
    mutating func name(_ key: String) throws(AutoConfError) -> String {
        let text = try string(key) ?? ""
        guard !text.isEmpty else { throw AutoConfError("\(place)\(key) is missing") }
        return text
    }

    mutating func bool(_ key: String) throws(AutoConfError) -> Bool? {
        guard let value = value(key) else { return nil }
        guard let bool = value.boolValue else { throw mismatch(key, value, "a boolean") }
        return bool
    }

    mutating func list(_ key: String) throws(AutoConfError) -> [JSONValue]? {
        guard let value = value(key) else { return nil }
        guard let elements = value.arrayValue else { throw mismatch(key, value, "a list") }
        return elements
    }

    mutating func object(_ key: String) throws(AutoConfError) -> JSONValue? {
        guard let value = value(key) else { return nil }
        guard value.objectValue != nil else { throw mismatch(key, value, "an object") }
        return value
    }

    /// A list of objects; empty if missing. One that cannot be used does not affect the others.
    ///
    /// - Parameters:
    ///   - faults: the faults of this object's text.
    ///   - null: what an element that is null stands for; nil if it cannot be used.
    ///   - refused: gets the reason for each that cannot be used.
    mutating func instances(
        _ key: String, _ faults: [RecoveredJSON.Fault], null: JSONValue? = nil, refused: inout [AutoConfError]
    ) throws(AutoConfError) -> [JSONValue] {
        var instances: [JSONValue] = []
        var reasons: [Int: JSONError] = [:]
        for fault in faults {
            if let index = fault.element(of: key), reasons[index] == nil { reasons[index] = fault.error }
        }
        for (index, element) in (try list(key) ?? []).enumerated() {
            if let reason = reasons[index] {
                refused.append(AutoConfError("\(place)\(key)[\(index)]: \(reason)"))
            } else if element == .null, let null {
                instances.append(null)
            } else if element.objectValue == nil {
                refused.append(mismatch("\(key)[\(index)]", element, "an object"))
            } else {
                instances.append(element)
            }
        }
        return instances
    }

    /// Fails if there is a fault outside the instances.
    func checkFaults(_ faults: [RecoveredJSON.Fault], outside key: String) throws(AutoConfError) {
        if let fault = faults.first(where: { $0.element(of: key) == nil }) {
            throw AutoConfError("\(place)\(fault.error)")
        }
    }

    /// A tag cardinality: empty if missing, else `low`, `orchestrator` or `high`.
    mutating func cardinality(_ key: String) throws(AutoConfError) -> String {
        let text = try string(key) ?? ""
        try Self.check(cardinality: text, place + key)
        return text
    }

    /// Fails unless `text` is empty or a tag cardinality.
    static func check(cardinality text: String, _ place: String) throws(AutoConfError) {
        guard ["", "low", "orchestrator", "high"].contains(text) else {
            throw AutoConfError("\(place) is not low, orchestrator or high")
        }
    }

    /// A value of any type; nil if missing.
    mutating func value(_ key: String) -> JSONValue? {
        read.insert(key)
        let value = members[key]
        return value == .null ? nil : value
    }

    private func mismatch(_ key: String, _ value: JSONValue, _ expected: String) -> AutoConfError {
        AutoConfError("\(place)\(key) is \(value.kind), not \(expected)")
    }
}

extension RecoveredJSON.Fault {
    /// The element of the list under `key` that it is in; nil if it is elsewhere.
    fileprivate func element(of key: String) -> Int? {
        guard path.count > 1, path[0] == .member(ExactText(key)), case .element(let index) = path[1] else { return nil }
        return index
    }
}
