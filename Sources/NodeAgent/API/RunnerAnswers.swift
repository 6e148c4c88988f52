import CheckModel
import JSON
import Platform

/// The bodies of `/api/v1/clcrunner/…`, as the cluster-agent reads them from cluster check runners.
enum RunnerAnswers {
    /// `{"<check ID>": RunnerStats, …}`; a check that has not run yet has no entry: unknown is not zero.
    static func stats(_ records: [CheckRecord]) -> [UInt8] {
        let members = records.filter { $0.runs > 0 }.map { ($0.id, stats($0)) }
        return JSONValue.object(Dictionary(members) { first, _ in first }).encoded()
    }

    /// `{"Count": n, "Instances": {"worker_1": {"Utilization": x}, …}}`.
    static func workers(utilization: [Double]) -> [UInt8] {
        let instances = utilization.enumerated().map { index, share in
            ("worker_\(index + 1)", JSONValue.object(["Utilization": .number((share * 10_000).rounded() / 10_000)]))
        }
        return JSONValue.object([
            "Count": .integer(Int64(utilization.count)),
            "Instances": .object(Dictionary(instances) { first, _ in first }),
        ]).encoded()
    }

    /// `{"Major": …}` of a dotted version.
    static func version(_ text: String) -> [UInt8] {
        let numbers = text.split(separator: ".").map { Int64($0) ?? 0 } + [0, 0, 0]
        return JSONValue.object([
            "Major": .integer(numbers[0]), "Minor": .integer(numbers[1]), "Patch": .integer(numbers[2]),
            "Pre": .string(""), "Meta": .string(""), "Commit": .string(""),
        ]).encoded()
    }

    private static func stats(_ record: CheckRecord) -> JSONValue {
        let second: Int64 = 1_000_000_000
        return .object([
            "AverageExecutionTime": .integer(record.averageDuration.nanoseconds / 1_000_000),
            "MetricSamples": .integer(Int64(record.lastSamples)), "HistogramBuckets": .integer(0),
            "Events": .integer(0), "ServiceChecks": .integer(1), "LastExecFailed": .bool(record.lastFailure != nil),
            "LastError": .string(record.lastFailure?.description ?? ""), "TotalRuns": .integer(Int64(record.runs)),
            "TotalErrors": .integer(Int64(record.totalFailures)),
            "TotalMetricSamples": .integer(Int64(record.totalSamples)), "TotalEvents": .integer(0),
            "TotalServiceChecks": .integer(Int64(record.runs)),
            "LastSuccessDate": .integer((record.lastSuccess?.nanoseconds ?? 0) / second),
            "LastExecutionDate": .integer((record.lastExecution?.nanoseconds ?? 0) / 1_000_000),
        ])
    }
}

extension JSONValue {
    fileprivate static func number(_ value: Double) -> JSONValue {
        .number(value == value.rounded() ? String(Int64(value)) : value.description)
    }
}
