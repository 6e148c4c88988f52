import CheckModel
import JSON
import Kubernetes
import Platform
import TestKit
import Testing

@testable import AutoConf

@Suite struct ServiceSourceTests {
    private static func checks(_ name: String, _ url: String = "x") -> [String: String] {
        ["checks": #"{"\#(name)":{"instances":[{"url":"\#(url)"}]}}"#]
    }

    private let fixture = Fixture(AutoConfOptions(watchesServices: true))

    @Test func `the first list syncs the set and gives its configs`() {
        fixture.autoConf.handle(.applied(service(Self.checks("a"))))
        #expect(!fixture.isSynced)
        fixture.autoConf.handle(.replaced([service(Self.checks("b")), service(name: "plain")]))
        #expect(fixture.isSynced)
        #expect(fixture.keys == ["kube_service://shop/web#b#0"])
    }

    @Test func `an empty list gives a synced empty set`() {
        fixture.autoConf.handle(ReflectorEvent<Service>.replaced([]))
        #expect(fixture.isSynced)
        #expect(fixture.configs.isEmpty)
    }

    @Test func `a bad Service does not keep the set from being synced`() {
        fixture.autoConf.handle(.replaced([service(["checks": "{"]), service(Self.checks("a"), name: "good")]))
        #expect(fixture.isSynced)
        #expect(fixture.keys == ["kube_service://shop/good#a#0"])
        #expect(fixture.problems.count == 1)
    }

    @Test func `an edit that only composes an accent is an edit`() throws {
        fixture.autoConf.handle(.replaced([service(Self.checks("a", "\u{E9}"))]))
        let before = try #require(fixture.configs.first)
        fixture.autoConf.handle(.applied(service(Self.checks("a", "e\u{301}"))))
        let after = try #require(fixture.configs.first)
        #expect(before.key == after.key && before.digest != after.digest && before != after)
        fixture.autoConf.handle(
            .applied(service(["checks": "{\"\u{E9}\":{\"instances\":[{}]},\"e\u{301}\":{\"instances\":[{}]}}"])))
        #expect(fixture.configs.count == 2 && fixture.problems.isEmpty)
    }

    @Test func `an edited annotation is the same key with a new digest`() throws {
        fixture.autoConf.handle(.replaced([service(Self.checks("a", "x"))]))
        let before = try #require(fixture.configs.first)
        fixture.autoConf.handle(.applied(service(Self.checks("a", "y"))))
        let after = try #require(fixture.configs.first)
        #expect(fixture.configs.count == 1)
        #expect(before.key == after.key)
        #expect(before.digest != after.digest)
    }

    @Test func `a change that concerns no check makes no new version`() {
        fixture.autoConf.handle(.replaced([service(Self.checks("a"))]))
        let changes = fixture.desired.changes
        fixture.autoConf.handle(.applied(service(Self.checks("a"), labels: ["app": "shop"])))
        fixture.autoConf.handle(.applied(service(name: "plain")))
        fixture.autoConf.handle(.deleted(service(name: "plain")))
        fixture.autoConf.handle(.replaced([service(Self.checks("a"))]))
        #expect(fixture.desired.changes == changes)
    }

    @Test func `an annotation that becomes bad is told, and takes no config`() {
        fixture.autoConf.handle(.replaced([service(Self.checks("a")), service(Self.checks("a"), name: "other")]))
        fixture.autoConf.handle(.applied(service(["checks": "{"])))
        #expect(fixture.keys == ["kube_service://shop/other#a#0", "kube_service://shop/web#a#0"])
        #expect(fixture.problems.count == 1)
        fixture.autoConf.handle(.applied(service(Self.checks("a"))))
        #expect(fixture.keys.count == 2)
        #expect(fixture.problems.isEmpty)
    }

    @Test(arguments: [true, false])
    func `configs of deleted, unlisted or no longer annotated Services are removed`(isListed: Bool) {
        let other = service(Self.checks("a"), name: "other")
        let third = service(Self.checks("b"), name: "third")
        fixture.autoConf.handle(.replaced([service(Self.checks("a")), other, third]))
        if isListed {
            fixture.autoConf.handle(.replaced([other, service(name: "third")]))
        } else {
            fixture.autoConf.handle(.deleted(service(Self.checks("a"))))
            fixture.autoConf.handle(.applied(service(name: "third")))
        }
        #expect(fixture.keys == ["kube_service://shop/other#a#0"])
    }

    @Test func `a list of many Services gives the configs of all, and removes those of the others`() {
        let services = (0..<200).map { service(Self.checks("a"), name: "s\($0)") }
        fixture.autoConf.handle(.replaced(services))
        #expect(fixture.isSynced)
        #expect(fixture.configs.count == 200)
        var remaining = Array(services.dropFirst(50))
        remaining[80] = service(Self.checks("a", "y"), name: "s130")
        fixture.autoConf.handle(.replaced(remaining))
        #expect(Set(fixture.keys) == Set((50..<200).map { "kube_service://shop/s\($0)#a#0" }))
        #expect(
            fixture.configs.filter { $0.instances[0]["url"] == .string("y") }.map(\.key.source)
                == ["kube_service://shop/s130"])
    }

    @Test func `a changed address or port changes the config`() {
        fixture.autoConf.handle(.applied(service(Self.checks("a", "%%host%%:%%port%%"))))
        fixture.autoConf.handle(
            .applied(service(Self.checks("a", "%%host%%:%%port%%"), clusterIP: "10.96.0.9", ports: [.init(port: 7)])))
        #expect(fixture.configs.map { $0.instances[0]["url"] } == [.string("10.96.0.9:7")])
    }

    @Test func `a problem is logged once for each change`() {
        for _ in 0..<3 { fixture.autoConf.handle(.applied(service(["checks": "{"]))) }
        #expect(fixture.recorder.lines.count == 1)
        fixture.autoConf.handle(.applied(service(["checks": "[]"])))
        #expect(fixture.recorder.lines.count == 3)
        fixture.autoConf.handle(.deleted(service(["checks": "[]"])))
        #expect(
            fixture.recorder.lines.last?.hasPrefix("info config problem solved object=kube_service://shop/web") == true
        )
        #expect(fixture.problems.isEmpty)
    }

    @Test func `without any source the empty set is synced`() {
        #expect(Fixture(AutoConfOptions()).isSynced)
        #expect(Fixture(AutoConfOptions(confdPath: "")).isSynced)
        #expect(!fixture.isSynced)
    }

    @Test func `the metrics count configs and problems by source`() {
        var writer = MetricsWriter()
        fixture.autoConf.handle(.replaced([service(Self.checks("a")), service(["checks": "{"], name: "bad")]))
        fixture.autoConf.collect(into: &writer)
        #expect(writer.text.contains("\nautoconf_configs{source=\"services\"} 1\n"))
        #expect(writer.text.contains("\nautoconf_problems{source=\"services\"} 1\n"))
        #expect(writer.text.contains("\nautoconf_source_synced{source=\"services\"} 1\n"))
        #expect(!writer.text.contains("source=\"file\""))
    }
}
