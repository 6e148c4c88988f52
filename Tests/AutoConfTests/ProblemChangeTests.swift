import Kubernetes
import TestKit
import Testing

@testable import AutoConf

/// What the composition root hears of problems, to write Events about the Services that have them.
@Suite struct ProblemChangeTests {
    private static let bad = ["checks": "{"]
    private static let good = ["checks": #"{"a":{"instances":[{}]}}"#]
    private static let odd = ["checks": #"{"a":{"instances":[{}],"instance":1}}"#]

    private let fixture = Fixture(AutoConfOptions(watchesServices: true))

    private func changes(_ event: ReflectorEvent<Service>) -> [ProblemChange] {
        fixture.autoConf.handle(event)
        return fixture.changes.take()
    }

    @Test func `a bad annotation is reported once and names the Service`() throws {
        let change = try #require(changes(.applied(service(Self.bad))).first)
        #expect(change.object == ObjectReference(kind: "Service", namespace: "shop", name: "web", uid: "u1"))
        #expect(change.appeared.map(\.object) == ["kube_service://shop/web"])
        #expect(change.appeared.map(\.severity) == [.error])
        #expect(change.solved.isEmpty)
        #expect(change.remaining == 1)
        #expect(!change.isMended)
        #expect(changes(.applied(service(Self.bad))).isEmpty)
        #expect(changes(.replaced([service(Self.bad)])).isEmpty)
    }

    @Test(arguments: [good, odd, [:]], [false, true])
    func `a problem ends when the annotation is corrected or removed`(annotations: [String: String], isListed: Bool)
        throws
    {
        _ = changes(.replaced([service(Self.bad)]))
        let mended = service(annotations)
        let told = changes(isListed ? .replaced([mended]) : .applied(mended))
        #expect(told.count == 1)
        let change = try #require(told.first)
        #expect(change.solved.count == 1)
        #expect(change.remaining == 0)
        #expect(change.isMended)
        #expect(change.object?.name == "web")
    }

    @Test(arguments: [false, true])
    func `the deletion of a Service is not reported as the end of its problem`(isListed: Bool) {
        _ = changes(.replaced([service(Self.bad)]))
        #expect(changes(isListed ? .replaced([]) : .deleted(service(Self.bad))).isEmpty)
        #expect(fixture.autoConf.objectProblems.isEmpty)
    }

    @Test(arguments: [false, true])
    func `another Service of the same name does not end the problem of the first`(isListed: Bool) {
        _ = changes(.replaced([service(Self.bad)]))
        let second = service(Self.good, uid: "u2")
        #expect(changes(isListed ? .replaced([second]) : .applied(second)).isEmpty)
        #expect(fixture.configs.count == 1)
        let third = service(Self.bad, uid: "u3")
        #expect(changes(isListed ? .replaced([third]) : .applied(third)).map(\.object?.uid) == ["u3"])
    }

    @Test func `the number of remaining problems is reported`() {
        let two = ["checks": "{", "logs": "{}"]
        #expect(changes(.applied(service(two))).map(\.remaining) == [2])
        let changes = changes(.applied(service(Self.bad)))
        #expect(changes.map(\.remaining) == [1])
        #expect(changes.map(\.isMended) == [false])
    }

    @Test func `a warning is reported and ends no problem`() {
        #expect(changes(.applied(service(Self.odd))).map(\.remaining) == [0])
        let changes = changes(.applied(service(Self.good)))
        #expect(changes.map(\.solved.count) == [1])
        #expect(changes.map(\.isMended) == [false])
    }

    @Test func `a new leader finds the Services with problems`() {
        fixture.autoConf.handle(
            .replaced([
                service(Self.bad, name: "b"), service(Self.good, name: "c"), service(Self.bad, name: "a"),
            ]))
        let problems = fixture.autoConf.objectProblems
        #expect(problems.map(\.object.name) == ["a", "b"])
        #expect(problems.map(\.problems.count) == [1, 1])
    }

    @Test func `the Service of a config is found by its source`() {
        let uid = "0f9c1e2d-3b4a-4c5d-8e6f-7a8b9c0d1e2f"
        let services = [service(Self.good, name: "web", uid: uid), service(Self.good, name: "odd")]
        fixture.autoConf.handle(.replaced(services))
        #expect(fixture.autoConf.object(ofSource: "kube_service://shop/web")?.uid == uid)
        #expect(fixture.autoConf.object(ofSource: "kube_service://shop/odd")?.uid == "")
        let namespace = fixture.autoConf.object(ofSource: "kube_service://shop/web")?.namespace
        #expect(namespace == "shop")
        let ofEndpoint = fixture.autoConf.object(ofSource: "kube_endpoint_uid://shop/web/10.0.0.1")
        #expect(ofEndpoint?.name == "web")
        for other in ["kube_service://shop/other", "kube_service://shop", "file:/etc/a.json", "kube_service:/", ""] {
            #expect(fixture.autoConf.object(ofSource: other) == nil)
        }
    }

    @Test func `the problem of a file has no object`() async throws {
        let directory = try TemporaryDirectory()
        try directory.write("a.json", "{")
        let fixture = Fixture(AutoConfOptions(confdPath: directory.path))
        try await whileRunning(fixture) {}
        let changes = fixture.changes.take()
        #expect(changes.flatMap(\.appeared).map(\.object) == ["file:\(directory.path)/a.json"])
        #expect(changes.map(\.object) == [nil])
    }
}
