import CheckModel
import Kubernetes
import Platform
import TestKit
import Testing

@testable import AutoConf

/// `placement` of annotations and files.
@Suite struct PlacementOptionTests {
    private static let checks = #"{"a":{"instances":[{}]},"b":{"instances":[{},{}]}}"#

    private static func read(_ annotations: [String: String], _ slices: [ServiceEndpoints] = []) -> Fixture {
        let fixture = Fixture(AutoConfOptions(watchesServices: true, watchesEndpoints: true))
        fixture.autoConf.handle(.replaced([service(annotations)]))
        fixture.autoConf.handle(.replaced(slices))
        return fixture
    }

    private static func endpoints(_ values: [String: String]) -> [String: String] {
        annotations("ad.datadoghq.com/endpoints.", values)
    }

    private static func handOvers(_ fixture: Fixture) -> Set<HandOverPolicy> {
        Set(fixture.configs.map(\.handOver))
    }

    @Test(arguments: HandOverPolicy.allCases)
    func `every config of a Service is handed over as its annotation says`(policy: HandOverPolicy) {
        let placement = #"{"handover":"\#(policy)"}"#
        let two = Self.read(["checks": Self.checks, "logs": "[{}]", "placement": placement])
        #expect(two.configs.count == 3 && Self.handOvers(two) == [policy])
        let lists = ["check_names": #"["a","b"]"#, "init_configs": "[{},{}]", "instances": "[[{},{}],{}]"]
        let one = Self.read(lists.merging(["logs": "[{}]", "placement": placement]) { $1 })
        #expect(one.configs.count == 4 && Self.handOvers(one) == [policy])
        var former = annotations("service-discovery.datadoghq.com/service.", lists)
        former["placement"] = placement
        let old = Self.read(former)
        #expect(old.configs.count == 3 && Self.handOvers(old) == [policy])
        #expect(two.problems + one.problems + old.problems == [])
    }

    @Test func `the placement of a Service and of its endpoints are two`() {
        var values = Self.endpoints(["checks": Self.checks, "placement": #"{"handover":"overlap"}"#])
        values.merge(["checks": Self.checks, "placement": #"{"handover":"exclusive"}"#]) { $1 }
        let fixture = Self.read(values, [slice([endpoint("10.1.0.1", pod: nil)])])
        #expect(fixture.configs.count == 4 && fixture.problems.isEmpty)
        for config in fixture.configs {
            #expect(config.handOver == (config.source.hasPrefix("kube_services") ? .exclusive : .overlap))
        }
    }

    @Test func `without placement a check is sticky`() {
        #expect(Self.handOvers(Self.read(["checks": Self.checks])) == [.sticky])
        #expect(Self.handOvers(Self.read(["checks": Self.checks, "placement": "{}"])) == [.sticky])
    }

    @Test func `placement alone describes nothing`() {
        for values in [["placement": #"{"handover":"exclusive"}"#], Self.endpoints(["placement": "{}"])] {
            let fixture = Self.read(values, [slice([endpoint("10.1.0.1")])])
            #expect(fixture.configs.isEmpty && fixture.problems.isEmpty)
        }
    }

    @Test func `placement has no former prefix`() {
        let name = "service-discovery.datadoghq.com/service.placement"
        let fixture = Self.read(["checks": Self.checks, name: #"{"handover":"exclusive"}"#])
        #expect(Self.handOvers(fixture) == [.sticky])
        #expect(fixture.problems == ["kube_service://shop/web: unknown annotation \(name)"])
    }

    @Test(arguments: HandOverPolicy.allCases)
    func `checks that are pinned stay sticky, which is told once for their Service`(policy: HandOverPolicy) {
        let ends = (0..<20).map { endpoint("10.1.0.\($0)", pod: $0 == 7 ? nil : "p\($0)") }
        let fixture = Self.read(
            Self.endpoints(["checks": Self.checks, "placement": #"{"handover":"\#(policy)"}"#]), [slice(ends)])
        #expect(fixture.configs.count == 40)
        for config in fixture.configs { #expect(config.handOver == (config.nodeName.isEmpty ? policy : .sticky)) }
        let warning =
            "kube_service://shop/web: endpoints: placement: checks that are pinned to a Kubernetes node never move, so it has no effect on them"
        #expect(fixture.problems == (policy == .sticky ? [] : [warning]))
        #expect(fixture.autoConf.problems.allSatisfy { $0.severity == .warning })
        // With `resolve` none is pinned.
        let free = Self.read(
            Self.endpoints(["checks": Self.checks, "resolve": "ip", "placement": #"{"handover":"\#(policy)"}"#]),
            [slice(ends)])
        #expect(Self.handOvers(free) == [policy] && free.problems.isEmpty)
    }

    static let none = "handover is none of sticky, overlap, exclusive; sticky is used"

    /// What is wrong in the same way in an annotation and in a file.
    static let bad: [(name: String, json: String, reasons: [String])] = [
        ("a list", #"["handover","exclusive"]"#, ["placement: an array, not an object; it is not used"]),
        ("a number", "7", ["placement: a number, not an object; it is not used"]),
        ("a string", #""exclusive""#, ["placement: a string, not an object; it is not used"]),
        ("another case", #"{"handover":"Exclusive"}"#, ["placement: \(none)"]),
        ("more than a policy", #"{"handover":"exclusive "}"#, ["placement: \(none)"]),
        ("an accent", #"{"handover":"exclusive\u0301"}"#, ["placement: \(none)"]),
        ("no text", #"{"handover":""}"#, ["placement: \(none)"]),
        ("a flag", #"{"handover":true}"#, ["placement: handover is a boolean, not a string; sticky is used"]),
        (
            "an object", #"{"handover":{"handover":"exclusive"}}"#,
            ["placement: handover is an object, not a string; sticky is used"]
        ),
        ("a key in another case", #"{"HandOver":"exclusive"}"#, ["placement: unknown key HandOver"]),
        (
            "unknown keys", #"{"weigth":2,"pin":[],"handover":"no"}"#,
            [
                "placement: \(none)", "placement: pin is not the name of a node; it is not used",
                "placement: unknown key weigth",
            ]
        ),
        (
            "a weight of nothing", #"{"weight":0}"#,
            ["placement: weight is not a number from 0.001 to 100000; it is not used"]
        ),
        (
            "a weight in words", #"{"weight":"5"}"#,
            ["placement: weight is not a number from 0.001 to 100000; it is not used"]
        ),
        (
            "a selector that is none", #"{"node_selector":"disk=ssd"}"#,
            ["placement: node_selector is not an object of 1 to 32 labels; it is not used"]
        ),
        (
            "a selector without labels", #"{"node_selector":{}}"#,
            ["placement: node_selector is not an object of 1 to 32 labels; it is not used"]
        ),
        (
            "a label that is a flag", #"{"node_selector":{"disk":"ssd","gpu":true}}"#,
            ["placement: node_selector has a label gpu whose value is not a short string; it is not used"]
        ),
        (
            "an empty zone", #"{"zone":["a",""]}"#,
            ["placement: zone is neither a text nor a list of 1 to 32 texts; it is not used"]
        ),
        ("no zone", #"{"zone":[]}"#, ["placement: zone is neither a text nor a list of 1 to 32 texts; it is not used"]),
        ("a pin to nothing", #"{"pin":""}"#, ["placement: pin is not the name of a node; it is not used"]),
    ]

    @Test(arguments: bad)
    func `a bad placement is told, and the checks run with defaults`(
        _ row: (name: String, json: String, reasons: [String])
    ) async throws {
        let fixture = Self.read(["checks": Self.checks, "placement": row.json])
        #expect(fixture.configs.count == 2 && Self.handOvers(fixture) == [.sticky], "\(row.name)")
        #expect(fixture.problems == row.reasons.map { "kube_service://shop/web: \($0)" }, "\(row.name)")
        #expect(fixture.autoConf.problems.allSatisfy { $0.severity == .warning })
        let ofEndpoints = Self.read(
            Self.endpoints(["checks": Self.checks, "placement": row.json]), [slice([endpoint("10.1.0.1")])])
        #expect(ofEndpoints.configs.count == 2 && Self.handOvers(ofEndpoints) == [.sticky], "\(row.name)")
        #expect(ofEndpoints.problems == row.reasons.map { "kube_service://shop/web: endpoints: \($0)" }, "\(row.name)")
        let (file, object) = try await Self.file(row.json)
        #expect(file.configs.map(\.handOver) == [.sticky], "\(row.name)")
        #expect((fixture.configs + ofEndpoints.configs + file.configs).allSatisfy { $0.rules == nil }, "\(row.name)")
        #expect(file.problems == row.reasons.map { "\(object): \($0)" }, "\(row.name)")
        #expect(file.autoConf.problems.allSatisfy { $0.severity == .warning })
    }

    @Test func `an author says where a check may run and what it costs`() async throws {
        let json = #"{"weight":2.5,"node_selector":{"disk":"ssd","os":"linux"},"zone":["b","a","b"],"pin":"n1"}"#
        let rules = PlacementRules(
            weight: 2.5, nodeSelector: ["disk": "ssd", "os": "linux"], zones: ["a", "b"], pin: "n1")
        let fixture = Self.read(["checks": Self.checks, "placement": json])
        #expect(fixture.configs.map(\.rules) == [rules, rules] && fixture.problems.isEmpty)
        let (file, _) = try await Self.file(json)
        #expect(file.configs.map(\.rules) == [rules] && file.problems.isEmpty)
        let zone = Self.read(["checks": Self.checks, "placement": #"{"zone":"a","weight":7}"#])
        #expect(zone.configs[0].rules == PlacementRules(weight: 7, zones: ["a"]))
        #expect(zone.configs[0].rules?.isConstraint == true && PlacementRules(weight: 7)?.isConstraint == false)
        #expect(PlacementRules() == nil)
    }

    @Test func `what is right beside an unknown key is used`() {
        let fixture = Self.read(["checks": Self.checks, "placement": #"{"handover":"overlap","x":1}"#])
        #expect(Self.handOvers(fixture) == [.overlap])
        #expect(fixture.problems == ["kube_service://shop/web: placement: unknown key x"])
    }

    @Test(arguments: [
        ("", "the annotation is empty"), (" \n", "the annotation is empty"),
        ("{", "line 1, column 2: ends where a key in double quotes is expected"),
        (#"{"handover":exclusive}"#, "line 1, column 13: 'e' where a value is expected"),
        (#"{"handover":"overlap","handover":"exclusive"}"#, "line 1, column 23: duplicate key handover"),
        (#"{"handover":"exclusive","x":"\ud800"}"#, "line 1, column 30: a lone surrogate"),
        (
            String(repeating: "[", count: 1 << 20),
            "line 1, column 65: more than 64 arrays and objects inside each other"
        ),
        (#"{"x":"# + String(repeating: #"{"x":"#, count: 200_000), nil),
        (String(repeating: " ", count: 1 << 20) + "{}", nil),
    ])
    func `an annotation that cannot be read takes no check`(text: String, reason: String?) {
        let fixture = Self.read(["checks": Self.checks, "placement": text])
        #expect(fixture.configs.count == 2 && Self.handOvers(fixture) == [.sticky])
        #expect(fixture.problems.count == 1 && fixture.autoConf.problems.map(\.severity) == [.warning])
        if let reason { #expect(fixture.problems == ["kube_service://shop/web: placement: \(reason); it is not used"]) }
    }

    @Test(arguments: ["S3cr3t", #"{"handover":"S3cr3t"}"#, #"{"S3cr3t x":1}"#, #"["S3cr3t"]"#, #"{"handover":S3cr3t}"#])
    func `no value of placement is repeated`(text: String) {
        let fixture = Self.read(["checks": Self.checks, "placement": text])
        #expect(fixture.problems.count == 1 && !fixture.problems[0].contains("S3cr3t"), "\(fixture.problems)")
    }

    @Test func `very many unknown keys are counted`() async throws {
        let keys = (0..<20_000).map { "\"k\($0)\":1" }.joined(separator: ",")
        let fixture = Self.read(["checks": Self.checks, "placement": "{\(keys),\"handover\":\"overlap\"}"])
        #expect(Self.handOvers(fixture) == [.overlap])
        #expect(fixture.problems.count == 51 && fixture.problems.last?.hasSuffix(": 19950 more problems") == true)
    }
}

// Files.
extension PlacementOptionTests {
    private static func file(_ placement: String, _ more: String = "") async throws -> (
        fixture: Fixture, object: String
    ) {
        let directory = try TemporaryDirectory()
        try directory.write("a.json", #"{"cluster_check":true,"instances":[{}],"placement":\#(placement)\#(more)}"#)
        let fixture = Fixture(AutoConfOptions(confdPath: directory.path))
        try await whileRunning(fixture) {}
        return (fixture, "file:\(directory.path)/a.json")
    }

    @Test(arguments: HandOverPolicy.allCases)
    func `the config of a file is handed over as the file says`(policy: HandOverPolicy) async throws {
        let (fixture, _) = try await Self.file(#"{"handover":"\#(policy)"}"#)
        #expect(fixture.configs.map(\.handOver) == [policy])
        #expect(fixture.problems.isEmpty)
    }

    @Test(arguments: ["null", "{}", #"{"handover":null}"#])
    func `null is as good as none`(placement: String) async throws {
        let (fixture, _) = try await Self.file(placement)
        #expect(fixture.configs.map(\.handOver) == [.sticky])
        #expect(fixture.problems.isEmpty)
    }

    @Test(arguments: [
        (#"{"handover":"overlap","handover":"exclusive"}"#, "line 1, column 74: duplicate key handover"),
        (#"{"handover":"exclusive","x":{"y":1,"y":2}}"#, "line 1, column 87: duplicate key y"),
        ("yes", "line 1, column 52: 'y' where a value is expected"),
        (#"{"\q":1}"#, "line 1, column 54: an unknown escape"),
    ])
    func `a fault in the placement of a file takes no check`(placement: String, reason: String) async throws {
        let (fixture, object) = try await Self.file(placement)
        #expect(fixture.configs.map(\.handOver) == [.sticky])
        #expect(fixture.problems == ["\(object): placement: \(reason); it is not used"])
        #expect(fixture.autoConf.problems.map(\.severity) == [.warning])
        // A fault beside it still counts.
        let (broken, _) = try await Self.file(placement, #","init_config":{"z":1,"z":2}"#)
        #expect(broken.configs.isEmpty && broken.problems.count == 1)
        #expect(broken.problems[0].hasSuffix("duplicate key z"), "\(broken.problems)")
    }

    @Test func `a file that names objects says how all their checks are handed over, but for those that are pinned`()
        async throws
    {
        let directory = try TemporaryDirectory()
        let fixture = Fixture(
            AutoConfOptions(confdPath: directory.path, watchesServices: true, watchesEndpoints: true))
        let name = #"{"name":"web","namespace":"shop"}"#
        try directory.write(
            "a.json",
            #"{"advanced_ad_identifiers":[{"kube_service":\#(name),"kube_endpoints":\#(name)}],"instances":[{}],"placement":{"handover":"exclusive"}}"#
        )
        fixture.autoConf.handle(.replaced([service()]))
        fixture.autoConf.handle(
            .replaced([slice([endpoint("10.1.0.1"), endpoint("10.1.0.2"), endpoint("10.1.0.3", pod: nil)])]))
        try await whileRunning(fixture) {
            #expect(fixture.configs.map(\.handOver) == [.sticky, .sticky, .exclusive, .exclusive])
            #expect(
                fixture.problems == [
                    "file:\(directory.path)/a.json: kube_endpoints shop/web: placement: checks that are pinned to a Kubernetes node never move, so it has no effect on them"
                ])
        }
    }
}
