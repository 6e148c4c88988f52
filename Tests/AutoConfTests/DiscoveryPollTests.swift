import CheckModel
import Kubernetes
import Platform
import Synchronization
import TestKit
import Testing

@testable import AutoConf

/// URLs that list targets, asked under a virtual clock.
@Suite struct DiscoveryPollTests {
    /// Answers by URL, and remembers what it was asked.
    private final class ScriptedFetch: DiscoveryFetch {
        enum Answer: Sendable {
            case ok(String, tag: String? = nil)
            case status(Int)
            case failure(String)
            /// Until the deadline.
            case silence
        }

        private struct State {
            var answers: [String: Answer] = [:]
            var asked: [(at: Instant, url: String, headers: [String])] = []
        }

        private let state = Mutex(State())
        private let clock: VirtualClock

        init(_ clock: VirtualClock) {
            self.clock = clock
        }

        func set(_ answer: Answer, at url: String = "http://a/") {
            state.withLock { $0.answers[url] = answer }
        }

        func take() -> [(at: Instant, url: String, headers: [String])] {
            state.withLock { state in
                defer { state.asked = [] }
                return state.asked
            }
        }

        func fetch(
            _ url: String, headers: [(name: String, value: String)], limit: Int, deadline: Instant
        ) async throws(DiscoveryFailure) -> DiscoveryAnswer {
            #expect(limit == 16 << 20)
            let answer = state.withLock { state in
                state.asked.append((clock.now(), url, headers.map { "\($0.name): \($0.value)" }))
                return state.answers[url] ?? .silence
            }
            switch answer {
            case .ok(let text, let tag): return DiscoveryAnswer(status: 200, entityTag: tag, body: Array(text.utf8))
            case .status(let status): return DiscoveryAnswer(status: status)
            case .failure(let reason): throw DiscoveryFailure(reason)
            case .silence:
                try? await clock.sleep(until: deadline)
                throw DiscoveryFailure("timed out")
            }
        }
    }

    private struct Running {
        let clock: VirtualClock
        let fetch: ScriptedFetch
        let autoConf: AutoConf
        let desired: CollectedConfigs
        let readings: ReadingRecorder
        let log: RecordingLog

        var entries: [String] { desired.configs.map(\.key.entry) }
        var problems: [String] { autoConf.problems.map(\.reason) }
        var told: [String] {
            log.messages.filter { $0 == "config problem" || $0 == "config problem solved" }
        }

        func pass(_ seconds: Int) async { await clock.sleep(.seconds(seconds)) }
    }

    private static func running(
        _ urls: [String] = ["http://a/"], services: Bool = false,
        _ body: @escaping @Sendable (Running) async throws -> Void
    ) throws {
        var options = AutoConfOptions(watchesServices: services)
        options.discoveries = try urls.map { try HTTPDiscoveryTests.one($0) }
        try virtually { [options] clock in
            let desired = CollectedConfigs()
            let (readings, log) = (ReadingRecorder(desired), RecordingLog())
            let autoConf = AutoConf(
                options: options, desired: readings, environment: [:], clock: clock,
                log: Log(sink: log, minimum: .info))
            let running = Running(
                clock: clock, fetch: ScriptedFetch(clock), autoConf: autoConf, desired: desired, readings: readings,
                log: log)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await autoConf.runDiscovery(running.fetch) }
                group.addTask { try await body(running) }
                // The body ends first.
                try await group.next()
                group.cancelAll()
            }
        }
    }

    private static func list(_ targets: String...) -> String {
        #"[{"targets":[\#(targets.map { "\"\($0)\"" }.joined(separator: ","))]}]"#
    }

    @Test func `targets come and go with each answer`() throws {
        try Self.running { running in
            running.fetch.set(.ok(Self.list("a:1", "b:2")))
            await running.pass(1)
            #expect(running.entries == ["a:1", "b:2"] && running.desired.isSynced)
            running.fetch.set(.ok(Self.list("b:2", "c:3")))
            await running.pass(10)
            #expect(running.entries == ["b:2", "c:3"])
            running.fetch.set(.ok("[]"))
            await running.pass(10)
            #expect(running.entries.isEmpty && running.problems.isEmpty)
            let asked = running.fetch.take()
            #expect(asked.map { $0.at - asked[0].at } == [.zero, .seconds(10), .seconds(20)])
            #expect(asked[0].headers == ["Accept: application/json", "X-Prometheus-Refresh-Interval-Seconds: 10"])
        }
    }

    @Test func `an answer with an entity tag is asked for with it, and one that is the same changes nothing`() throws {
        try Self.running { running in
            running.fetch.set(.ok(Self.list("a:1"), tag: "\"v1\""))
            await running.pass(11)
            running.fetch.set(.status(304))
            await running.pass(10)
            #expect(running.entries == ["a:1"] && running.desired.changes == 1 && running.problems.isEmpty)
            let conditions = running.fetch.take().map { $0.headers.filter { $0.hasPrefix("If-None-Match") } }
            #expect(conditions == [[], ["If-None-Match: \"v1\""], ["If-None-Match: \"v1\""]])
        }
    }

    @Test func `a failure keeps the last good targets, is told once, and is solved by the next good answer`() throws {
        try Self.running { running in
            running.fetch.set(.ok(Self.list("a:1"), tag: "\"v1\""))
            await running.pass(1)
            let failures: [(ScriptedFetch.Answer, String)] = [
                (.silence, "timed out"), (.status(503), "status 503"), (.failure("refused"), "refused"),
                (.status(304), "status 304"), (.ok("<html>"), "the answer is no list of targets: line 1, column 1"),
                (.ok(#"[{"targets":["b:1"]}"#), "the answer is no list of targets: line 1"),
                (.ok("{}"), "the answer is no list of targets: the document is an object, not an array"),
                (.ok(#"[{"targets":["b:1"]},null]"#), "the answer is no list of targets: [1] is null, not an object"),
            ]
            for (answer, reason) in failures {
                running.fetch.set(answer)
                await running.pass(100)
                #expect(running.entries == ["a:1"] && running.desired.changes == 1)
                #expect(running.problems.count == 1 && running.problems[0].hasPrefix(reason), "\(running.problems)")
            }
            #expect(running.told.count { $0 == "config problem" } == failures.count)
            running.fetch.set(.ok(Self.list("a:1"), tag: "\"v1\""))
            await running.pass(50)
            #expect(running.problems.isEmpty && running.entries == ["a:1"])
        }
    }

    @Test func `a URL that does not answer keeps no other one waiting`() throws {
        try Self.running(["http://dead/", "http://b/"]) { running in
            running.fetch.set(.ok(Self.list("b:1")), at: "http://b/")
            await running.pass(1)
            #expect(running.entries == ["b:1"])
            running.fetch.set(.ok(Self.list("b:2")), at: "http://b/")
            await running.pass(10)
            #expect(running.entries == ["b:2"])
        }
    }

    @Test func `the other sources wait a minute for the first answer, and it is still unread then`() throws {
        try Self.running(["http://dead/", "http://b/"], services: true) { running in
            running.fetch.set(.ok(Self.list("b:1")), at: "http://b/")
            running.autoConf.handle(.replaced([service(["checks": #"{"x":{"instances":[{}]}}"#])]))
            await running.pass(59)
            #expect(!running.desired.isSynced && running.desired.configs.count == 2)
            await running.pass(2)
            #expect(running.desired.isSynced)
            let readings = try #require(running.readings.take().last).readings
            #expect(readings.discovered["prometheus_http_sd:http://dead/"] == .distantPast)
            #expect(readings.discovered["prometheus_http_sd:http://b/"] != .distantPast)
            running.fetch.set(.ok("[]"), at: "http://dead/")
            await running.pass(50)
            let last = try #require(running.readings.take().last).readings
            #expect(last.discovered.values.allSatisfy { $0 != .distantPast })
        }
    }

    @Test func `alone, a URL that never answers is told to be unread`() throws {
        try Self.running(["http://dead/"]) { running in
            await running.pass(61)
            #expect(running.desired.isSynced && running.problems == ["timed out"])
            let told = running.readings.take().map(\.readings.discovered)
            #expect(told == [["prometheus_http_sd:http://dead/": .distantPast]])
        }
    }

    @Test func `a new leader has it asked at once, and a failure is a reading of what it listed before`() throws {
        try Self.running(["http://a/", "http://dead/"]) { running in
            running.fetch.set(.ok(Self.list("a:1")))
            await running.pass(3)
            _ = (running.fetch.take(), running.readings.take())
            running.fetch.set(.failure("refused"))
            let now = running.clock.now()
            running.autoConf.readAnew(since: now)
            await running.pass(1)
            #expect(running.fetch.take().filter { $0.url == "http://a/" }.map(\.at) == [now])
            let told = try #require(running.readings.take().last).readings.discovered
            #expect(told == ["prometheus_http_sd:http://a/": now, "prometheus_http_sd:http://dead/": .distantPast])
            #expect(running.entries == ["a:1"])
        }
    }

    @Test func `its metrics are those of a source`() throws {
        try Self.running { running in
            running.fetch.set(.ok(Self.list("a:1", "b:1")))
            await running.pass(1)
            let registry = MetricsRegistry()
            registry.register { running.autoConf.collect(into: &$0) }
            let text = registry.page()
            #expect(text.contains(#"autoconf_configs{source="prometheus_http_sd"} 2"#), "\(text)")
        }
    }
}
