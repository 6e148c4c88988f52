import AutoConf
import CheckModel
import JSON
import Kubernetes
import Platform
import TestKit
import Testing

/// A broken edit keeps what ran.
@Suite struct KeptConfigTests {
    private static let tags = #""tags":["kube_namespace:shop","kube_service:web"]"#

    private func fixture(_ change: (inout AutoConfOptions) -> Void = { _ in }) -> Fixture {
        var options = AutoConfOptions(watchesServices: true, watchesEndpoints: true)
        change(&options)
        let fixture = Fixture(options)
        fixture.autoConf.handle(
            ReflectorEvent<ServiceEndpoints>.replaced([slice([endpoint("10.0.0.1"), endpoint("10.0.0.2", pod: "p2")])]))
        return fixture
    }

    private static func checks(_ checks: String...) -> [String: String] {
        ["checks": "{\(checks.joined(separator: ","))}"]
    }

    private static func entry(_ name: String, _ instances: String = #"{"x":1}"#) -> String {
        #""\#(name)":{"instances":[\#(instances)]}"#
    }

    private func state(_ fixture: Fixture) -> [String] {
        fixture.configs.map { config in
            let text = texts(config.instances).joined()
            return "\(config.checkName) \(text)".replacing("\(Self.tags),", with: "")
        }
    }

    /// What was there, what is written instead, and what there is then.
    @Test(arguments: [
        // The whole text is wrong.
        (checks(entry("a"), entry("b")), ["checks": "{"], [#"a {"x":1}"#, #"b {"x":1}"#], true),
        // One entry is wrong: the other is edited.
        (
            checks(entry("a"), entry("b")), checks(entry("a", #"{"x":2}"#), #""b":5"#),
            [#"a {"x":2}"#, #"b {"x":1}"#], true
        ),
        // One instance is wrong: the config stays whole.
        (checks(entry("a", #"{"x":1},{"y":1}"#)), checks(entry("a", #"{"x":2},7"#)), [#"a {"x":1}{"y":1}"#], true),
        // A variable cannot be resolved.
        (checks(entry("a")), checks(entry("a", #"{"h":"%%port_nine%%"}"#)), [#"a {"x":1}"#], true),
        // Where it may run cannot be read: it stays as it was, with its rules.
        (
            checks(entry("a")).merging(["placement": #"{"handover":"exclusive","pin":"n"}"#]) { $1 },
            checks(entry("a", #"{"x":2}"#)).merging(["placement": #"{"handover":"exclusive""#]) { $1 },
            [#"a {"x":1}"#], true
        ),
        // What is removed without an error goes.
        (checks(entry("a"), entry("b")), checks(entry("b")), [#"b {"x":1}"#], false),
        (checks(entry("a")), [:], [], false),
        // What is new and wrong never was good.
        (checks(entry("a")), checks(entry("a"), #""b":5"#), [#"a {"x":1}"#], false),
        (
            ["check_names": #"["a"]"#, "init_configs": "[{}]", "instances": #"[{"x":1}]"#],
            ["check_names": #"["a"]"#, "init_configs": "[{},{}]", "instances": #"[{"x":1}]"#], [#"a {"x":1}"#], true
        ),
        // A warning loses nothing, and keeps nothing.
        (checks(entry("a")), ["checks": "{\(entry("b"))}", "unknown": "1"], [#"b {"x":1}"#], false),
    ])
    func `a Service keeps what cannot be replaced`(
        before: [String: String], after: [String: String], kept: [String], keepsLast: Bool
    ) throws {
        let fixture = fixture()
        fixture.autoConf.handle(.replaced([service(before)]))
        #expect(fixture.problems.isEmpty)
        fixture.autoConf.handle(.applied(service(after)))
        #expect(state(fixture) == kept)
        #expect(fixture.autoConf.reportedProblems.contains(where: \.keepsLast) == keepsLast)
        // Mended, it is what is written.
        fixture.autoConf.handle(.applied(service(Self.checks(Self.entry("c")))))
        #expect(state(fixture) == [#"c {"x":1}"#] && fixture.problems.isEmpty)
    }

    @Test func `with the option off a broken edit takes the check away`() throws {
        let fixture = fixture { $0.keepsLastGood = false }
        fixture.autoConf.handle(.replaced([service(Self.checks(Self.entry("a")))]))
        fixture.autoConf.handle(.applied(service(["checks": "{"])))
        #expect(fixture.configs.isEmpty && fixture.problems.count == 1)
        #expect(fixture.autoConf.reportedProblems.map(\.keepsLast) == [false])
    }

    @Test func `a Service that is deleted takes its checks along, and another one of the name has none of them`() throws
    {
        let fixture = fixture()
        fixture.autoConf.handle(.replaced([service(Self.checks(Self.entry("a")))]))
        fixture.autoConf.handle(.applied(service(["checks": "{"])))
        #expect(fixture.configs.count == 1)
        fixture.autoConf.handle(.deleted(service()))
        #expect(fixture.configs.isEmpty && fixture.problems.isEmpty)
        let (first, second) = ("11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222")
        fixture.autoConf.handle(.applied(service(Self.checks(Self.entry("a")), uid: first)))
        fixture.autoConf.handle(.applied(service(["checks": "{"], uid: second)))
        #expect(fixture.configs.isEmpty && fixture.problems.count == 1)
    }

    private static func endpoints(_ checks: String) -> [String: String] {
        annotations("ad.datadoghq.com/endpoints.", ["checks": checks])
    }

    private static let perEndpoint = #"{"a":{"instances":[{"h":"%%host%%"}]}}"#

    /// The address and the instances of each config.
    private func hosts(_ fixture: Fixture) -> [String] {
        fixture.configs.map { config in
            let members = config.instances.compactMap(\.objectValue).compactMap { $0["h"]?.stringValue }
            return "\(config.serviceID.split(separator: "/").last ?? "") \(members.joined(separator: " "))"
        }
    }

    @Test(arguments: ["[", #"{"a":5}"#, #"{"a":{"instances":[{"h":"%%nothing%%"}]}}"#])
    func `the last good annotation is that of the endpoints as they are now`(broken: String) throws {
        let fixture = fixture()
        fixture.autoConf.handle(.replaced([service(Self.endpoints(Self.perEndpoint))]))
        #expect(hosts(fixture) == ["10.0.0.1 10.0.0.1", "10.0.0.2 10.0.0.2"])
        fixture.autoConf.handle(.applied(service(Self.endpoints(broken))))
        #expect(fixture.configs.count == 2 && fixture.problems.count == 1)
        // One pod after the other is replaced, until none is left that was there before, and in between there is none.
        for addresses in [["10.0.0.2", "10.0.0.3"], ["10.0.0.3"], [], ["10.0.0.4", "10.0.0.5"]] {
            fixture.autoConf.handle(.applied(slice(addresses.map { endpoint($0, pod: $0) })))
            #expect(hosts(fixture) == addresses.map { "\($0) \($0)" })
        }
        #expect(fixture.autoConf.reportedProblems.map(\.keepsLast) == [true])
        // An edit that is as broken forgets nothing either.
        fixture.autoConf.handle(.applied(service(Self.endpoints("7"))))
        fixture.autoConf.handle(.applied(slice([endpoint("10.0.0.6")])))
        #expect(hosts(fixture) == ["10.0.0.6 10.0.0.6"])
        fixture.autoConf.handle(.applied(service(Self.endpoints(#"{"b":{"instances":[{"h":"x"}]}}"#))))
        #expect(hosts(fixture) == ["10.0.0.6 x"] && fixture.problems.isEmpty)
    }

    @Test func `what was edited without an error since is the last good one`() throws {
        let fixture = fixture()
        func apply(_ a: String, _ b: String) {
            fixture.autoConf.handle(.applied(service(Self.endpoints(#"{"a":\#(a),"b":\#(b)}"#))))
        }
        func entry(_ text: String) -> String { #"{"instances":[{"h":"\#(text)"}]}"# }
        apply(entry("a1"), entry("b1"))
        apply(entry("a2"), "5")
        apply("5", "5")
        fixture.autoConf.handle(.applied(slice([endpoint("10.0.0.9")])))
        #expect(hosts(fixture) == ["10.0.0.9 a2", "10.0.0.9 b1"])
        // What is removed from an annotation that can be used is gone.
        apply(entry("a3"), entry("b3"))
        fixture.autoConf.handle(.applied(service(Self.endpoints(#"{"b":\#(entry("b3"))}"#))))
        fixture.autoConf.handle(.applied(service(Self.endpoints("["))))
        fixture.autoConf.handle(.applied(slice([endpoint("10.0.0.8")])))
        #expect(hosts(fixture) == ["10.0.0.8 b3"])
    }

    @Test func `an edit while there are no endpoints is not good before there are some`() throws {
        let fixture = fixture()
        fixture.autoConf.handle(.replaced([service(Self.endpoints(Self.perEndpoint))]))
        fixture.autoConf.handle(.applied(slice([])))
        fixture.autoConf.handle(
            .applied(service(Self.endpoints(#"{"a":{"instances":[{"h":"%%port_nine%%"}]}}"#))))
        fixture.autoConf.handle(.applied(slice([endpoint("10.0.0.7")])))
        #expect(hosts(fixture) == ["10.0.0.7 10.0.0.7"] && fixture.problems.count == 1)
    }

    @Test func `the last good annotation of a Service is that of its address and ports as they are now`() throws {
        let fixture = fixture()
        let good = Self.checks(Self.entry("a", #"{"p":"%%port_http%%","h":"%%host%%"}"#))
        fixture.autoConf.handle(.replaced([service(good)]))
        fixture.autoConf.handle(.applied(service(["checks": "{"])))
        let ports = [Service.Port(name: "http", port: 8081)]
        fixture.autoConf.handle(.applied(service(["checks": "{"], clusterIP: "10.96.0.99", ports: ports)))
        #expect(state(fixture) == [#"a {"h":"10.96.0.99","p":8081,"# + Self.tags + "}"])
        // Where it cannot be resolved any more, what ran stays.
        fixture.autoConf.handle(.applied(service(["checks": "{"], clusterIP: "None", ports: ports)))
        #expect(state(fixture) == [#"a {"h":"10.96.0.99","p":8081,"# + Self.tags + "}"])
    }

    @Test func `the last good Prometheus annotations are those of the endpoints as they are now`() throws {
        let scrape = try PrometheusScrape(checksEndpoints: true)
        let fixture = fixture { $0.prometheusScrape = scrape }
        func annotated(_ scrape: String, _ port: String) -> Service {
            service(["prometheus.io/scrape": scrape, "prometheus.io/port": port])
        }
        func urls() -> [String] {
            fixture.configs.flatMap(\.instances).compactMap { $0.objectValue?["prometheus_url"]?.stringValue }
        }
        fixture.autoConf.handle(.replaced([annotated("true", "8080")]))
        fixture.autoConf.handle(.applied(annotated("true", "80 80")))
        fixture.autoConf.handle(.applied(slice([endpoint("10.0.0.9")])))
        #expect(urls() == ["http://10.0.0.9:8080/metrics"] && fixture.problems.count == 1)
        // Not to be scraped for now is no edit that could be broken.
        fixture.autoConf.handle(.applied(annotated("false", "80 80")))
        #expect(fixture.configs.isEmpty && fixture.problems.isEmpty)
        fixture.autoConf.handle(.applied(annotated("true", "80 80")))
        #expect(urls() == ["http://10.0.0.9:8080/metrics"] && fixture.problems.count == 1)
        fixture.autoConf.handle(.applied(annotated("true", "81")))
        #expect(urls() == ["http://10.0.0.9:81/metrics"] && fixture.problems.isEmpty)
        fixture.autoConf.handle(.applied(service()))
        #expect(fixture.configs.isEmpty)
    }

    @Test func `what is kept of many broken annotations counts like configs, and is forgotten with them`() throws {
        let fixture = fixture { $0.maximumBytes = 16_000 }
        fixture.autoConf.handle(ReflectorEvent<ServiceEndpoints>.replaced([]))
        let large = String(repeating: "y", count: 2_000)
        let good = Self.endpoints(#"{"a":{"instances":[{"h":"\#(large)"}]}}"#)
        for number in 0..<20 {
            fixture.autoConf.handle(.applied(service(good, name: "s\(number)")))
            fixture.autoConf.handle(.applied(service(Self.endpoints("["), name: "s\(number)")))
        }
        let other = service(Self.checks(Self.entry("a", #"{"x":"\#(large)"}"#)), name: "other")
        fixture.autoConf.handle(.applied(other))
        #expect(fixture.configs.isEmpty && fixture.problems.count == 21)
        for number in 0..<20 { fixture.autoConf.handle(.deleted(service(name: "s\(number)"))) }
        fixture.autoConf.handle(.applied(other))
        #expect(fixture.configs.map(\.checkName) == ["a"] && fixture.problems.isEmpty)
    }

    @Test func `the last good template of a file is that of the endpoints as they are now`() async throws {
        let directory = try TemporaryDirectory()
        let fixture = fixture { ($0.confdPath, $0.confdInterval) = (directory.path, .seconds(1)) }
        func file(_ instance: String) -> String {
            "advanced_ad_identifiers: [{kube_endpoints: {namespace: shop, name: web}}]\ninstances: [\(instance)]\n"
        }
        try directory.write("a.yaml", file("{h: '%%host%%'}"))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await fixture.autoConf.run() }
            try await eventually { fixture.configs.count == 2 }
            try directory.write("a.yaml", file("{h: '%%port_nine%%', more: 1}"))
            try await eventually {
                fixture.clock.advance(by: .seconds(1))
                return !fixture.problems.isEmpty
            }
            fixture.autoConf.handle(.applied(slice([endpoint("10.0.0.3")])))
            #expect(hosts(fixture) == ["10.0.0.3 10.0.0.3"])
            group.cancelAll()
        }
    }

    @Test func `a file with one instance that cannot be used stays whole`() async throws {
        let directory = try TemporaryDirectory()
        let options = AutoConfOptions(confdPath: directory.path, confdInterval: .seconds(1))
        let fixture = Fixture(options)
        try directory.write("a.yaml", "cluster_check: true\ninstances: [{x: 1}, {y: 1}]\n")
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await fixture.autoConf.run() }
            try await eventually { fixture.configs.count == 1 }
            try directory.write("a.yaml", "cluster_check: true\ninstances: [{x: 2}, 5]\n")
            try await eventually {
                fixture.clock.advance(by: .seconds(1))
                return !fixture.problems.isEmpty
            }
            #expect(texts(fixture.configs[0].instances) == [#"{"x":1}"#, #"{"y":1}"#])
            #expect(fixture.autoConf.reportedProblems.map(\.keepsLast) == [true])
            group.cancelAll()
        }
    }

    @Test func `what never was whole is replaced by what is newer`() throws {
        let fixture = fixture()
        for number in 1...3 {
            let text = Self.entry("a", #"{"x":\#(number)},7"#)
            fixture.autoConf.handle(.applied(service(Self.checks(text))))
            #expect(state(fixture) == [#"a {"x":\#(number)}"#])
            #expect(fixture.autoConf.reportedProblems.map(\.keepsLast) == [false])
        }
    }

    @Test func `one that finds no room for its edit stays as it was`() throws {
        let fixture = fixture { $0.maximumBytes = 2_300 }
        fixture.autoConf.handle(
            .replaced([service(Self.checks(Self.entry("a"))), service(Self.checks(Self.entry("a")), name: "b")]))
        #expect(fixture.configs.count == 2)
        let large = String(repeating: "y", count: 500)
        fixture.autoConf.handle(.applied(service(Self.checks(Self.entry("a", #"{"x":"\#(large)"}"#)))))
        #expect(state(fixture).last == #"a {"x":1}"# && fixture.configs.count == 2 && fixture.problems.count == 1)
    }

    @Test func `those that are not even looked at for lack of room stay too`() throws {
        let fixture = fixture { $0.maximumBytes = 2_500 }
        func checks(_ text: String) -> [String: String] {
            annotations(
                "ad.datadoghq.com/endpoints.", ["checks": #"{"a":{"instances":[{"h":"%%host%%","x":"\#(text)"}]}}"#])
        }
        fixture.autoConf.handle(.replaced([service(checks("1"))]))
        let before = fixture.configs
        fixture.autoConf.handle(.applied(service(checks(String(repeating: "y", count: 1_600)))))
        #expect(fixture.configs == before && before.count == 2 && fixture.problems.count == 1)
    }

    /// Edits that each break what the one before had must not add up.
    @Test func `what is kept has the limits of an object`() throws {
        let fixture = fixture { $0.maximumConfigsPerObject = 5 }
        fixture.autoConf.handle(.replaced([service(Self.checks(Self.entry("a0")))]))
        for number in 1...20 {
            fixture.autoConf.handle(.applied(service(Self.checks(Self.entry("a\(number)"), #""b":5"#))))
            #expect(fixture.configs.count <= 5 && fixture.configs.contains { $0.checkName == "a\(number)" })
        }
        fixture.autoConf.handle(.applied(service(Self.checks(Self.entry("c")))))
        #expect(fixture.configs.map(\.checkName) == ["c"])
    }

    @Test func `problems tell since when, and whether what was valid last stays`() throws {
        let fixture = fixture()
        fixture.autoConf.handle(.replaced([service(Self.checks(Self.entry("a")))]))
        fixture.autoConf.handle(.applied(service(["checks": "{"])))
        fixture.autoConf.handle(.applied(service(["checks": "{", "odd": "1"])))
        let reported = fixture.autoConf.reportedProblems
        #expect(reported.count == 2 && reported.allSatisfy { $0.since == fixture.clock.wallTime() && $0.keepsLast })
        #expect(fixture.changes.take().map(\.keepsLast) == [true, true])
        #expect(fixture.autoConf.objectProblems.map(\.keepsLast) == [true])
        fixture.autoConf.handle(.deleted(service()))
        #expect(fixture.autoConf.reportedProblems.isEmpty)
    }
}
