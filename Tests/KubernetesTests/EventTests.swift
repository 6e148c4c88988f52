import Platform
import Testing

@testable import Kubernetes

let web = ObjectReference(kind: "Service", namespace: "shop", name: "web", uid: "u-1", resourceVersion: "7")

private func note(_ message: String, _ object: ObjectReference = web) -> EventNote {
    EventNote(.warning, reason: "InvalidCheckConfig", message: message, about: object)
}

@Suite struct EventNoteTests {
    @Test func `the name of an Event is the object's name and a hash of its content`() {
        let name = note("broken").name
        #expect(name.hasPrefix("web."))
        #expect(name.utf8.count == "web.".utf8.count + 16)
        #expect(note("broken").name == name)
        var later = web
        later.resourceVersion = "8"
        #expect(note("broken", later).name == name)
    }

    @Test func `any difference gives another name`() {
        var (other, recreated) = (web, web)
        other.name = "api"
        recreated.uid = "u-2"
        let notes = [
            note("broken"), note("broken too"), note("broken", other), note("broken", recreated),
            EventNote(.normal, reason: "InvalidCheckConfig", message: "broken", about: web),
            EventNote(.warning, reason: "Other", message: "broken", about: web), note("broken").combined,
        ]
        #expect(Set(notes.map(\.name)).count == notes.count)
    }

    @Test func `combined Events have one name whatever their messages`() {
        #expect(note("a").combined.name == note("b").combined.name)
        #expect(note("a").combined.message == "(combined from similar events): a")
    }

    @Test(arguments: ["Web", "a_b", "-a", "a..b", "", "é", String(repeating: "a", count: 240)])
    func `an object whose name is not a DNS subdomain gives only a hash`(name: String) {
        var object = web
        object.name = name
        #expect(note("x", object).name.utf8.count == 16)
        #expect(isDNSSubdomain(note("x", object).name))
    }

    @Test func `an Event is in the namespace of its object or in default`() {
        #expect(note("x").namespace == "shop")
        #expect(note("x", ObjectReference(kind: "Node", namespace: "", name: "n")).namespace == "default")
    }

    @Test(arguments: [
        (String(repeating: "a", count: 1024), 1024), (String(repeating: "a", count: 1025), 1024),
        (String(repeating: "é", count: 600), 1024), ("a" + String(repeating: "é", count: 600), 1023),
        (String(repeating: "👩‍👩‍👧‍👧", count: 60), 1000), ("", 0),
    ])
    func `a long message is cut between characters`(message: String, bytes: Int) {
        let cut = note(message).message
        #expect(cut.utf8.count == bytes)
        #expect(message.hasPrefix(cut))
    }

    @Test func `the hash is FNV-1a of each text and a zero byte`() {
        #expect(note("broken").name == "web.a56524ace288a43a")
    }

    @Test func `an Event is encoded as the core API wants it`() throws {
        let time = WallTime(nanoseconds: 1_767_323_045_999_999_999)
        let event = Event(note: note("broken"), component: "c", instance: "pod-1", first: time, last: time, count: 2)
        let text = String(decoding: event.encoded(), as: UTF8.self)
        #expect(
            text == #"{"apiVersion":"v1","count":2,"firstTimestamp":"2026-01-02T03:04:05Z","involvedObject":{"#
                + #""apiVersion":"v1","kind":"Service","name":"web","namespace":"shop","resourceVersion":"7","uid":"u-1"},"#
                + #""kind":"Event","lastTimestamp":"2026-01-02T03:04:05Z","message":"broken","metadata":{"name":"#
                + "\"\(event.note.name)\"" + #","namespace":"shop"},"reason":"InvalidCheckConfig","#
                + #""reportingComponent":"c","reportingInstance":"pod-1","source":{"component":"c"},"type":"Warning"}"#)
    }
}

@Suite struct EventCorrelatorTests {
    private static let start = Instant(nanoseconds: 0)

    @Test func `ten different messages are separate Events and the rest are combined`() {
        var correlator = EventCorrelator()
        let sent = (0..<13).map { correlator.admit(note("m\($0)"), now: Self.start) }
        #expect(sent.prefix(10) == (0..<10).map { note("m\($0)") }[...])
        #expect(sent.suffix(3) == (10..<13).map { note("m\($0)").combined }[...])
        let known = correlator.admit(note("m3"), now: Self.start)
        #expect(known == note("m3"))
    }

    @Test func `after ten quiet minutes messages are separate again`() {
        var correlator = EventCorrelator()
        for index in 0..<11 { _ = correlator.admit(note("m\(index)"), now: Self.start) }
        let later = Self.start + .seconds(600)
        let soon = correlator.admit(note("new"), now: later)
        #expect(soon == note("new").combined)
        let late = correlator.admit(note("new"), now: later + .seconds(601))
        #expect(late == note("new"))
    }

    @Test func `other objects and reasons are not combined`() {
        var correlator = EventCorrelator()
        for index in 0..<11 { _ = correlator.admit(note("m\(index)"), now: Self.start) }
        var other = web
        other.uid = "u-2"
        let reason = EventNote(.warning, reason: "Other", message: "x", about: web)
        let sent = [note("x", other), reason].map { correlator.admit($0, now: Self.start) }
        #expect(sent == [note("x", other), reason])
    }

    @Test func `one object gets 25 Events at once and then one in five minutes`() {
        var correlator = EventCorrelator()
        func isSent(_ object: ObjectReference, after seconds: Int) -> Bool {
            correlator.admit(note("same", object), now: Self.start + .seconds(seconds)) != nil
        }
        #expect((0..<30).filter { _ in isSent(web, after: 0) }.count == 25)
        #expect(!isSent(web, after: 299))
        #expect(isSent(web, after: 300))
        #expect(!isSent(web, after: 300))
        #expect((0..<3).filter { _ in isSent(web, after: 900) }.count == 2)
        #expect((0..<30).filter { _ in isSent(web, after: 1_000_000) }.count == 25)
        var (later, other) = (web, web)
        later.resourceVersion = "8"
        other.name = "api"
        #expect(!isSent(later, after: 1_000_000))
        #expect(isSent(other, after: 1_000_000))
    }

    @Test func `the least recently used entry is evicted first`() {
        var memory = RecentlyUsed<Int, String>(limit: 3)
        for key in 1...3 { memory[key] = "\(key)" }
        let used = memory[1]
        memory[4] = "4"
        let kept = (1...4).map { memory[$0] }
        #expect(used == "1")
        #expect(kept == ["1", nil, "3", "4"])
        #expect(memory.count == 3)
    }
}

@Suite struct EventQueueTests {
    @Test func `a repeated Event is queued once and counted`() {
        var queue = EventQueue()
        for (second, message) in ["a", "a", "a", "b"].enumerated() {
            let isQueued = queue.add(note(message), at: WallTime(nanoseconds: Int64(second)))
            #expect(isQueued)
        }
        let taken = [queue.takeFirst(), queue.takeFirst()]
        #expect(taken[0]?.count == 3)
        #expect(taken[0]?.first == WallTime(nanoseconds: 0))
        #expect(taken[0]?.last == WallTime(nanoseconds: 2))
        #expect(taken[1]?.note == note("b"))
        #expect(queue.isEmpty)
    }

    @Test func `the newest Event is dropped when the queue is full`() {
        var queue = EventQueue()
        func isQueued(_ message: String) -> Bool { queue.add(note(message), at: WallTime(nanoseconds: 0)) }
        #expect((0..<EventQueue.limit).allSatisfy { isQueued("\($0)") })
        #expect(!isQueued("new"))
        #expect(isQueued("5"))
        let first = queue.takeFirst()
        #expect(first?.note == note("0"))
        #expect(isQueued("new"))
    }
}

/// Each row: what the API server answers, and what is asked of it.
@Suite struct EventDeliveryTests {
    private static let time = WallTime(nanoseconds: 1_767_323_045_000_000_000)

    private static func delivery(count: Int = 2) -> EventDelivery {
        EventDelivery(
            PendingEvent(note: note("x"), first: time, last: time, count: count), component: "c", instance: "me")
    }

    private static func stored(_ count: Int, by instance: String = "other") -> EventDelivery.Answer {
        .found(StoredEvent(resourceVersion: "9", count: count, last: "2026-01-02T03:04:05Z", instance: instance))
    }

    private static func refused(_ code: Int) -> EventDelivery.Answer {
        .failed(.status(Status(code: code)))
    }

    /// Gives `answers` one after the other; what was asked, with the counts, and the last step.
    private static func run(_ answers: [EventDelivery.Answer]) -> (asked: [String], end: EventDelivery.Step) {
        var delivery = delivery()
        var asked: [String] = []
        var step = EventDelivery.Step.ask
        for answer in answers where step == .ask || step == .askLater {
            switch delivery.request {
            case .create(let event): asked.append("create \(event.count)")
            case .get: asked.append("get")
            case .patch(let patch, _, _): asked.append("patch \(patch.count)")
            }
            step = delivery.received(answer)
        }
        return (asked, step)
    }

    private static let silence = EventDelivery.Answer.failed(.transport("no answer"))

    static let rows: [([EventDelivery.Answer], [String], EventDelivery.Step)] = [
        ([.stored], ["create 2"], .done),
        ([refused(409), stored(5), .stored], ["create 2", "get", "patch 7"], .done),
        // It expired between the two.
        ([refused(409), refused(404), .stored], ["create 2", "get", "create 2"], .done),
        ([refused(409), stored(5), refused(404), .stored], ["create 2", "get", "patch 7", "create 2"], .done),
        // Another replica was faster.
        (
            [refused(409), stored(5), refused(409), stored(6), .stored],
            ["create 2", "get", "patch 7", "get", "patch 8"], .done
        ),
        // The creation had happened.
        ([silence, refused(409), stored(2, by: "me")], ["create 2", "create 2", "get"], .done),
        // What had happened was another replica's.
        ([silence, refused(409), stored(2), .stored], ["create 2", "create 2", "get", "patch 4"], .done),
        // The change had happened, or not.
        ([refused(409), stored(5), silence, stored(7, by: "me")], ["create 2", "get", "patch 7", "get"], .done),
        (
            [refused(409), stored(5), silence, stored(5), .stored], ["create 2", "get", "patch 7", "get", "patch 7"],
            .done
        ),
        ([refused(409), stored(Int.max), .stored], ["create 2", "get", "patch 2147483647"], .done),
        ([refused(403)], ["create 2"], .dropped(.status(Status(code: 403)))),
        ([refused(500)], ["create 2"], .dropped(.status(Status(code: 500)))),
        ([silence], ["create 2"], .askLater),
    ]

    @Test(arguments: rows.indices)
    func `an Event is delivered once whatever the answers`(row: Int) {
        let (answers, asked, end) = Self.rows[row]
        let result = Self.run(answers)
        #expect(result.asked == asked)
        #expect(result.end == end)
    }

    @Test func `after twelve unanswered attempts an Event is dropped`() {
        let result = Self.run(Array(repeating: Self.silence, count: 20))
        #expect(result.asked.count == 12)
        #expect(result.end == .dropped(.transport("no answer")))
    }

    @Test func `conflicts with other writers end`() {
        let quarrel = (0..<50).flatMap { _ in [Self.stored(1), Self.refused(409)] }
        let result = Self.run([Self.refused(409)] + quarrel)
        #expect(result.asked.count == 10)
        guard case .dropped = result.end else { Issue.record("it goes on"); return }
    }
}
