import JSON
package import Platform

/// What a node-agent that is asked to stop says with its status. Datadog's agents never say it, and Datadog's cluster
/// agents ignore it.
package enum Departure: String, Hashable, Sendable {
    /// It still runs its checks, until other agents have taken them over or a few seconds have passed.
    case leaving
    /// It has stopped its checks, and runs none again.
    case gone
}

/// What a node-agent reports every few seconds: the revision that it runs.
package struct NodeStatusRequest: Hashable, Sendable {
    /// `last_change`: the revision that it runs; 0 at first, −1 when the call is a heartbeat only.
    package let lastChange: Int64
    /// `node_type`: 1 for a cluster check runner, 2 for a node agent, 0 or absent for an old agent.
    package let nodeType: Int
    /// `departure`: nil, and absent, unless the agent is about to stop.
    package let departure: Departure?
    /// `running`: the check IDs of the cluster checks that it runs; nil, and absent, unless the answer to its last
    /// report asked for them. Datadog's agents never send them.
    package let running: [ExactText]?
    /// Which checks the agent can run: `checks`, a version and a list of names, of our own agents, or
    /// `check_compatibility` of Datadog's runners; nil, and absent, if it does not say.
    package let compatibility: CheckCompatibility?

    /// What changed in its results; nil, and absent, if it says nothing of them.
    package let results: ResultsReport?

    /// At most this many check IDs are sent and read.
    package static let maximumRunning = 10_000
    /// At most this many bytes of them are sent, so that the body stays below the server's limit of 1 MiB.
    private static let maximumRunningBytes = 800_000
    /// The `last_change` of a call that is only a heartbeat.
    package static let heartbeatOnly: Int64 = -1

    /// A report.
    package init(
        lastChange: Int64, nodeType: Int = 0, departure: Departure? = nil, running: [ExactText]? = nil,
        compatibility: CheckCompatibility? = nil, results: ResultsReport? = nil
    ) {
        self.results = results
        self.compatibility = compatibility
        self.running = running.map(Self.limited)
        self.lastChange = lastChange
        self.nodeType = nodeType
        self.departure = departure
    }

    private static func limited(_ running: [ExactText]) -> [ExactText] {
        var room = maximumRunningBytes
        return Array(
            running.prefix(maximumRunning).prefix { id in
                room -= id.text.utf8.count + 3
                return room >= 0
            })
    }

    /// Parses a report in one pass over its bytes.
    ///
    /// Like Go's decoder, which upstream uses, it ignores unknown keys, ignores the case of ASCII letters in keys, and
    /// reads a missing key or null as 0. Unlike Go's, it rejects trailing bytes.
    ///
    /// - Throws: `CheckModelError`: not JSON, not an object, a number that is not an integer that fits, an unknown
    ///   departure, or a list of checks that is none or too long.
    package init(parsing body: [UInt8]) throws(CheckModelError) {
        var lastChange: Int64 = 0
        var nodeType: Int64 = 0
        var departure: Departure?
        var running: [ExactText]?
        var compatibility: CheckCompatibility?
        var results: ResultsReport?
        do throws(JSONError) {
            var scanner = try JSONScanner(body, limits: JSONLimits())
            try scanner.object { (scanner, key, _) throws(JSONError) in
                if key == "last_change" || key.isSame("last_change") {
                    lastChange = try scanner.integer(key)
                } else if key == "node_type" || key.isSame("node_type") {
                    nodeType = try scanner.integer(key)
                } else if key == "departure" || key.isSame("departure") {
                    departure = try scanner.departure(key)
                } else if key == "running" || key.isSame("running") {
                    running = try scanner.checkIDs(key)
                } else if key == "checks" || key.isSame("checks") {
                    compatibility = try scanner.compatibility(key, include: "names") ?? compatibility
                } else if key == "check_compatibility" || key.isSame("check_compatibility") {
                    compatibility = try scanner.compatibility(key, include: "include") ?? compatibility
                } else if key == "results" || key.isSame("results") {
                    results = try scanner.results()
                } else {
                    _ = try scanner.value()
                }
            }
            try scanner.end()
        } catch {
            throw .invalidJSON(message: "status", error)
        }
        self.init(
            lastChange: lastChange, nodeType: Int(nodeType), departure: departure, running: running,
            compatibility: compatibility, results: results)
    }

    /// The body that a node-agent sends.
    package func encoded() -> [UInt8] {
        let departure = departure.map { ",\"departure\":\"\($0.rawValue)\"" } ?? ""
        var body = Array("{\"last_change\":\(lastChange),\"node_type\":\(nodeType)\(departure)".utf8)
        if let running {
            body += Array(",\"running\":".utf8) + JSONValue.array(running.map { .string($0.text) }).encoded()
        }
        if let compatibility {
            let names = JSONValue.array(compatibility.include.map { .string($0.text) })
            let checks = JSONValue.object(["version": .string(compatibility.version), "names": names])
            body += Array(",\"checks\":".utf8) + checks.encoded()
        }
        if let results { body += Array(",\"results\":".utf8) + results.json.encoded() }
        return body + [UInt8(ascii: "}")]
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

    /// The next value as a list of check IDs; null is none.
    fileprivate mutating func checkIDs(_ key: String) throws(JSONError) -> [ExactText]? {
        skipWhitespace()
        let start = position
        let value = try value()
        if value == .null { return nil }
        guard let list = value.arrayValue, list.count <= NodeStatusRequest.maximumRunning else {
            throw failure("\(key) is no list of at most \(NodeStatusRequest.maximumRunning) checks", at: start)
        }
        let texts = list.compactMap(\.stringValue)
        guard texts.count == list.count else { throw failure("\(key) has an element that is not a string", at: start) }
        return texts.map { ExactText($0) }
    }

    /// The next value as what an agent can run; null is none.
    ///
    /// - Parameter include: the member that lists the checks that it runs.
    fileprivate mutating func compatibility(_ key: String, include: String) throws(JSONError) -> CheckCompatibility? {
        skipWhitespace()
        let start = position
        let value = try value()
        if value == .null { return nil }
        guard value.objectValue != nil else { throw failure("\(key) is \(value.kind), not an object", at: start) }
        func names(_ member: String) throws(JSONError) -> [ExactText] {
            guard let list = value[member], list != .null else { return [] }
            let texts = (list.arrayValue ?? []).compactMap(\.stringValue)
            guard let all = list.arrayValue, texts.count == all.count, all.count <= CheckCompatibility.maximumNames
            else {
                let limit = CheckCompatibility.maximumNames
                throw failure("\(key).\(member) is no list of at most \(limit) names of checks", at: start)
            }
            return texts.map { ExactText($0) }
        }
        return CheckCompatibility(
            include: try names(include), exclude: try names("exclude"), version: value["version"]?.stringValue ?? "")
    }

    /// The next value as what changed in an agent's results; null is none.
    fileprivate mutating func results() throws(JSONError) -> ResultsReport? {
        skipWhitespace()
        let start = position
        let value = try value()
        if value == .null { return nil }
        switch ResultsReport.reading(value) {
        case .success(let report): return report
        case .failure(let malformed): throw failure(malformed.reason, at: start)
        }
    }

    /// The next value as a departure; null is none.
    fileprivate mutating func departure(_ key: String) throws(JSONError) -> Departure? {
        skipWhitespace()
        let start = position
        let value = try value()
        if value == .null { return nil }
        guard let text = value.stringValue, let departure = Departure(rawValue: text) else {
            throw failure("\(key) is \(value.kind) that is neither leaving nor gone", at: start)
        }
        return departure
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
package struct NodeStatusAnswer: Hashable, Sendable {
    /// `isuptodate`: false if the node should fetch its configs.
    package let isUpToDate: Bool
    /// `handing_over`: how many checks of a node that is leaving other nodes have not confirmed yet; absent for 0.
    package let handingOver: Int
    /// `results`: up to which number the leader has the agent's results; nil, and absent, if it was told nothing of
    /// them, or keeps none.
    package let resultsVersion: Int64?
    /// `list_running`: whether the leader asks at once for another report, with what the agent runs; absent for false.
    package let asksForRunning: Bool

    /// The body of an answer in which a leader that warms up asks what the agent runs.
    package static let asking = Array("{\"isuptodate\":true,\"list_running\":true}".utf8)
    private static let current = Array("{\"isuptodate\":true}".utf8)
    private static let stale = Array("{\"isuptodate\":false}".utf8)

    /// The body.
    package static func bytes(upToDate: Bool, handingOver: Int = 0, resultsVersion: Int64? = nil) -> [UInt8] {
        guard handingOver > 0 || resultsVersion != nil else { return upToDate ? current : stale }
        let results = resultsVersion.map { ",\"results\":\($0)" } ?? ""
        let leaving = handingOver > 0 ? ",\"handing_over\":\(handingOver)" : ""
        return Array("{\"isuptodate\":\(upToDate)\(leaving)\(results)}".utf8)
    }

    /// Parses an answer.
    ///
    /// - Throws: `CheckModelError`: not JSON, without the boolean, or with a number of checks that is none.
    package init(parsing body: [UInt8]) throws(CheckModelError) {
        let answer: JSONValue
        do { answer = try JSONValue(parsing: body) } catch { throw .invalidJSON(message: "status answer", error) }
        guard let upToDate = answer["isuptodate"]?.boolValue else {
            throw .malformed(message: "status answer", place: "isuptodate", reason: "is missing or not a boolean")
        }
        isUpToDate = upToDate
        asksForRunning = answer["list_running"]?.boolValue ?? false
        resultsVersion = answer["results"]?.integerValue.flatMap { $0 >= 0 ? $0 : nil }
        guard let count = answer["handing_over"] else {
            handingOver = 0
            return
        }
        guard let integer = count.integerValue, integer >= 0 else {
            throw .malformed(message: "status answer", place: "handing_over", reason: "is not an integer of 0 or more")
        }
        handingOver = Int(integer)
    }

    /// Whether the body says that the node is up to date.
    ///
    /// - Throws: `CheckModelError`, as the initializer.
    package static func isUpToDate(parsing body: [UInt8]) throws(CheckModelError) -> Bool {
        try NodeStatusAnswer(parsing: body).isUpToDate
    }
}
