import CheckModel
import HTTPServer
import JSON
import Platform

/// Serves `/api/v1/clcrunner/…` to callers that present the shared token.
struct RunnerHandler: HTTPHandler {
    let checks: CheckRunner
    let token: AgentToken

    func handle(_ request: HTTPRequest, _ responder: Responder) {
        responder.respond(answer(to: request))
    }

    private func answer(to request: HTTPRequest) -> HTTPResponse {
        if let refusal = token.refusal(of: request) { return refusal }
        guard request.method == .get else { return .text(405, "use GET for this path") }
        switch request.path {
        case "/version", "/api/v1/clcrunner/version": return .json([RunnerAnswers.version(Command.version)])
        case "/api/v1/clcrunner/stats": return .json([RunnerAnswers.stats(checks.snapshot.records)])
        case "/api/v1/clcrunner/workers":
            return .json([RunnerAnswers.workers(utilization: checks.snapshot.utilization)])
        default: return .text(404, "this agent serves /api/v1/clcrunner/version, stats and workers")
        }
    }
}

/// The bodies of `/api/v1/clcrunner/…`, in the format of Datadog's cluster check runners.
enum RunnerAnswers {
    /// `{"<check ID>": RunnerStats, …}`; a check that has not run yet is left out: unknown is not zero.
    static func stats(_ records: [CheckRecord]) -> [UInt8] {
        let members = records.filter { $0.runs > 0 }.map { (ExactText($0.id), stats($0)) }
        return JSONValue.object(Dictionary(members) { first, _ in first }).encoded()
    }

    /// `{"Count": n, "Instances": {"worker_1": {"Utilization": x}, …}}`.
    static func workers(utilization: [Double]) -> [UInt8] {
        let instances = utilization.enumerated().map { index, share in
            (
                ExactText("worker_\(index + 1)"),
                JSONValue.object(["Utilization": .number((share * 10_000).rounded() / 10_000)])
            )
        }
        return JSONValue.object([
            "Count": .integer(Int64(utilization.count)),
            "Instances": .object(Dictionary(instances) { first, _ in first }),
        ]).encoded()
    }

    /// `{"Major": …}` for a dotted version.
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
