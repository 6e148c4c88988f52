import JSON

/// What a node-agent reports every few seconds: the revision that it runs.
package struct NodeStatusRequest: Hashable, Sendable {
    /// `last_change`: the revision that it runs; 0 at first, −1 when the call is a heartbeat only.
    package let lastChange: Int64
    /// `node_type`: 1 for a cluster check runner, 2 for a node agent, 0 or absent for an old agent.
    package let nodeType: Int

    /// The `last_change` of a call that is only a heartbeat.
    package static let heartbeatOnly: Int64 = -1

    /// A report.
    package init(lastChange: Int64, nodeType: Int = 0) {
        self.lastChange = lastChange
        self.nodeType = nodeType
    }

    /// Parses a report in one pass over its bytes.
    ///
    /// Like Go's decoder, which upstream uses, it ignores unknown keys, ignores the case of ASCII letters in keys, and
    /// reads a missing key or null as 0. Unlike Go's, it rejects trailing bytes.
    ///
    /// - Throws: `CheckModelError`: not JSON, not an object, or a value that is not an integer that fits.
    package init(parsing body: [UInt8]) throws(CheckModelError) {
        var lastChange: Int64 = 0
        var nodeType: Int64 = 0
        do throws(JSONError) {
            var scanner = try JSONScanner(body, limits: JSONLimits())
            try scanner.object { (scanner, key, _) throws(JSONError) in
                if key == "last_change" || key.isSame("last_change") {
                    lastChange = try scanner.integer(key)
                } else if key == "node_type" || key.isSame("node_type") {
                    nodeType = try scanner.integer(key)
                } else {
                    _ = try scanner.value()
                }
            }
            try scanner.end()
        } catch {
            throw .invalidJSON(message: "status", error)
        }
        self.init(lastChange: lastChange, nodeType: Int(nodeType))
    }

    /// The body that a node-agent sends.
    package func encoded() -> [UInt8] {
        Array("{\"last_change\":\(lastChange),\"node_type\":\(nodeType)}".utf8)
    }
}

extension JSONScanner {
    /// The next value as an integer; null is 0.
    fileprivate mutating func integer(_ key: String) throws(JSONError) -> Int64 {
        skipWhitespace()
        let start = position
        let value = try value()
        if value == .null { return 0 }
        guard let integer = value.integerValue else {
            throw failure("\(key) is \(value.kind) that is not a 64-bit integer", at: start)
        }
        return integer
    }
}

extension String {
    /// Whether both are equal, ignoring the case of ASCII letters. `name` is in lower case.
    fileprivate func isSame(_ name: StaticString) -> Bool {
        let lowered = utf8.lazy.map { $0 >= UInt8(ascii: "A") && $0 <= UInt8(ascii: "Z") ? $0 | 0x20 : $0 }
        return utf8.count == name.utf8CodeUnitCount && lowered.elementsEqual(name.description.utf8)
    }
}

/// The answer to a report: whether the node runs what it should.
package enum NodeStatusAnswer {
    private static let current = Array("{\"isuptodate\":true}".utf8)
    private static let stale = Array("{\"isuptodate\":false}".utf8)

    /// The body.
    package static func bytes(upToDate: Bool) -> [UInt8] {
        upToDate ? current : stale
    }

    /// Whether the body says that the node is up to date.
    ///
    /// - Throws: `CheckModelError`: not JSON, or without the boolean.
    package static func isUpToDate(parsing body: [UInt8]) throws(CheckModelError) -> Bool {
        let answer: JSONValue
        do { answer = try JSONValue(parsing: body) } catch { throw .invalidJSON(message: "status answer", error) }
        guard let upToDate = answer["isuptodate"]?.boolValue else {
            throw .malformed(message: "status answer", place: "isuptodate", reason: "is missing or not a boolean")
        }
        return upToDate
    }
}
