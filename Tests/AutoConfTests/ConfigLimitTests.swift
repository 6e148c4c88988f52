import CheckModel
import JSON
import Kubernetes
import Platform
import TestKit
import Testing

@testable import AutoConf

@Suite struct ConfigLimitTests {
    private static func checks(_ count: Int, padding: Int = 0) -> String {
        let text = String(repeating: "x", count: padding)
        let members = (0..<count).map { #""c\#($0)": {"instances": [{"host": "%%host%%", "text": "\#(text)"}]}"# }
        return "{" + members.joined(separator: ",") + "}"
    }

    private static func options(_ change: (inout AutoConfOptions) -> Void) -> AutoConfOptions {
        var options = AutoConfOptions(watchesServices: true, watchesEndpoints: true)
        change(&options)
        return options
    }

    @Test func `one object gives at most its share of configs, the same each time, and says so`() {
        let fixture = Fixture(Self.options { $0.maximumConfigsPerObject = 50 })
        let annotated = service(["ad.datadoghq.com/endpoints.checks": Self.checks(30)])
        fixture.autoConf.handle(.replaced([annotated, service(["checks": Self.checks(2)], name: "other")]))
        fixture.autoConf.handle(.replaced((0..<9).map { slice([endpoint("10.1.0.\($0)")], name: "web-\($0)") }))
        func keys() -> [ConfigKey] { fixture.configs.map(\.key).filter { $0.source.hasPrefix("kube_endpoint_uid:") } }
        #expect(keys().count == 50 && fixture.configs.count == 52)
        let reason = "220 of its 270 configs are left out: one object may give 50 configs of 4194304 bytes together"
        #expect(fixture.autoConf.problems.map(\.reason) == [reason])
        let before = keys()
        fixture.autoConf.handle(.deleted(slice([], name: "web-8")))
        #expect(keys() == before)
        // Below the limit again, nothing is left out and the problem is solved.
        for index in 1..<8 { fixture.autoConf.handle(.deleted(slice([], name: "web-\(index)"))) }
        #expect(keys().count == 30 && fixture.autoConf.problems.isEmpty)
    }

    @Test func `one object gives at most its share of bytes`() {
        let fixture = Fixture(Self.options { $0.maximumBytesPerObject = 100_000 })
        fixture.autoConf.handle(.replaced([service(["checks": Self.checks(20, padding: 9_000)])]))
        #expect(fixture.configs.count == 9)
        #expect(fixture.autoConf.problems.count == 1)
    }

    @Test func `what all objects may give together is bounded, and who leaves makes room`() {
        let fixture = Fixture(Self.options { $0.maximumBytes = 25_000 })
        func annotated(_ name: String) -> Service { service(["checks": Self.checks(10)], name: name) }
        fixture.autoConf.handle(.replaced([annotated("a"), annotated("b"), annotated("c")]))
        let all = fixture.configs.count
        #expect(all > 20 && all < 25)
        #expect(fixture.autoConf.problems.map(\.object) == ["kube_service://shop/c"])
        // An edit of one that has its configs keeps them.
        fixture.autoConf.handle(.applied(service(["checks": Self.checks(9)], name: "a")))
        #expect(fixture.configs.count == all - 1)
        fixture.autoConf.handle(.deleted(annotated("a")))
        fixture.autoConf.handle(.replaced([annotated("b"), annotated("c")]))
        #expect(fixture.configs.count == 20 && fixture.autoConf.problems.isEmpty)
    }

    @Test(arguments: [true, false])
    func `who fills a namespace leaves the others their room`(isFirst: Bool) {
        let fixture = Fixture(Self.options { ($0.maximumBytes, $0.maximumBytesPerNamespace) = (100_000, 25_000) })
        func annotated(_ namespace: String, _ name: String) -> Service {
            service(["checks": Self.checks(10)], namespace: namespace, name: name)
        }
        let greedy = (0..<20).map { annotated("greedy", "g\($0)") }
        let others = ["a", "b", "c"].flatMap { namespace in [annotated(namespace, "x"), annotated(namespace, "y")] }
        fixture.autoConf.handle(.replaced(isFirst ? greedy + others : others + greedy))
        func counts() -> [Int] {
            ["a", "b", "c", "greedy"].map { namespace in
                fixture.configs.count { $0.key.source.hasPrefix("kube_service://\(namespace)/") }
            }
        }
        #expect(counts().prefix(3) == [20, 20, 20] && (20..<25).contains(counts()[3]))
        #expect(fixture.autoConf.problems.count == 18)
        #expect(
            fixture.autoConf.problems.allSatisfy {
                $0.object.hasPrefix("kube_service://greedy/")
                    && $0.reason.hasSuffix(" configs: those of its namespace together may have 25000 bytes")
            })
        // An edit of one that runs pushes out nothing.
        let before = fixture.configs
        fixture.autoConf.handle(.applied(service(["checks": Self.checks(20)], namespace: "a", name: "x")))
        #expect(fixture.configs.filter { !$0.key.source.hasSuffix("/a/x") }.count == before.count - 10)
        for gone in greedy.prefix(18) { fixture.autoConf.handle(.deleted(gone)) }
        fixture.autoConf.handle(.replaced(others + greedy.suffix(2)))
        #expect(counts() == [20, 20, 20, 20] && fixture.autoConf.problems.isEmpty)
    }

    @Test func `all objects of a namespace share, and all files`() async throws {
        let directory = try TemporaryDirectory()
        for name in ["a", "b", "c"] { try directory.write("\(name).yaml", "cluster_check: true\ninstances: [{}]\n") }
        let fixture = Fixture(
            Self.options {
                ($0.maximumBytesPerNamespace, $0.watchesClusterChecks) = (2_500, true)
                ($0.confdPath, $0.watchesEndpoints) = (directory.path, false)
            })
        func check(_ namespace: String) -> ClusterCheck {
            ClusterCheck(
                metadata: ObjectMetadata(name: "db", namespace: namespace, uid: "u"),
                spec: .object(["check": .string("db"), "instances": .array([.object([:])])]))
        }
        fixture.autoConf.handle(.replaced([service(["checks": Self.checks(2)])]))
        fixture.autoConf.handle(.replaced([check("shop"), check("other")]))
        #expect(fixture.configs.count { $0.checkName.hasPrefix("c") } == 2)
        #expect(fixture.keys.filter { $0.hasPrefix("cluster_check:") } == ["cluster_check://other/db#db#0"])
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await fixture.autoConf.run() }
            try await eventually { fixture.isSynced }
            group.cancelAll()
        }
        let files =
            "file:\(directory.path)/c.yaml: no room for 1 of its 1 configs: those of all files together may have 2500 bytes"
        let namespace = "no room for 1 of its 1 configs: those of its namespace together may have 2500 bytes"
        #expect(fixture.problems == ["cluster_check://shop/db: \(namespace)", files])
    }

    @Test func `a list in pages is a whole list, and one that was given up removes nothing`() {
        let fixture = Fixture(Self.options { $0.watchesEndpoints = false })
        func annotated(_ name: String) -> Service { service(["checks": Self.checks(1)], name: name) }
        func names() -> [String] { fixture.configs.map(\.key.source).map { String($0.suffix(1)) } }
        fixture.autoConf.handle(page: ReflectorPage([annotated("a"), annotated("b")], isFirst: true))
        #expect(names() == ["a", "b"] && !fixture.desired.isSynced)
        fixture.autoConf.handle(.replaced([annotated("c")]))
        #expect(names() == ["a", "b", "c"] && fixture.desired.isSynced)
        // A list that ends after its first page; then one without "a" and "b".
        fixture.autoConf.handle(page: ReflectorPage([annotated("a")], isFirst: true))
        #expect(names() == ["a", "b", "c"])
        fixture.autoConf.handle(page: ReflectorPage<Service>([], isFirst: true))
        fixture.autoConf.handle(.replaced([annotated("c")]))
        #expect(names() == ["c"])
    }

    @Test func `very many problems of one object are counted`() {
        let fixture = Fixture(Self.options { _ in })
        let members = (0..<500).map { #""c\#($0)": {"instances": [{"host": "%%nothing%%"}]}"# }
        fixture.autoConf.handle(.replaced([service(["checks": "{" + members.joined(separator: ",") + "}"])]))
        let problems = fixture.autoConf.problems
        #expect(problems.count == 51 && problems.last?.reason == "450 more problems")
    }
}
