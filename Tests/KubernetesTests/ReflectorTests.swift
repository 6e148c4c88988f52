import Kubernetes
import Platform
import Synchronization
import TestKit
import Testing

/// The reflector as it runs, in virtual time.
@Suite struct ReflectorTests {
    private static func service(_ name: String, _ version: Int) -> Service {
        Service(
            metadata: .init(name: name, namespace: "n", resourceVersion: String(version)), clusterIP: "10.0.0.1")
    }

    private static func text(_ event: ReflectorEvent<Service>) -> String {
        switch event {
        case .replaced(let all, _): "all " + all.map { "\($0.name)\($0.resourceVersion)" }.joined(separator: " ")
        case .applied(let one): "+\(one.name)\(one.resourceVersion)"
        case .deleted(let one): "-\(one.name)\(one.resourceVersion)"
        }
    }

    /// Runs the script to its end; returns what was asked and what the handler was told.
    private static func run(
        _ answers: [ScriptedSource.Answer], log: RecordingLog = RecordingLog(), inPages: Bool = false
    ) throws -> (requests: [String], events: [String], synced: Bool) {
        try virtually { clock in
            let source = ScriptedSource(clock, answers)
            let told = Mutex<[String]>([])
            let onPage: (@Sendable (ReflectorPage<Service>) -> Void) = { page in
                let names = page.objects.map(\.name).joined(separator: " ")
                told.withLock { $0.append("\(page.isFirst ? "first" : "next") page \(names)") }
            }
            let reflector = Reflector<Service>(
                source: source, clock: clock, entropy: SeededEntropy(seed: 1), log: Log(sink: log),
                onPage: inPages ? onPage : nil
            ) { event in
                told.withLock { $0.append(Self.text(event)) }
            }
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await reflector.run() }
                while source.requests.count <= answers.count { await clock.sleep(.milliseconds(100)) }
                group.cancelAll()
            }
            return (source.requests, told.withLock { $0 }, reflector.synced.value)
        }
    }

    @Test func `objects arrive by the list and then by the watch`() throws {
        let end = try Self.run([
            .page(ObjectPage(resourceVersion: "1", continuation: "c", items: [Self.service("a", 1)])),
            .page(ObjectPage(resourceVersion: "1", items: [Self.service("b", 1)])),
            .events([.applied(Self.service("c", 2)), .deleted(Self.service("a", 3)), .bookmark(resourceVersion: "9")]),
            .events([.applied(Self.service("b", 10))]),
        ])
        #expect(end.requests == ["list 500 -", "list 500 c", "watch 1", "watch 9", "watch 10"])
        #expect(end.events == ["all a1 b1", "+c2", "-a3", "+b10"])
        #expect(end.synced)
    }

    @Test func `pages are delivered as they come, and the last one ends the list`() throws {
        let end = try Self.run(
            [
                .page(ObjectPage(resourceVersion: "1", continuation: "c", items: [Self.service("a", 1)])),
                .page(ObjectPage(resourceVersion: "1", continuation: "d", items: [Self.service("b", 1)])),
                .page(ObjectPage(resourceVersion: "1", items: [Self.service("c", 1)])),
                .events([.applied(Self.service("d", 2))]),
            ], inPages: true)
        #expect(end.events == ["first page a", "next page b", "all c1", "+d2"])
    }

    @Test func `the pages of a list that was given up do not count`() throws {
        let end = try Self.run(
            [
                .page(ObjectPage(resourceVersion: "1", continuation: "c", items: [Self.service("a", 1)])),
                .listFails(.status(Status(code: 410))),
                .page(ObjectPage(resourceVersion: "5", items: [Self.service("b", 4)])),
            ], inPages: true)
        #expect(end.events == ["first page a", "first page ", "all b4"])
    }

    @Test func `a failed list delivers nothing and syncs nothing`() throws {
        let log = RecordingLog()
        let forbidden = KubernetesError.status(Status(code: 403, message: "services is forbidden"))
        let end = try Self.run([.listFails(forbidden), .listFails(forbidden)], log: log)
        #expect(end.requests == ["list 500 -", "list 500 -", "list 500 -"])
        #expect(end.events == [])
        #expect(!end.synced)
        #expect(log.messages.count == 1)
        #expect(log.values(of: "reason").first?.contains("403 Forbidden: services is forbidden") == true)
    }

    @Test func `the pages of a failed list are not delivered`() throws {
        let end = try Self.run([
            .page(ObjectPage(resourceVersion: "1", continuation: "c", items: [Self.service("a", 1)])),
            .listFails(.status(Status(code: 410))),
            .page(ObjectPage(resourceVersion: "5", items: [Self.service("b", 4)])),
        ])
        #expect(end.requests == ["list 500 -", "list 500 c", "list all -", "watch 5"])
        #expect(end.events == ["all b4"])
    }

    @Test func `an expired watch replaces all objects`() throws {
        let end = try Self.run([
            .page(ObjectPage(resourceVersion: "1", items: [Self.service("a", 1), Self.service("b", 1)])),
            .events([.applied(Self.service("a", 2))], lasting: .seconds(5)),
            .events([.error(Status(code: 410, reason: "Expired"))]),
            .page(ObjectPage(resourceVersion: "50", items: [Self.service("b", 40)])),
        ])
        #expect(end.requests == ["list 500 -", "watch 1", "watch 2", "list 500 -", "watch 50"])
        #expect(end.events == ["all a1 b1", "+a2", "all b40"])
    }

    @Test func `a broken watch goes on where it stopped`() throws {
        let log = RecordingLog()
        let end = try Self.run(
            [
                .page(ObjectPage(resourceVersion: "1", items: [])),
                .events([.applied(Self.service("a", 2))], failure: .transport("reset")),
                .watchFails(.transport("refused")), .events([.applied(Self.service("b", 3))]),
            ], log: log)
        #expect(end.requests == ["list 500 -", "watch 1", "watch 2", "watch 2", "watch 3"])
        #expect(end.events == ["all ", "+a2", "+b3"])
        #expect(
            log.messages == [
                "listing or watching fails and is retried; the last known state stays in use",
                "listing and watching work again",
            ])
    }

    @Test func `the end of a failure is logged when the watch opens and not when it ends`() throws {
        let log = RecordingLog()
        try virtually { clock in
            let source = ScriptedSource(
                clock,
                [
                    .page(ObjectPage(resourceVersion: "1", items: [])), .watchFails(.transport("refused")),
                    .events([], lasting: .seconds(200)),
                ])
            let reflector = Reflector<Service>(
                source: source, clock: clock, entropy: SeededEntropy(seed: 1), log: Log(sink: log)
            ) { _ in }
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await reflector.run() }
                await clock.sleep(.seconds(20))
                group.cancelAll()
            }
        }
        #expect(log.messages.last == "listing and watching work again")
    }

    @Test func `an unreadable event replaces all objects`() throws {
        let end = try Self.run([
            .page(ObjectPage(resourceVersion: "1", items: [])),
            .events([], failure: .malformed(place: "watch", reason: "bad")),
            .page(ObjectPage(resourceVersion: "7", items: [Self.service("a", 7)])),
        ])
        #expect(end.requests == ["list 500 -", "watch 1", "list 500 -", "watch 7"])
        #expect(end.events == ["all ", "all a7"])
    }

    @Test func `an unknown event is skipped and logged`() throws {
        let log = RecordingLog()
        let end = try Self.run(
            [
                .page(ObjectPage(resourceVersion: "1", items: [])),
                .events([.unknown("NEW"), .applied(Self.service("a", 2))]),
            ], log: log)
        #expect(end.events == ["all ", "+a2"])
        #expect(log.values(of: "type") == ["NEW"])
    }
}
