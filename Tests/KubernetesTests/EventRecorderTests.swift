import HTTPServer
import Platform
import Synchronization
import TestKit
import Testing

@testable import Kubernetes

/// Events as a server would keep them, in virtual time.
final class EventShelf: EventClient {
    private struct State {
        var calls: [(time: Instant, call: String)] = []
        var stored: [String: (event: Event, count: Int)] = [:]
        var version = 1
        var refusal: KubernetesError?
        var latency = Duration.milliseconds(1)
    }

    private let clock: VirtualClock
    private let state = Mutex(State())

    init(clock: VirtualClock) {
        self.clock = clock
    }

    /// Answers every request with this from now on; nil to serve again.
    func refuse(_ error: KubernetesError?) {
        state.withLock { $0.refusal = error }
    }

    func set(latency: Duration) {
        state.withLock { $0.latency = latency }
    }

    var calls: [String] {
        state.withLock { $0.calls.map(\.call) }
    }

    var times: [Instant] {
        state.withLock { $0.calls.map(\.time) }
    }

    /// Messages and counts, by message.
    var told: [String] {
        state.withLock { $0.stored.values.map { "\($0.event.note.message) ×\($0.count)" }.sorted() }
    }

    var events: [Event] {
        state.withLock { $0.stored.values.map(\.event).sorted { $0.note.message < $1.note.message } }
    }

    func perform(_ request: EventDelivery.Request, deadline: Instant) async -> EventDelivery.Answer {
        let arrival = clock.now() + state.withLock { $0.latency }
        do { try await clock.sleep(until: min(arrival, deadline)) } catch { return .failed(.transport("cancelled")) }
        guard arrival <= deadline else { return .failed(.transport("timed out")) }
        return state.withLock { state in
            let now = clock.now()
            if let refusal = state.refusal {
                state.calls.append((now, "refused"))
                return .failed(refusal)
            }
            state.version += 1
            switch request {
            case .create(let event):
                state.calls.append((now, "create"))
                guard state.stored[event.note.name] == nil else { return .failed(.status(Status(code: 409))) }
                state.stored[event.note.name] = (event, event.count)
                return .stored
            case .get(_, let name):
                state.calls.append((now, "get"))
                guard let (event, count) = state.stored[name] else { return .failed(.status(Status(code: 404))) }
                return .found(
                    StoredEvent(
                        resourceVersion: "\(state.version)", count: count, last: eventTime(event.last),
                        instance: event.instance))
            case .patch(let patch, _, let name):
                state.calls.append((now, "patch"))
                state.stored[name]?.count = patch.count
                return .stored
            }
        }
    }
}

@Suite struct EventRecorderTests {
    private static func recorder(_ shelf: EventShelf, _ clock: VirtualClock, _ log: RecordingLog) -> EventRecorder {
        EventRecorder(
            events: shelf, component: "cluster-agent", instance: "pod-1", clock: clock, entropy: SeededEntropy(seed: 1),
            log: Log(sink: log, minimum: .debug))
    }

    /// Runs a recorder; cancels it at the end of `body` and lets it finish.
    private static func with(
        _ body: @escaping @Sendable (EventRecorder, EventShelf, VirtualClock, RecordingLog) async throws -> Void
    ) throws {
        try virtually { clock in
            let (shelf, log) = (EventShelf(clock: clock), RecordingLog())
            let recorder = recorder(shelf, clock, log)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await recorder.run() }
                await clock.sleep(.milliseconds(1))
                try await body(recorder, shelf, clock, log)
                group.cancelAll()
            }
            await recorder.finish()
        }
    }

    private static func tell(_ recorder: EventRecorder, _ message: String, about object: ObjectReference = web) {
        recorder.record(.warning, reason: "InvalidCheckConfig", message: message, about: object)
    }

    @Test func `Events are sent in order and repetitions are counted`() throws {
        try Self.with { recorder, shelf, clock, _ in
            Self.tell(recorder, "a")
            Self.tell(recorder, "b")
            await clock.sleep(.seconds(1))
            Self.tell(recorder, "a")
            await clock.sleep(.seconds(1))
            #expect(shelf.told == ["a ×2", "b ×1"])
            #expect(shelf.calls == ["create", "create", "create", "get", "patch"])
            #expect(shelf.events.allSatisfy { $0.instance == "pod-1" && $0.component == "cluster-agent" })
        }
    }

    @Test func `two replicas and a restart count in one Event`() throws {
        try virtually { clock in
            let shelf = EventShelf(clock: clock)
            for _ in 0..<3 {
                let recorder = Self.recorder(shelf, clock, RecordingLog())
                Self.tell(recorder, "a")
                await recorder.finish()
            }
            #expect(shelf.told == ["a ×3"])
        }
    }

    @Test func `in an outage an Event is retried every ten seconds`() throws {
        try Self.with { recorder, shelf, clock, log in
            shelf.refuse(.transport("connection refused"))
            Self.tell(recorder, "a")
            await clock.sleep(.seconds(60))
            shelf.refuse(nil)
            await clock.sleep(.seconds(10))
            #expect(shelf.told == ["a ×1"])
            let times = shelf.times
            #expect(times.count > 6)
            #expect(times[1] - times[0] <= .seconds(10) + .milliseconds(1))
            for (earlier, later) in zip(times.dropFirst(), times.dropFirst(2)) {
                #expect(later - earlier == .seconds(10) + .milliseconds(1))
            }
            #expect(log.messages == [])
        }
    }

    @Test func `after twelve attempts an Event is dropped with one warning and the next is tried`() throws {
        try Self.with { recorder, shelf, clock, log in
            shelf.refuse(.transport("connection refused"))
            Self.tell(recorder, "a")
            Self.tell(recorder, "b")
            await clock.sleep(.seconds(300))
            #expect(shelf.calls.count == 24)
            #expect(log.levels == [.warning, .debug])
            shelf.refuse(nil)
            Self.tell(recorder, "c")
            await clock.sleep(.seconds(1))
            #expect(shelf.told == ["c ×1"])
        }
    }

    @Test(arguments: [(400, [LogLevel.debug, .debug]), (500, [.debug, .debug]), (403, [.warning, .debug])])
    func `a refused Event is not retried`(code: Int, levels: [LogLevel]) throws {
        try Self.with { recorder, shelf, clock, log in
            shelf.refuse(.status(Status(code: code, message: "no")))
            Self.tell(recorder, "a")
            Self.tell(recorder, "b")
            await clock.sleep(.seconds(100))
            #expect(shelf.calls == ["refused", "refused"])
            #expect(log.levels == levels)
        }
    }

    @Test func `a namespace that is being deleted is not logged`() throws {
        try Self.with { recorder, shelf, clock, log in
            let message = "unable to create new content in namespace shop because it is being terminated"
            shelf.refuse(.status(Status(code: 403, message: message)))
            Self.tell(recorder, "a")
            await clock.sleep(.seconds(1))
            #expect(log.levels == [])
        }
    }

    @Test func `a full queue drops the newest Event with one warning`() throws {
        try Self.with { recorder, shelf, clock, log in
            shelf.set(latency: .seconds(5))
            for index in 0..<(EventQueue.limit + 10) {
                Self.tell(recorder, "x", about: ObjectReference(kind: "Service", namespace: "n", name: "s\(index)"))
            }
            #expect(log.messages == ["too many Events wait to be sent; new ones are dropped"])
            shelf.set(latency: .milliseconds(1))
            await clock.sleep(.seconds(20))
            #expect(shelf.told.count == EventQueue.limit)
        }
    }

    @Test func `pending Events are sent after cancellation`() throws {
        let told = Mutex<[String]>([])
        try virtually { clock in
            let (shelf, recorder) = Self.make(clock)
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await recorder.run() }
                await clock.sleep(.seconds(1))
                shelf.set(latency: .milliseconds(500))
                Self.tell(recorder, "under way")
                await clock.sleep(.milliseconds(100))
                Self.tell(recorder, "last words")
                group.cancelAll()
            }
            await recorder.finish()
            told.withLock { $0 = shelf.told }
        }
        #expect(told.withLock { $0 } == ["last words ×1", "under way ×1"])
    }

    @Test func `finishing takes at most two seconds`() throws {
        try virtually { clock in
            let (shelf, recorder) = Self.make(clock)
            shelf.set(latency: .seconds(60))
            Self.tell(recorder, "a")
            let start = clock.now()
            await recorder.finish()
            #expect(clock.now() - start == .seconds(2))
        }
    }

    private static func make(_ clock: VirtualClock) -> (EventShelf, EventRecorder) {
        let shelf = EventShelf(clock: clock)
        return (shelf, recorder(shelf, clock, RecordingLog()))
    }
}

/// Events over HTTP.
@Suite struct KubernetesEventClientTests {
    @Test func `a new Event is posted and an existing one read and patched`() async throws {
        let stored = #"{"metadata":{"resourceVersion":"5"},"count":3,"lastTimestamp":null,"reportingInstance":""}"#
        let answer: ScriptedAPIServer.Answer = { request, _ in
            let status = request.method == .post ? 409 : 200
            return HTTPResponse(status: status, body: [Array((status == 409 ? "{}" : stored).utf8)])
        }
        try await ScriptedAPIServer.with(answer) { client, server, _ in
            let recorder = EventRecorder(
                client: client, instance: "pod-1", clock: SystemClock(), entropy: SystemEntropy(),
                log: Log(sink: NoLog()))
            recorder.record(.warning, reason: "InvalidCheckConfig", message: "broken", about: web)
            let name = EventNote(.warning, reason: "InvalidCheckConfig", message: "broken", about: web).name
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await recorder.run() }
                try? await eventually("three requests") { server.lines.count >= 3 }
                group.cancelAll()
            }
            let path = "/api/v1/namespaces/shop/events"
            #expect(server.lines == ["post \(path)", "get \(path)/\(name)", "other(\"PATCH\") \(path)/\(name)"])
            let patch = try #require(server.requests.last)
            #expect(patch.headers["Content-Type"] == "application/merge-patch+json")
            let body = String(decoding: patch.body, as: UTF8.self)
            #expect(body.hasPrefix(#"{"count":4,"lastTimestamp":"20"#))
            #expect(
                body.hasSuffix(#"","message":"broken","metadata":{"resourceVersion":"5"},"reportingInstance":"pod-1"}"#)
            )
            #expect(server.requests.first?.headers["Content-Type"] == "application/json")
        }
    }
}
