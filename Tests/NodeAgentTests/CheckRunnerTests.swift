import CheckModel
import CheckOptions
import Platform
import Synchronization
import TestKit
import Testing

@testable import NodeAgent

/// Ends each run as told, by host name of its `tcp_check`.
private final class ScriptedExecutor: CheckExecutor {
    let started = Mutex<[String: Int]>([:])
    let stopped = Mutex<[String]>([])
    private let outcome: @Sendable (_ host: String, _ run: Int) -> CheckOutcome?

    init(_ outcome: @escaping @Sendable (_ host: String, _ run: Int) -> CheckOutcome?) {
        self.outcome = outcome
    }

    func start(
        _ check: CheckDefinition, deadline: Instant, completion: @escaping @Sendable (CheckOutcome) -> Void
    ) -> @Sendable () -> Void {
        guard case .tcp(let tcp) = check.work else { return {} }
        let run = started.withLock { started in
            started[tcp.host, default: 0] += 1
            return started[tcp.host] ?? 0
        }
        if let outcome = outcome(tcp.host, run) { completion(outcome) }
        return { self.stopped.withLock { $0.append(tcp.host) } }
    }

    func shutdown() async {}
}

@Suite struct CheckRunnerTests {
    private static func instance(
        _ host: String, check: String = "tcp_check", timeout: String = "10", interval: String = "0.02"
    ) -> AssignedInstance {
        let text = #"{"host":"\#(host)","port":1,"min_collection_interval":\#(interval),"timeout":\#(timeout)}"#
        return AssignedInstance(id: "\(check):\(host)", checkName: check, instance: Array(text.utf8))
    }

    /// Runs a runner in virtual time while `body` looks at it.
    private static func run(
        workers: Int = 4, _ executor: ScriptedExecutor, log: RecordingLog = RecordingLog(),
        _ body: @escaping @Sendable (CheckRunner, VirtualClock) async throws -> Void
    ) throws {
        try virtually { clock in
            let runner = CheckRunner(workers: workers, executor: executor, clock: clock, log: Log(sink: log))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await runner.run() }
                defer { group.cancelAll() }
                try await body(runner, clock)
            }
        }
    }

    private static func record(_ runner: CheckRunner, _ id: String) -> CheckRecord? {
        runner.snapshot.records.first { $0.id == id }
    }

    @Test func `an exclusive instance is started only for as long as that is allowed`() throws {
        let executor = ScriptedExecutor { _, _ in .success(CheckSuccess(samples: 1)) }
        try Self.run(executor) { runner, clock in
            var exclusive = Self.instance("exclusive")
            exclusive.isExclusive = true
            runner.allowExclusive(until: clock.now() + .seconds(1))
            runner.replace([exclusive, Self.instance("other")])
            await clock.sleep(.seconds(1))
            let runs = executor.started.withLock { $0 }
            #expect(runs["exclusive"] ?? 0 >= 3)
            // As when the process was suspended, and nobody has told the runner yet.
            await clock.sleep(.seconds(1))
            #expect(executor.started.withLock { $0["exclusive"] } == runs["exclusive"])
            #expect(executor.started.withLock { $0["other"] } ?? 0 > (runs["other"] ?? 0) + 3)
            #expect(Self.record(runner, "tcp_check:exclusive")?.isUp == true)
            runner.allowExclusive(until: .distantFuture)
            await clock.sleep(.seconds(1))
            #expect(executor.started.withLock { $0["exclusive"] } ?? 0 > runs["exclusive"] ?? 0)
        }
    }

    @Test func `instances run repeatedly and their results are kept`() throws {
        let executor = ScriptedExecutor { host, _ in
            host == "up" ? .success(CheckSuccess(samples: 2)) : .failure(CheckFailure(.refused, "no"))
        }
        try Self.run(executor) { runner, clock in
            runner.replace([Self.instance("up"), Self.instance("down")])
            await clock.sleep(.seconds(1))
            #expect(runner.snapshot.records.allSatisfy { $0.runs >= 3 })
            #expect(Self.record(runner, "tcp_check:up")?.isUp == true)
            #expect(Self.record(runner, "tcp_check:down")?.lastFailure?.kind == .refused)
        }
    }

    @Test func `an unknown check fails alone and lists the known ones`() throws {
        let log = RecordingLog()
        try Self.run(ScriptedExecutor { _, _ in .success(CheckSuccess()) }, log: log) { runner, clock in
            runner.replace([Self.instance("a"), Self.instance("b", check: "redisdb")])
            await clock.sleep(.seconds(1))
            #expect(Self.record(runner, "redisdb:b")?.isUp == false)
            await clock.sleep(.seconds(1))
            #expect((Self.record(runner, "tcp_check:a")?.runs ?? 0) > 2)
            let failure = Self.record(runner, "redisdb:b")?.lastFailure
            #expect(failure?.kind == .unsupported)
            #expect(failure?.message.contains("http_check, openmetrics, prometheus, tcp_check") == true)
            #expect(Self.record(runner, "tcp_check:a")?.isUp == true)
        }
        #expect(log.fields(of: "check failing").map { $0["check"] } == ["redisdb:b"])
    }

    @Test func `failure and recovery are each logged once`() throws {
        let log = RecordingLog()
        let executor = ScriptedExecutor { _, run in
            (3...5).contains(run) ? .failure(CheckFailure(.dns, "no address")) : .success(CheckSuccess())
        }
        try Self.run(executor, log: log) { runner, clock in
            runner.replace([Self.instance("a")])
            await clock.sleep(.seconds(1))
            #expect((Self.record(runner, "tcp_check:a")?.runs ?? 0) > 8)
        }
        #expect(log.fields(of: "check failing") == [["check": "tcp_check:a", "kind": "dns", "reason": "no address"]])
        #expect(log.fields(of: "check recovered") == [["check": "tcp_check:a", "failed_runs": "3"]])
    }

    @Test func `a run that never ends times out and frees its worker`() throws {
        let executor = ScriptedExecutor { host, _ in host == "hangs" ? nil : .success(CheckSuccess()) }
        try Self.run(workers: 1, executor) { runner, clock in
            runner.replace([Self.instance("hangs", timeout: "0.01"), Self.instance("good")])
            await clock.sleep(.seconds(3))
            #expect(Self.record(runner, "tcp_check:hangs")?.lastFailure?.kind == .timeout)
            let runs = Self.record(runner, "tcp_check:good")?.runs ?? 0
            await clock.sleep(.seconds(3))
            #expect((Self.record(runner, "tcp_check:good")?.runs ?? 0) > runs)
            #expect(executor.stopped.withLock { $0 }.contains("hangs"))
        }
    }

    @Test func `an unscheduled instance stops and is forgotten`() throws {
        let executor = ScriptedExecutor { host, _ in host == "slow" ? nil : .success(CheckSuccess()) }
        try Self.run(executor) { runner, clock in
            runner.replace([Self.instance("slow", interval: "10"), Self.instance("fast")])
            await clock.sleep(.seconds(1))
            #expect(executor.started.withLock { $0["slow"] == 1 && ($0["fast"] ?? 0) > 1 })
            runner.replace([])
            await clock.sleep(.seconds(1))
            #expect(executor.stopped.withLock { $0 } == ["slow"])
            #expect(runner.snapshot.records.isEmpty)
            let runs = executor.started.withLock { $0["fast"] }
            await clock.sleep(.seconds(60))
            #expect(executor.started.withLock { $0["fast"] } == runs)
        }
    }

    @Test func `an edited instance is a new one with its own history`() throws {
        try Self.run(ScriptedExecutor { _, _ in .success(CheckSuccess()) }) { runner, clock in
            runner.replace([Self.instance("a"), Self.instance("b")])
            await clock.sleep(.seconds(1))
            #expect((Self.record(runner, "tcp_check:b")?.runs ?? 0) > 3)
            runner.replace([Self.instance("b"), Self.instance("c")])
            await clock.sleep(.seconds(1))
            #expect((Self.record(runner, "tcp_check:c")?.runs ?? 0) > 0)
            #expect((Self.record(runner, "tcp_check:b")?.runs ?? 0) > 3)
            #expect(runner.snapshot.records.map(\.id) == ["tcp_check:b", "tcp_check:c"])
        }
    }

    @Test func `a run takes no longer than its interval`() throws {
        let executor = ScriptedExecutor { _, _ in nil }
        try Self.run(executor) { runner, clock in
            runner.replace([Self.instance("hangs", timeout: "600", interval: "3")])
            await clock.sleep(.seconds(10))
            let failure = Self.record(runner, "tcp_check:hangs")?.lastFailure
            #expect(failure == CheckFailure(.timeout, "not finished within 3s"))
        }
    }

    @Test func `an instance that waits for a worker for a whole interval is failing, and the log says why`() throws {
        let log = RecordingLog()
        let executor = ScriptedExecutor { _, _ in nil }
        try Self.run(workers: 1, executor, log: log) { runner, clock in
            let hanging = (0..<CheckSchedule.slowLimit + 3).map { Self.instance("hangs-\($0)", interval: "8") }
            runner.replace(hanging + [Self.instance("quick", interval: "0.5")])
            await clock.sleep(.seconds(30))
            let record = Self.record(runner, "tcp_check:quick")
            #expect((record?.failures[.starved] ?? 0) > 0)
        }
        let starved = log.fields(of: "check failing").filter { $0["kind"] == "starved" }
        #expect(starved.contains { $0["reason"] == "not started for an interval: all 1 check_runners are busy" })
    }

    @Test func `whoever waits for the end of all runs is told once they have ended`() throws {
        let executor = ScriptedExecutor { host, _ in host == "slow" ? nil : .success(CheckSuccess()) }
        try Self.run(executor) { runner, clock in
            let told = Watched(0)
            runner.whenIdle { told.update { $0 += 1 } }
            await clock.sleep(.seconds(1))
            #expect(told.value == 1, "nothing runs")
            runner.replace([Self.instance("slow", timeout: "4", interval: "10")])
            await clock.sleep(.seconds(11))
            #expect(runner.snapshot.running == 1)
            runner.replace([])
            runner.whenIdle { told.update { $0 += 1 } }
            await clock.sleep(.milliseconds(500))
            #expect(executor.stopped.withLock { $0.last } == "slow")
            #expect(told.value == 1, "the run was stopped, and goes on")
            await clock.sleep(.seconds(5))
            #expect(runner.snapshot.running == 0)
            #expect(told.value == 2)
        }
    }
}
