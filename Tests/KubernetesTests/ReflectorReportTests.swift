import Kubernetes
import Platform
import Synchronization
import TestKit
import Testing

/// What a reflector reports of itself, in virtual time.
@Suite struct ReflectorReportTests {
    private static let forbidden = KubernetesError.status(Status(code: 403, message: "pods is forbidden"))

    private static func page(_ version: String, _ items: [Service] = []) -> ScriptedSource.Answer {
        .page(ObjectPage(resourceVersion: version, items: items))
    }

    private static func service(_ version: String) -> Service {
        Service(metadata: .init(name: "a", namespace: "n", resourceVersion: version), clusterIP: "10.0.0.1")
    }

    /// Runs the script, and calls `body` with the reflector, the source and the clock.
    private static func with<Value: Sendable>(
        _ answers: [ScriptedSource.Answer], isOptional: Bool = false, log: RecordingLog = RecordingLog(),
        _ body: @escaping @Sendable (Reflector<Service>, ScriptedSource, VirtualClock) async -> Value
    ) throws -> Value {
        try virtually { clock in
            let source = ScriptedSource(clock, answers)
            let reflector = Reflector<Service>(
                source: source, isOptional: isOptional, clock: clock, entropy: SeededEntropy(seed: 1),
                log: Log(sink: log)
            ) { _ in }
            return await withTaskGroup(of: Void.self) { group in
                group.addTask { await reflector.run() }
                let value = await body(reflector, source, clock)
                group.cancelAll()
                return value
            }
        }
    }

    @Test func `a reflector is synced and in contact from the list on`() throws {
        let answers = [
            Self.page("1"),
            .events([.applied(Self.service("2")), .bookmark(resourceVersion: "3")], lasting: .seconds(240)),
        ]
        let (before, during, start) = try Self.with(answers) { reflector, _, clock in
            let before = reflector.report
            let start = clock.now()
            await clock.sleep(.seconds(100))
            return (before, reflector.report, start)
        }
        #expect(!before.isSynced && before.lastContact == nil && !before.isSettled)
        #expect(during.resource == "services" && during.isSynced && during.problem == nil)
        #expect(during.lastContact == start && during.lastAttempt == start)
        #expect(during.events == ["applied": 1, "bookmark": 1] && during.restarts == [:])
    }

    @Test func `an outage is a problem from the first failure until the watch is reopened`() throws {
        let outage = Array(repeating: ScriptedSource.Answer.watchFails(.transport("refused")), count: 4)
        let answers =
            [Self.page("1"), .events([], failure: .transport("reset"))] + outage + [.events([], lasting: .seconds(240))]
        let (during, after, end) = try Self.with(answers) { reflector, source, clock in
            while source.requests.count < 5 { await clock.sleep(.milliseconds(100)) }
            await clock.sleep(.milliseconds(100))
            let during = reflector.report
            while source.requests.count < 7 { await clock.sleep(.milliseconds(100)) }
            await clock.sleep(.milliseconds(100))
            return (during, reflector.report, clock.now())
        }
        #expect(during.problem == .transport("refused") && during.isSynced)
        #expect(after.problem == nil && after.restarts == ["transport": 5])
        #expect(end - (after.lastContact ?? .distantPast) < .seconds(1))
    }

    @Test func `an optional forbidden resource is settled and comes back when it is granted`() throws {
        let log = RecordingLog()
        let answers =
            Array(repeating: ScriptedSource.Answer.listFails(Self.forbidden), count: 9) + [
                Self.page("1"), .events([], lasting: .seconds(240)),
            ]
        let (during, after, took) = try Self.with(answers, isOptional: true, log: log) { reflector, source, clock in
            let start = clock.now()
            await clock.sleep(.seconds(130))
            let during = reflector.report
            while !reflector.report.isSynced { await clock.sleep(.milliseconds(100)) }
            return (during, reflector.report, clock.now() - start)
        }
        #expect(during.isForbidden && during.isSettled && !during.isSynced && (during.restarts["refused"] ?? 0) > 3)
        #expect(after.problem == nil && after.isSettled && after.isSynced)
        #expect(took > .seconds(130))
        #expect(
            log.messages == [
                "no permission to list or watch: continuing without it, retrying every minute",
                "listing and watching work again",
            ])
    }

    @Test func `an optional resource that is not there is settled and empty until it is installed`() throws {
        let log = RecordingLog()
        let absent = ScriptedSource.Answer.listFails(.status(Status(code: 404, message: "404 page not found")))
        let answers = [absent, absent, Self.page("1"), .events([], lasting: .seconds(240))]
        let (during, after, took) = try Self.with(answers, isOptional: true, log: log) { reflector, source, clock in
            let start = clock.now()
            await clock.sleep(.seconds(70))
            let during = reflector.report
            while reflector.report.isAbsent { await clock.sleep(.milliseconds(100)) }
            return (during, reflector.report, clock.now() - start)
        }
        #expect(during.isAbsent && during.isSettled && during.isSynced && during.problem == nil)
        #expect(!after.isAbsent && after.isSynced && took == .seconds(120))
        #expect(
            log.messages == [
                "the cluster has no such resource: continuing without it, looking every minute",
                "the cluster has the resource now",
            ])
    }

    @Test func `a required forbidden resource is not settled`() throws {
        let report = try Self.with([.listFails(Self.forbidden)]) { reflector, _, clock in
            await clock.sleep(.seconds(1))
            return reflector.report
        }
        #expect(report.isForbidden && !report.isSettled)
    }

    @Test func `an attempt is never older than the report says, whatever the server does`() throws {
        let answers: [ScriptedSource.Answer] =
            Array(repeating: .listFails(.transport("refused")), count: 40) + [Self.page("1")]
            + Array(repeating: .events([], lasting: .seconds(330), failure: .transport("timed out")), count: 5)
            + Array(repeating: .watchFails(.status(Status(code: 429, retryAfterSeconds: 3600))), count: 20)
        let oldest = try Self.with(answers) { reflector, source, clock in
            var oldest = Duration.zero
            while source.requests.count < answers.count {
                await clock.sleep(.seconds(1))
                oldest = max(oldest, clock.now() - reflector.report.lastAttempt)
            }
            return (oldest, reflector.report.longestAttempt)
        }
        #expect(oldest.0 > .seconds(300) && oldest.0 <= .seconds(331) && oldest.1 == .seconds(660))
    }

    @Test func `the metrics are sorted and grouped by family`() {
        let now = Instant(nanoseconds: 100_000_000_000)
        let reports = [
            ResourceReport(
                resource: "services", isSynced: true, lastContact: now + .seconds(-5), lastAttempt: now,
                longestAttempt: .seconds(330), restarts: ["transport": 2, "ended": 1], events: ["applied": 7]),
            ResourceReport(
                resource: "pods", isSynced: false, problem: Self.forbidden, lastAttempt: now,
                longestAttempt: .seconds(330)),
        ]
        var writer = MetricsWriter()
        ResourceReport.collect(reports, now: now, into: &writer)
        let samples = writer.text.split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(
            samples == [
                "kubernetes_watch_synced{resource=\"pods\"} 0", "kubernetes_watch_synced{resource=\"services\"} 1",
                "kubernetes_watch_last_contact_seconds{resource=\"services\"} 5",
                "kubernetes_watch_restarts_total{resource=\"services\",reason=\"ended\"} 1",
                "kubernetes_watch_restarts_total{resource=\"services\",reason=\"transport\"} 2",
                "kubernetes_watch_events_total{resource=\"services\",type=\"applied\"} 7",
            ])
    }
}
