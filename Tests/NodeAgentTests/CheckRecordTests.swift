import CheckModel
import JSON
import Platform
import Testing

@testable import NodeAgent

@Suite struct CheckRecordTests {
    private let refused = CheckFailure(.refused, "nothing listens")

    @Test func `only the first failure and the recovery are transitions`() {
        var record = CheckRecord(id: "a:1", checkName: "a")
        let outcomes: [CheckOutcome] = [
            .success(CheckSuccess()), .failure(refused), .failure(CheckFailure(.dns, "no")), .success(CheckSuccess()),
            .success(CheckSuccess()),
        ]
        let transitions = outcomes.map {
            record.add($0, duration: .seconds(1), at: WallTime(nanoseconds: 0), now: Instant(nanoseconds: 0))
        }
        #expect(transitions == [nil, .failing(refused), nil, .recovered(failures: 2), nil])
        #expect(record.failures == [.refused: 1, .dns: 1])
        #expect((record.runs, record.totalFailures, record.isUp) == (5, 2, true))
    }

    @Test func `the average is over the last 32 runs`() {
        var record = CheckRecord(id: "a:1", checkName: "a")
        _ = record.add(
            .success(CheckSuccess()), duration: .seconds(1000), at: WallTime(nanoseconds: 0),
            now: Instant(nanoseconds: 0))
        for _ in 0..<32 {
            _ = record.add(
                .failure(refused), duration: .seconds(2), at: WallTime(nanoseconds: 0), now: Instant(nanoseconds: 0))
        }
        #expect(record.averageDuration == .seconds(2))
    }

    @Test func `statistics have the keys that cluster-agents read`() throws {
        var good = CheckRecord(id: "prometheus:1", checkName: "prometheus")
        _ = good.add(
            .success(CheckSuccess(samples: 30)), duration: .milliseconds(241),
            at: WallTime(nanoseconds: 1_700_000_000_123_000_000), now: Instant(nanoseconds: 0))
        var bad = CheckRecord(id: "tcp_check:2", checkName: "tcp_check")
        _ = bad.add(
            .failure(refused), duration: .zero, at: WallTime(nanoseconds: 5_000_000_000), now: Instant(nanoseconds: 0))
        let fresh = CheckRecord(id: "tcp_check:3", checkName: "tcp_check")
        let stats = try JSONValue(parsing: RunnerAnswers.stats([good, bad, fresh]))
        let expected = try JSONValue(
            parsing: """
                {"prometheus:1": {"AverageExecutionTime": 241, "MetricSamples": 30, "HistogramBuckets": 0, "Events": 0,
                  "ServiceChecks": 1, "LastExecFailed": false, "LastError": "", "TotalRuns": 1, "TotalErrors": 0,
                  "TotalMetricSamples": 30, "TotalEvents": 0, "TotalServiceChecks": 1,
                  "LastSuccessDate": 1700000000, "LastExecutionDate": 1700000000123},
                 "tcp_check:2": {"AverageExecutionTime": 0, "MetricSamples": 0, "HistogramBuckets": 0, "Events": 0,
                  "ServiceChecks": 1, "LastExecFailed": true, "LastError": "refused: nothing listens", "TotalRuns": 1,
                  "TotalErrors": 1, "TotalMetricSamples": 0, "TotalEvents": 0, "TotalServiceChecks": 1,
                  "LastSuccessDate": 0, "LastExecutionDate": 5000}}
                """)
        #expect(stats == expected)
    }

    @Test func `workers and version are encoded as cluster-agents read them`() {
        #expect(
            String(decoding: RunnerAnswers.workers(utilization: [0.25, 1]), as: UTF8.self)
                == #"{"Count":2,"Instances":{"worker_1":{"Utilization":0.25},"worker_2":{"Utilization":1}}}"#)
        #expect(
            String(decoding: RunnerAnswers.version("0.1.0"), as: UTF8.self)
                == #"{"Commit":"","Major":0,"Meta":"","Minor":1,"Patch":0,"Pre":""}"#)
    }

    @Test func `utilization is the share of time spent running`() {
        func at(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }
        var use = WorkerUtilization(count: 2, now: at(0))
        #expect(use.acquire(now: at(0)) == 0)
        use.release(0, now: at(5))
        #expect(use.acquire(now: at(5)) == 0)
        #expect(use.utilization(now: at(10)) == [1, 0])
        use.release(0, now: at(10))
        #expect(use.utilization(now: at(20)) == [0.5, 0])
        #expect(use.utilization(now: at(40)) == [0.25, 0])
        #expect(use.utilization(now: at(200)) == [0, 0])
        #expect(use.acquire(now: at(200)) == 0)
        #expect(use.acquire(now: at(200)) == 1)
        #expect(use.acquire(now: at(200)) == nil)
        #expect(use.utilization(now: at(300)) == [1, 1])
    }
}
