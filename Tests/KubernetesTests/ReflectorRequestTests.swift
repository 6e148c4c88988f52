import Kubernetes
import Platform
import Synchronization
import TestKit
import Testing

/// What a reflector does when a new list is asked for, at any moment.
@Suite struct ReflectorRequestTests {
    private static let start = Instant(nanoseconds: 1_000_000_000_000)
    private static let firstList = ReflectorMachine.Action.list(ListRequest(limit: 500))
    private static let transport = KubernetesError.transport("refused")

    // MARK: What is decided

    /// A machine that watches from version 10.
    private static func watching() -> ReflectorMachine {
        var machine = ReflectorMachine()
        _ = machine.listed(resourceVersion: "10", continuation: nil)
        _ = machine.replaced(now: start, fraction: 0)
        return machine
    }

    private static func watch(from version: String) -> ReflectorMachine.Action {
        .watch(WatchRequest(resourceVersion: version, timeoutSeconds: 240))
    }

    /// What came on a watch before.
    private static let beginnings: [[ReflectorMachine.StreamEvent]] = [
        [], [.opened], [.opened, .bookmark(resourceVersion: "11")], [.error(Status(code: 500))],
    ]

    @Test(arguments: beginnings)
    func `a watch is ended for a new list, and that is no failure`(events: [ReflectorMachine.StreamEvent]) {
        var machine = Self.watching()
        for event in events { _ = machine.handle(event) }
        let next = machine.readAnew()
        #expect(next == Self.firstList)
        #expect(machine.restarts == ["requested": 1])
        #expect(machine.problem == nil && machine.drainNotices() == [])
        _ = machine.listed(resourceVersion: "20", continuation: nil)
        let watch = machine.replaced(now: Self.start, fraction: 0)
        #expect(watch == Self.watch(from: "20"))
    }

    @Test func `a list that is about to begin is new enough`() {
        var machine = ReflectorMachine()
        let first = machine.start()
        let instead = machine.readAnew()
        #expect(first == Self.firstList && instead == nil)
        _ = machine.listed(resourceVersion: "10", continuation: nil)
        let next = machine.replaced(now: Self.start, fraction: 0)
        #expect(next == Self.watch(from: "10"))
        #expect(machine.restarts == [:])
    }

    @Test(arguments: [false, true]) func `a list under way is finished and followed by one more`(isComplete: Bool) {
        var machine = ReflectorMachine()
        _ = machine.listed(resourceVersion: "10", continuation: "more")
        if isComplete { _ = machine.listed(resourceVersion: "10", continuation: nil) }
        for _ in 0..<3 {
            let instead = machine.readAnew()
            #expect(instead == nil)
        }
        if !isComplete {
            let end = machine.listed(resourceVersion: "10", continuation: nil)
            #expect(end == .replace)
        }
        let second = machine.replaced(now: Self.start, fraction: 0)
        #expect(second == Self.firstList)
        #expect(machine.restarts == ["requested": 1])
        _ = machine.listed(resourceVersion: "20", continuation: nil)
        let watch = machine.replaced(now: Self.start, fraction: 0)
        #expect(watch == Self.watch(from: "20"))
    }

    @Test func `a list that had to begin again is new enough`() {
        var machine = ReflectorMachine()
        _ = machine.listed(resourceVersion: "10", continuation: "more")
        _ = machine.readAnew()
        let again = machine.listFailed(.status(Status(code: 410)), now: Self.start, fraction: 0)
        #expect(again == .list(ListRequest(limit: nil)))
        _ = machine.listed(resourceVersion: "20", continuation: nil)
        let next = machine.replaced(now: Self.start, fraction: 0)
        #expect(next == Self.watch(from: "20"))
    }

    @Test(arguments: [transport, .status(Status(code: 429, retryAfterSeconds: 7)), .status(Status(code: 403))])
    func `a pause after a failure goes on and leads to a list`(error: KubernetesError) {
        var machine = ReflectorMachine(isOptional: true)
        _ = machine.listed(resourceVersion: "10", continuation: nil)
        _ = machine.replaced(now: Self.start, fraction: 0)
        _ = machine.ended(error, now: Self.start, fraction: 0)
        let instead = machine.readAnew()
        #expect(instead == nil)
        #expect(machine.problem == error)
        let next = machine.resumed(now: Self.start, fraction: 0)
        #expect(next == Self.firstList)
        #expect(machine.restarts["requested"] == nil)
    }

    @Test func `a pause without a failure is cut short`() {
        var machine = Self.watching()
        _ = machine.handle(.opened)
        _ = machine.handle(.bookmark(resourceVersion: "11"))
        let pause = machine.ended(nil, now: Self.start + .milliseconds(500), fraction: 0)
        #expect(pause == .pause(.milliseconds(800)))
        let next = machine.readAnew()
        #expect(next == Self.firstList)
    }

    @Test func `requests make no later pause longer`() {
        var machine = Self.watching()
        for second in 0..<10 {
            _ = machine.readAnew()
            _ = machine.listed(resourceVersion: "10", continuation: nil)
            _ = machine.replaced(now: Self.start + .seconds(second), fraction: 0)
        }
        let pause = machine.ended(Self.transport, now: Self.start + .seconds(10), fraction: 0)
        #expect(pause == .pause(.milliseconds(800)))
    }

    /// Anything may happen between the request and the list.
    @Test(arguments: UInt64(1)...40) func `no watch begins before the list that was asked for`(seed: UInt64) {
        let random = SeededEntropy(seed: seed)
        let errors = [
            Self.transport, .status(Status(code: 410)), .status(Status(code: 429)), .status(Status(code: 403)),
            .status(Status(code: 404)), .status(Status(code: 500)), .malformed(place: "p", reason: "r"),
            .answerTooLarge(limit: 1),
        ]
        var machine = ReflectorMachine(isOptional: seed.isMultiple(of: 2))
        var (action, now, isOwed) = (machine.start(), Self.start, false)
        var (lists, wrongWatches) = (0, 0)
        for _ in 0..<2_000 {
            if random.next(below: 6) == 0 {
                isOwed = true
                if let instead = machine.readAnew() { action = instead }
            }
            now = now + .milliseconds(random.next(below: 4_000))
            let error = random.next(below: 3) == 0 ? errors[random.next(below: errors.count)] : nil
            switch action {
            case .list(let request):
                if request.continuation == nil { (isOwed, lists) = (false, lists + 1) }
                let more = random.next(below: 2) == 0 ? "more" : nil
                if let error {
                    action = machine.listFailed(error, now: now, fraction: 0)
                } else {
                    action = machine.listed(resourceVersion: "1", continuation: more)
                }
            case .replace: action = machine.replaced(now: now, fraction: 0)
            case .tellAbsence: action = machine.absenceTold()
            case .watch:
                if isOwed { wrongWatches += 1 }
                for _ in 0..<random.next(below: 3) { _ = machine.handle(.opened) }
                if random.next(below: 2) == 0 { _ = machine.handle(.bookmark(resourceVersion: "2")) }
                // A request that comes now is seen before the watch ends.
                if random.next(below: 3) == 0, let instead = machine.readAnew() {
                    (action, isOwed) = (instead, true)
                } else {
                    action = machine.ended(error, now: now, fraction: 0)
                }
            case .pause(let duration):
                now = now + duration
                action = machine.resumed(now: now, fraction: 0)
            }
        }
        #expect(lists > 100 && wrongWatches == 0)
    }

    // MARK: What is done

    /// A script whose requests are told, and whose pages take some time.
    private struct TimedSource: ListWatchSource {
        let script: ScriptedSource
        let clock: VirtualClock
        let listTime: Duration
        let tell: @Sendable (String) -> Void

        func list(_ request: ListRequest, deadline: Instant) async throws(KubernetesError) -> ObjectPage<Service> {
            tell("list \(request.continuation ?? "-")")
            let page = try await script.list(request, deadline: deadline)
            await clock.sleep(listTime)
            return page
        }

        func watch(
            _ request: WatchRequest, deadline: Instant, onEvent: (WatchEvent<Service>) -> Bool
        ) async throws(KubernetesError) {
            tell("watch \(request.resourceVersion)")
            try await script.watch(request, deadline: deadline, onEvent: onEvent)
        }
    }

    private static func page(_ version: String, _ names: String..., more: String? = nil) -> ScriptedSource.Answer {
        .page(
            ObjectPage(
                resourceVersion: version, continuation: more,
                items: names.map { name in
                    Service(
                        metadata: .init(name: name, namespace: "n", resourceVersion: version), clusterIP: "10.0.0.1")
                }))
    }

    /// Runs the script for a minute, and asks for a new list at these times (seconds).
    ///
    /// - Returns: each request and each list, with its time, and what the reflector says of itself in the end.
    private static func run(
        _ answers: [ScriptedSource.Answer], asking times: [Double], listTime: Duration = .zero,
        log: RecordingLog = RecordingLog()
    ) throws -> (told: [String], report: ResourceReport) {
        try virtually { clock in
            let told = Mutex<[String]>([])
            let start = clock.now()
            let tell: @Sendable (String) -> Void = { text in
                told.withLock { $0.append("\((clock.now() - start).seconds) \(text)") }
            }
            let source = TimedSource(
                script: ScriptedSource(clock, answers), clock: clock, listTime: listTime, tell: tell)
            let reflector = Reflector<Service>(
                source: source, clock: clock, entropy: SeededEntropy(seed: 1), log: Log(sink: log)
            ) { event in
                guard case .replaced(let all, let begun) = event else { return }
                tell("all \(all.map(\.name).joined(separator: " ")) of \((begun - start).seconds)")
            }
            if times.first == 0 { reflector.readAnew() }
            let report = await withTaskGroup(of: Void.self) { group in
                group.addTask { await reflector.run() }
                for time in times where time > 0 {
                    try? await clock.sleep(until: start + .seconds(time))
                    reflector.readAnew()
                }
                try? await clock.sleep(until: start + .seconds(60))
                defer { group.cancelAll() }
                return reflector.report
            }
            return (told.withLock { $0 }, report)
        }
    }

    @Test func `a watch in flight is ended at once`() throws {
        let log = RecordingLog()
        let answers = [
            Self.page("1", "a"), .events([.bookmark(resourceVersion: "5")], lasting: .seconds(240)),
            Self.page("7", "b"),
            .events([], lasting: .seconds(240)),
        ]
        let (told, report) = try Self.run(answers, asking: [10.5], log: log)
        #expect(
            told == [
                "0.0 list -", "0.0 all a of 0.0", "0.0 watch 1", "10.5 list -", "10.5 all b of 10.5", "10.5 watch 7",
            ])
        #expect(report.restarts == ["requested": 1] && report.problem == nil)
        #expect(log.messages == [])
    }

    @Test func `a watch that the server does not answer is ended too`() throws {
        let (told, _) = try Self.run([Self.page("1")], asking: [3])
        #expect(told == ["0.0 list -", "0.0 all  of 0.0", "0.0 watch 1", "3.0 list -"])
    }

    @Test(arguments: [[2], [5], [2, 2.5, 5]]) func `the list that follows one under way begins after its end`(
        times: [Double]
    ) throws {
        let answers = [
            Self.page("1", "a", more: "c"), Self.page("1", "b"), Self.page("9", "d"),
            .events([], lasting: .seconds(240)),
        ]
        let (told, report) = try Self.run(answers, asking: times, listTime: .seconds(4))
        #expect(
            told == [
                "0.0 list -", "4.0 list c", "8.0 all a b of 0.0", "8.0 list -", "12.0 all d of 8.0", "12.0 watch 9",
            ])
        #expect(report.restarts == ["requested": 1])
    }

    @Test func `a list that was given up and begun again begins when it is begun again`() throws {
        let answers = [
            Self.page("1", "a", more: "c"), .listFails(.status(Status(code: 410))), Self.page("9", "b"),
            .events([], lasting: .seconds(240)),
        ]
        let (told, _) = try Self.run(answers, asking: [], listTime: .seconds(4))
        #expect(told == ["0.0 list -", "4.0 list c", "4.0 list -", "8.0 all b of 4.0", "8.0 watch 9"])
    }

    @Test func `requests shorten no pause after a failure`() throws {
        let failing = [Self.page("1"), .watchFails(Self.transport)]
        let end = ScriptedSource.Answer.events([], lasting: .seconds(240))
        let alone = try Self.run(failing + [end], asking: []).told
        let (told, report) = try Self.run(failing + [Self.page("2"), end], asking: [0.25, 0.5])
        let resumed = try #require(alone.last?.split(separator: " ").first)
        #expect(alone.last == "\(resumed) watch 1" && told.count == 6)
        #expect(told.dropFirst(3) == ["\(resumed) list -", "\(resumed) all  of \(resumed)", "\(resumed) watch 2"])
        #expect(report.restarts == ["transport": 1])
    }

    @Test func `a request ends a pause after a watch that was merely short`() throws {
        let answers = [
            Self.page("1"), .events([.bookmark(resourceVersion: "2")], lasting: .milliseconds(500)), Self.page("3"),
            .events([], lasting: .seconds(240)),
        ]
        let told = try Self.run(answers, asking: [0.75]).told
        #expect(told.dropFirst(3) == ["0.75 list -", "0.75 all  of 0.75", "0.75 watch 3"])
    }

    @Test func `what was asked for before the start is the first list`() throws {
        let (told, report) = try Self.run([Self.page("1"), .events([], lasting: .seconds(240))], asking: [0])
        #expect(told == ["0.0 list -", "0.0 all  of 0.0", "0.0 watch 1"])
        #expect(report.restarts == [:])
    }
}
