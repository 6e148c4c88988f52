package import JSON
package import Platform

/// What a runner reports about one instance that it runs (`GET /api/v1/clcrunner/stats`).
package struct RunnerStats: Hashable, Sendable {
    /// `AverageExecutionTime` of a run, in milliseconds.
    package var averageExecutionTime: Int64 = 0
    /// `MetricSamples` of the last run.
    package var metricSamples: Int64 = 0
    /// `HistogramBuckets` of the last run.
    package var histogramBuckets: Int64 = 0
    /// `Events` of the last run.
    package var events: Int64 = 0
    /// `ServiceChecks` of the last run.
    var serviceChecks: Int64 = 0
    /// `LastExecFailed`: whether the last run failed.
    package var lastExecFailed = false
    /// `LastError`; empty if there was none.
    package var lastError = ""
    /// `TotalRuns`.
    var totalRuns: Int64 = 0
    /// `TotalErrors`.
    var totalErrors: Int64 = 0
    /// `TotalMetricSamples`.
    var totalMetricSamples: Int64 = 0
    /// `TotalEvents`.
    var totalEvents: Int64 = 0
    /// `TotalServiceChecks`.
    var totalServiceChecks: Int64 = 0
    /// `LastSuccessDate`: seconds since 1970; 0 if there was none.
    package var lastSuccessDate: Int64 = 0
    /// `LastExecutionDate`: milliseconds since 1970; 0 if there was none.
    var lastExecutionDate: Int64 = 0

    /// When the last success was; nil if there was none.
    package var lastSuccess: WallTime? {
        lastSuccessDate > 0 && lastSuccessDate < 1 << 33 ? WallTime(nanoseconds: lastSuccessDate * 1_000_000_000) : nil
    }

    /// Statistics without measurements.
    package init() {}

    /// The limits of a body when it is parsed: 16 MiB.
    package static let limits = JSONLimits(bytes: 16_777_216, keyBytes: 4_096)

    private static let counts: [(key: String, path: any WritableKeyPath<RunnerStats, Int64> & Sendable)] = [
        ("AverageExecutionTime", \.averageExecutionTime), ("MetricSamples", \.metricSamples),
        ("HistogramBuckets", \.histogramBuckets), ("Events", \.events), ("ServiceChecks", \.serviceChecks),
        ("TotalRuns", \.totalRuns), ("TotalErrors", \.totalErrors), ("TotalMetricSamples", \.totalMetricSamples),
        ("TotalEvents", \.totalEvents), ("TotalServiceChecks", \.totalServiceChecks),
        ("LastSuccessDate", \.lastSuccessDate), ("LastExecutionDate", \.lastExecutionDate),
    ]

    /// Parses the statistics of the runner `name`, by check ID. Unknown keys are ignored, a missing key or null is read
    /// as 0, and the entry of an empty check ID is dropped, as upstream does.
    ///
    /// - Throws: `CheckModelError` naming the runner and the place: not JSON, not an object of objects, or a value of
    ///   another type.
    package static func byCheckID(parsing body: [UInt8], of name: String) throws(CheckModelError) -> [ExactText:
        RunnerStats]
    {
        let message = "statistics of \(name)"
        let answer: JSONValue
        do { answer = try JSONValue(parsing: body, limits: limits) } catch {
            throw .invalidJSON(message: message, error)
        }
        guard case .object(let members) = answer else {
            throw .malformed(message: message, place: "the answer", reason: "is \(answer.kind), not an object")
        }
        var stats: [ExactText: RunnerStats] = [:]
        // Sorted, so that the same one of several errors is always reported.
        for (checkID, value) in members.sorted(by: { $0.key < $1.key }) where !checkID.isEmpty {
            stats[checkID] = try RunnerStats(value, message: message, place: "[\(checkID)]")
        }
        return stats
    }

    private init(_ json: JSONValue, message: String, place: String) throws(CheckModelError) {
        guard case .object(let members) = json else {
            throw .malformed(message: message, place: place, reason: "is \(json.kind), not an object")
        }
        for (key, path) in Self.counts {
            guard let value = members[key], value != .null else { continue }
            guard let count = value.integerValue, count >= 0 else {
                throw .malformed(
                    message: message, place: "\(place).\(key)", reason: "is \(value.kind) that is not a count")
            }
            self[keyPath: path] = count
        }
        if let value = members["LastExecFailed"], value != .null {
            guard let flag = value.boolValue else {
                throw .malformed(
                    message: message, place: "\(place).LastExecFailed", reason: "is \(value.kind), not a boolean")
            }
            lastExecFailed = flag
        }
        if let value = members["LastError"], value != .null {
            guard let text = value.stringValue else {
                throw .malformed(
                    message: message, place: "\(place).LastError", reason: "is \(value.kind), not a string")
            }
            lastError = text
        }
    }

    /// The protocol's object as shown to people, without secrets: an error may quote a URL with a password.
    package var shown: JSONValue {
        var members: [ExactText: JSONValue] = [
            "LastExecFailed": .bool(lastExecFailed), "LastError": .string(Scrubbing.scrubbed(lastError)),
        ]
        for (key, path) in Self.counts { members[key] = .integer(self[keyPath: path]) }
        return .object(members)
    }
}

/// What a runner reports about its workers (`GET /api/v1/clcrunner/workers`).
package enum RunnerWorkers {
    /// Assumed for a runner that does not report it: the default of its `check_runners`.
    package static let assumed = 4
    /// More than any runner has.
    private static let most: Int64 = 10_000

    /// Parses the number of workers of the runner `name`.
    ///
    /// - Throws: `CheckModelError` naming the runner and the place.
    package static func count(parsing body: [UInt8], of name: String) throws(CheckModelError) -> Int {
        let message = "workers of \(name)"
        let answer: JSONValue
        do { answer = try JSONValue(parsing: body) } catch { throw .invalidJSON(message: message, error) }
        guard let count = answer["Count"]?.integerValue, (0...most).contains(count) else {
            throw .malformed(message: message, place: "Count", reason: "is missing or not a number from 0 to \(most)")
        }
        return Int(count)
    }
}
