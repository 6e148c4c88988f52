import JSON
import Platform
import Testing

@testable import CheckModel

@Suite struct RunnerStatsTests {
    private func parse(_ text: String) throws(CheckModelError) -> [ExactText: RunnerStats] {
        try RunnerStats.byCheckID(parsing: Array(text.utf8), of: "runner-1")
    }

    @Test func `the known fields of runner statistics are read and others are ignored`() throws {
        let stats = try parse(
            #"""
            {"http_check:My Nginx Service:b0041608e66d20ba":{"AverageExecutionTime":241,"MetricSamples":3,"Events":null,
            "LastExecFailed":true,"LastError":"no","TotalRuns":7,"Unheard":{"of":[]}},"":{"AverageExecutionTime":1},"x:1":{}}
            """#)
        #expect(stats.keys.sorted() == ["http_check:My Nginx Service:b0041608e66d20ba", "x:1"])
        let check = try #require(stats["http_check:My Nginx Service:b0041608e66d20ba"])
        #expect(check.averageExecutionTime == 241)
        #expect(check.metricSamples == 3)
        #expect(check.events == 0)
        #expect(check.lastExecFailed)
        #expect(check.totalRuns == 7)
        #expect(stats["x:1"] == RunnerStats())
    }

    @Test(arguments: [
        ("[]", "the answer is an array"), ("nothing", "line 1"), ("", "line 1"),
        (#"{"a:1":[]}"#, "[a:1] is an array, not an object"),
        (#"{"a:1":{"AverageExecutionTime":"241"}}"#, "[a:1].AverageExecutionTime is a string"),
        (#"{"a:1":{"MetricSamples":-1}}"#, "[a:1].MetricSamples is a number that is not a count"),
        (#"{"a:1":{"MetricSamples":1.5}}"#, "[a:1].MetricSamples is a number that is not a count"),
        (#"{"a:1":{"LastExecFailed":1}}"#, "[a:1].LastExecFailed is a number, not a boolean"),
        (#"{"a:1":{"LastError":{}}}"#, "[a:1].LastError is an object, not a string"),
    ])
    func `an error in runner statistics names the runner and the place`(text: String, reason: String) {
        let error = #expect(throws: CheckModelError.self) { try parse(text) }
        #expect(error?.description.hasPrefix("statistics of runner-1: ") == true)
        #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
    }

    @Test(arguments: [
        (#"{"Count":4,"Instances":{"worker_1":{"Utilization":0.1}}}"#, 4), (#"{"Count":0}"#, 0), ("{}", nil),
        (#"{"Count":"4"}"#, nil), (#"{"Count":-1}"#, nil), ("[]", nil), ("", nil),
    ])
    func `the number of workers is read`(text: String, count: Int?) {
        #expect((try? RunnerWorkers.count(parsing: Array(text.utf8), of: "runner-1")) == count)
    }

    @Test(arguments: [("20", 20), ("0", 15), ("-5", 15), ("\"20\"", 15), ("1e2", 15)])
    func `the interval of a config is that of its first instance`(interval: String, seconds: Int) throws {
        let first = try JSONValue(parsing: "{\"min_collection_interval\":\(interval)}")
        let config = CheckConfig(
            key: ConfigKey(source: "s", check: "c", index: 0), checkName: "c",
            instances: [first, .object(["min_collection_interval": .number("99")])])
        #expect(try ConfigPatch().encode(config).collectionInterval == .seconds(seconds))
        #expect(
            try ConfigPatch().encode(CheckConfig(key: config.key, checkName: "c")).collectionInterval == .seconds(15))
    }
}
