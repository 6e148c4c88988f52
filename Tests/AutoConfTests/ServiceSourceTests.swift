import AutoConf
import CheckModel
import Kubernetes
import Platform
import Testing

@Suite struct ServiceSourceTests {
    private static func checks(_ name: String, _ url: String = "x") -> [String: String] {
        ["checks": #"{"\#(name)":{"instances":[{"url":"\#(url)"}]}}"#]
    }

    private let fixture = Fixture(AutoConfOptions(watchesServices: true))

    @Test func theSetIsSyncedByTheFirstListAndHoldsItsConfigs() {
        fixture.autoConf.feed(.applied(service(Self.checks("a"))))
        #expect(!fixture.isSynced)
        fixture.autoConf.feed(.replaced([service(Self.checks("b")), service(name: "plain")]))
        #expect(fixture.isSynced)
        #expect(fixture.keys == ["kube_service://shop/web#b#0"])
    }

    @Test func anEmptyListIsSyncedAndEmpty() {
        fixture.autoConf.feed(ReflectorEvent<Service>.replaced([]))
        #expect(fixture.isSynced)
        #expect(fixture.configs.isEmpty)
    }

    @Test func aBadServiceDoesNotKeepTheListFromBeingSynced() {
        fixture.autoConf.feed(.replaced([service(["checks": "{"]), service(Self.checks("a"), name: "good")]))
        #expect(fixture.isSynced)
        #expect(fixture.keys == ["kube_service://shop/good#a#0"])
        #expect(fixture.problems.count == 1)
    }

    @Test func anEditedAnnotationIsTheSameKeyWithANewDigest() throws {
        fixture.autoConf.feed(.replaced([service(Self.checks("a", "x"))]))
        let before = try #require(fixture.configs.first)
        fixture.autoConf.feed(.applied(service(Self.checks("a", "y"))))
        let after = try #require(fixture.configs.first)
        #expect(fixture.configs.count == 1)
        #expect(before.key == after.key)
        #expect(before.digest != after.digest)
    }

    @Test func aChangeThatConcernsNoCheckMakesNoVersion() {
        fixture.autoConf.feed(.replaced([service(Self.checks("a"))]))
        let changes = fixture.desired.changes
        fixture.autoConf.feed(.applied(service(Self.checks("a"), labels: ["app": "shop"])))
        fixture.autoConf.feed(.applied(service(name: "plain")))
        fixture.autoConf.feed(.deleted(service(name: "plain")))
        fixture.autoConf.feed(.replaced([service(Self.checks("a"))]))
        #expect(fixture.desired.changes == changes)
    }

    @Test func anAnnotationThatBecameBadTakesItsConfigsAwayAndNoOthers() {
        fixture.autoConf.feed(.replaced([service(Self.checks("a")), service(Self.checks("a"), name: "other")]))
        fixture.autoConf.feed(.applied(service(["checks": "{"])))
        #expect(fixture.keys == ["kube_service://shop/other#a#0"])
        #expect(fixture.problems.count == 1)
        fixture.autoConf.feed(.applied(service(Self.checks("a"))))
        #expect(fixture.keys.count == 2)
        #expect(fixture.problems.isEmpty)
    }

    @Test(arguments: [true, false])
    func whatIsDeletedOrNoLongerListedOrAnnotatedIsGone(isListed: Bool) {
        let other = service(Self.checks("a"), name: "other")
        let third = service(Self.checks("b"), name: "third")
        fixture.autoConf.feed(.replaced([service(Self.checks("a")), other, third]))
        if isListed {
            fixture.autoConf.feed(.replaced([other, service(name: "third")]))
        } else {
            fixture.autoConf.feed(.deleted(service(Self.checks("a"))))
            fixture.autoConf.feed(.applied(service(name: "third")))
        }
        #expect(fixture.keys == ["kube_service://shop/other#a#0"])
    }

    @Test func aChangedAddressOrPortChangesTheConfig() {
        fixture.autoConf.feed(.applied(service(Self.checks("a", "%%host%%:%%port%%"))))
        fixture.autoConf.feed(
            .applied(service(Self.checks("a", "%%host%%:%%port%%"), clusterIP: "10.96.0.9", ports: [.init(port: 7)])))
        #expect(fixture.configs.map { $0.instances[0]["url"] } == [.string("10.96.0.9:7")])
    }

    @Test func aProblemIsToldOnceForEachChange() {
        for _ in 0..<3 { fixture.autoConf.feed(.applied(service(["checks": "{"]))) }
        #expect(fixture.recorder.lines.count == 1)
        fixture.autoConf.feed(.applied(service(["checks": "[]"])))
        #expect(fixture.recorder.lines.count == 3)
        fixture.autoConf.feed(.deleted(service(["checks": "[]"])))
        #expect(
            fixture.recorder.lines.last?.hasPrefix("info config problem is gone object=kube_service://shop/web") == true
        )
        #expect(fixture.problems.isEmpty)
    }

    @Test func withoutAnySourceTheEmptySetIsTheWholeTruth() {
        #expect(Fixture(AutoConfOptions()).isSynced)
        #expect(Fixture(AutoConfOptions(confdPath: "")).isSynced)
        #expect(!fixture.isSynced)
    }

    @Test func metricsCountWhatIsThere() {
        var writer = MetricsWriter()
        fixture.autoConf.feed(.replaced([service(Self.checks("a")), service(["checks": "{"], name: "bad")]))
        fixture.autoConf.collect(into: &writer)
        #expect(writer.text.contains("\nautoconf_configs{source=\"services\"} 1\n"))
        #expect(writer.text.contains("\nautoconf_problems{source=\"services\"} 1\n"))
        #expect(writer.text.contains("\nautoconf_source_synced{source=\"services\"} 1\n"))
        #expect(!writer.text.contains("source=\"file\""))
    }
}
