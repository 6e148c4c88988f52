import CheckModel
import JSON
import Kubernetes
import Platform
import Testing

@testable import AutoConf

@Suite struct EndpointsTests {
    private let fixture = Fixture(AutoConfOptions(watchesServices: true, watchesEndpoints: true))

    private static func annotated(
        _ checks: String = #"{"a":{"instances":[{"u":"%%host%%:%%port%%"}]}}"#, resolve: String? = nil,
        labels: [String: String] = [:]
    ) -> Service {
        var values = ["checks": checks]
        values["resolve"] = resolve
        return service(annotations("ad.datadoghq.com/endpoints.", values), labels: labels)
    }

    private var addresses: [String] {
        fixture.configs.map { String($0.serviceID.split(separator: "/").last ?? "") }
    }

    private func sync(_ service: Service, _ slices: [ServiceEndpoints]) {
        fixture.autoConf.handle(.replaced([service]))
        fixture.autoConf.handle(.replaced(slices))
    }

    @Test func `each ready address is one config for the agent on the node of its pod`() throws {
        sync(
            Self.annotated(labels: ["tags.datadoghq.com/env": "prod"]),
            [slice([endpoint("10.1.0.2", pod: "p2", node: "node-2"), endpoint("10.1.0.1")])])
        #expect(
            fixture.keys == [
                "kube_endpoint_uid://shop/web/10.1.0.1#a#0", "kube_endpoint_uid://shop/web/10.1.0.2#a#0",
            ])
        let config = try #require(fixture.configs.first)
        #expect(config.serviceID == "kube_endpoint_uid://shop/web/10.1.0.1")
        #expect(config.adIdentifiers == ["kube_endpoint_uid://shop/web/10.1.0.1", "kubernetes_pod://p1"])
        #expect(config.nodeName == "node-1")
        #expect(config.clusterCheck)
        #expect(config.source == "kube_endpoints:kube_endpoint_uid://shop/web/")
        #expect(config.provider == "kubernetes-endpointslices")
        #expect(
            texts(config.instances) == [
                #"{"tags":["env:prod","kube_endpoint_ip:10.1.0.1","kube_namespace:shop","kube_service:web"],"u":"10.1.0.1:9102"}"#
            ])
        #expect(fixture.configs.map(\.nodeName) == ["node-1", "node-2"])
        #expect(fixture.problems.isEmpty)
    }

    @Test func `an Endpoints object gives the same configs as EndpointSlices`() {
        sync(Self.annotated(), [slice([endpoint("10.1.0.1")], name: "web")])
        #expect(fixture.configs.map(\.provider) == ["kubernetes-endpoints"])
        #expect(fixture.configs.map(\.source) == ["kube_endpoints:kube_endpoint_uid://shop/web/"])
    }

    static let resolutions:
        [(name: String, resolve: String?, pod: String?, node: String, pinnedTo: String, known: Bool)] =
            [
                ("auto is the default", nil, "p1", "node-1", "node-1", true),
                ("auto", "auto", "p1", "node-1", "node-1", true),
                ("empty is auto", "", "p1", "node-1", "node-1", true),
                ("unknown is auto and told of", "pod", "p1", "node-1", "node-1", false),
                ("ip ignores what is behind", "ip", "p1", "node-1", "", true),
                ("no pod is behind", "auto", nil, "node-1", "", true),
                ("the node is not known", "auto", "p1", "", "", true),
            ]

    @Test(arguments: resolutions)
    func `the resolve option decides who runs the check`(
        _ row: (name: String, resolve: String?, pod: String?, node: String, pinnedTo: String, known: Bool)
    ) throws {
        sync(Self.annotated(resolve: row.resolve), [slice([endpoint("10.1.0.1", pod: row.pod, node: row.node)])])
        let config = try #require(fixture.configs.first)
        #expect(config.nodeName == row.pinnedTo, "\(row.name)")
        let names = config.adIdentifiers
        #expect(names.first == "kube_endpoint_uid://shop/web/10.1.0.1")
        #expect(names.dropFirst() == (row.pod != nil && row.resolve != "ip" ? ["kubernetes_pod://p1"] : []))
        let warning = "kube_service://shop/web: endpoints: resolve is neither auto nor ip; auto is used"
        #expect(fixture.problems == (row.known ? [] : [warning]))
    }

    @Test func `an endpoint whose target is not a pod is not pinned to a node`() throws {
        let other = ServiceEndpoints.Endpoint(
            addresses: ["10.1.0.1"], nodeName: "node-1",
            target: ObjectReference(kind: "VirtualMachine", namespace: "shop", name: "vm", uid: "v1"))
        sync(Self.annotated(), [slice([other])])
        let config = try #require(fixture.configs.first)
        #expect(config.nodeName == "")
        #expect(config.adIdentifiers.count == 1)
    }

    static let conditions: [(isReady: Bool, isServing: Bool, isTerminating: Bool, isChecked: Bool)] = [
        (true, true, false, true), (false, false, false, false), (false, true, true, false), (true, true, true, false),
        (true, false, false, false), (false, false, true, false),
    ]

    @Test(arguments: conditions)
    func `only endpoints that are ready, serving and not terminating are checked`(
        _ row: (isReady: Bool, isServing: Bool, isTerminating: Bool, isChecked: Bool)
    ) {
        sync(
            Self.annotated(),
            [
                slice([
                    endpoint(
                        "10.1.0.1", isReady: row.isReady, isServing: row.isServing, isTerminating: row.isTerminating)
                ])
            ])
        #expect(fixture.configs.count == (row.isChecked ? 1 : 0))
    }

    @Test func `the endpoints of a Service are those of all its EndpointSlices`() {
        let first = slice([endpoint("10.1.0.1"), endpoint("10.1.0.2")], name: "web-1")
        let second = slice([endpoint("10.1.0.2"), endpoint("10.1.0.3")], name: "web-2")
        sync(Self.annotated(), [first])
        fixture.autoConf.handle(.applied(second))
        #expect(addresses == ["10.1.0.1", "10.1.0.2", "10.1.0.3"])
        // An endpoint that moves from one slice to the other is there all the time.
        fixture.autoConf.handle(.applied(slice([endpoint("10.1.0.1")], name: "web-1")))
        #expect(addresses == ["10.1.0.1", "10.1.0.2", "10.1.0.3"])
        fixture.autoConf.handle(.deleted(first))
        #expect(addresses == ["10.1.0.2", "10.1.0.3"])
        fixture.autoConf.handle(.applied(slice([], name: "web-2")))
        #expect(addresses.isEmpty)
        #expect(fixture.isSynced)
    }

    @Test func `ports of one address in several EndpointSlices are joined`() throws {
        sync(
            Self.annotated(#"{"a":{"instances":[{"p":["%%port_0%%","%%port_web%%","%%port%%"]}]}}"#),
            [
                slice([endpoint("10.1.0.1")], name: "web-1", ports: [.init(name: "web", port: 8443)]),
                slice([endpoint("10.1.0.1")], name: "web-2", ports: [.init(name: "a", port: 80), .init(port: nil)]),
            ])
        #expect(fixture.configs.map { $0.instances[0]["p"] } == [.array(["80", "8443", "8443"].map { .number($0) })])
    }

    @Test func `a new list replaces what was known`() {
        sync(Self.annotated(), [slice([endpoint("10.1.0.1")], name: "web-1")])
        fixture.autoConf.handle(.replaced([slice([endpoint("10.1.0.2")], name: "web")]))
        #expect(addresses == ["10.1.0.2"])
        fixture.autoConf.handle(ReflectorEvent<ServiceEndpoints>.replaced([]))
        #expect(addresses.isEmpty)
    }

    @Test func `an EndpointSlice that changes its Service moves its endpoints`() {
        let other = service(
            annotations("ad.datadoghq.com/endpoints.", ["checks": #"{"a":{"instances":[{}]}}"#]), name: "other")
        fixture.autoConf.handle(.replaced([Self.annotated(), other]))
        fixture.autoConf.handle(.replaced([slice([endpoint("10.1.0.1")], of: "other")]))
        #expect(fixture.configs.map(\.serviceID) == ["kube_endpoint_uid://shop/other/10.1.0.1"])
        fixture.autoConf.handle(.applied(slice([endpoint("10.1.0.1")])))
        #expect(fixture.configs.map(\.serviceID) == ["kube_endpoint_uid://shop/web/10.1.0.1"])
        fixture.autoConf.handle(.applied(slice([endpoint("10.1.0.1")], of: "")))
        #expect(fixture.configs.isEmpty)
    }

    @Test func `the set is synced only when Services and endpoints have been read`() {
        fixture.autoConf.handle(.replaced([Self.annotated()]))
        #expect(!fixture.isSynced)
        fixture.autoConf.handle(.applied(slice([endpoint("10.1.0.1")])))
        #expect(!fixture.isSynced)
        fixture.autoConf.handle(.replaced([slice([endpoint("10.1.0.1")])]))
        #expect(fixture.isSynced)
        #expect(addresses == ["10.1.0.1"])

        let reverse = Fixture(AutoConfOptions(watchesServices: true, watchesEndpoints: true))
        reverse.autoConf.handle(.replaced([slice([endpoint("10.1.0.1")])]))
        #expect(!reverse.isSynced)
        reverse.autoConf.handle(.replaced([Self.annotated()]))
        #expect(reverse.isSynced)
        #expect(reverse.configs.count == 1)
    }

    @Test func `a disabled endpoints source is not waited for and its annotations are reported`() {
        let fixture = Fixture(AutoConfOptions(watchesServices: true))
        fixture.autoConf.handle(.replaced([Self.annotated()]))
        fixture.autoConf.handle(.replaced([slice([endpoint("10.1.0.1")])]))
        #expect(fixture.isSynced)
        #expect(fixture.configs.isEmpty)
        #expect(
            fixture.problems
                == ["kube_service://shop/web: endpoints are not watched, so its endpoints checks are not used"])
        #expect(fixture.autoConf.problems.map(\.severity) == [.warning])
    }

    @Test func `a change that changes no endpoint makes no new version`() {
        sync(Self.annotated(), [slice([endpoint("10.1.0.1")])])
        let changes = fixture.desired.changes
        fixture.autoConf.handle(.applied(slice([endpoint("10.1.0.1"), endpoint("10.1.0.9", isReady: false)])))
        fixture.autoConf.handle(.applied(slice([endpoint("10.1.0.7")], name: "x", of: "plain")))
        fixture.autoConf.handle(.applied(Self.annotated(labels: ["app": "web"])))
        #expect(fixture.desired.changes == changes)
    }

    @Test func `a new pod at the same address has the same key and a new digest`() throws {
        sync(Self.annotated(), [slice([endpoint("10.1.0.1")])])
        let before = try #require(fixture.configs.first)
        fixture.autoConf.handle(.applied(slice([endpoint("10.1.0.1", pod: "p2", node: "node-2")])))
        let after = try #require(fixture.configs.first)
        #expect(fixture.configs.count == 1)
        #expect(before.key == after.key)
        #expect(before.digest != after.digest)
        #expect(after.nodeName == "node-2")
    }

    @Test func `endpoints without an annotated Service have no checks`() {
        sync(service(), [slice([endpoint("10.1.0.1")])])
        #expect(fixture.configs.isEmpty)
        fixture.autoConf.handle(.applied(Self.annotated()))
        #expect(addresses == ["10.1.0.1"])
        fixture.autoConf.handle(.applied(service()))
        #expect(fixture.configs.isEmpty)
        fixture.autoConf.handle(.applied(Self.annotated()))
        fixture.autoConf.handle(.deleted(Self.annotated()))
        #expect(fixture.configs.isEmpty)
    }

    @Test func `a mistake in an annotation is one problem for a hundred endpoints`() throws {
        let endpoints = (0..<100).map { endpoint("10.1.0.\($0)") }
        sync(
            Self.annotated(#"{"a":{"instances":[{"p":"%%port_7%%"}]},"b":{"instances":[{"h":"%%host_endpoint%%"}]}}"#),
            [slice(endpoints)])
        #expect(fixture.configs.count == 100)
        #expect(
            fixture.problems == [
                "kube_service://shop/web: endpoints: a[0] is not scheduled: %%port_7%%: the endpoint has 2 ports, counted from 0"
            ])
        let change = try #require(fixture.changes.take().last)
        #expect(change.object?.name == "web")
        #expect(change.remaining == 1)
        fixture.autoConf.handle(.applied(Self.annotated()))
        #expect(fixture.changes.take().map(\.isMended) == [true])
    }

    @Test func `the endpoints of a headless Service have addresses`() {
        sync(
            service(
                annotations("ad.datadoghq.com/endpoints.", ["checks": #"{"a":{"instances":[{"h":"%%host%%"}]}}"#]),
                clusterIP: "None"), [slice([endpoint("fd00::1"), endpoint("10.1.0.1")])])
        #expect(fixture.configs.map { $0.instances[0]["h"] } == [.string("10.1.0.1"), .string("fd00::1")])
        #expect(addresses == ["10.1.0.1", "fd00::1"])
    }

    @Test func `a Service and its endpoints may both be checked`() {
        var both = annotations("ad.datadoghq.com/endpoints.", ["checks": #"{"a":{"instances":[{}]}}"#])
        both["checks"] = #"{"a":{"instances":[{}]}}"#
        sync(service(both), [slice([endpoint("10.1.0.1")])])
        #expect(
            fixture.keys == ["kube_endpoint_uid://shop/web/10.1.0.1#a#0", "kube_service://shop/web#a#0"])
        var writer = MetricsWriter()
        fixture.autoConf.collect(into: &writer)
        #expect(writer.text.contains("\nautoconf_configs{source=\"endpoints\"} 1\n"))
        #expect(writer.text.contains("\nautoconf_configs{source=\"services\"} 1\n"))
        #expect(writer.text.contains("\nautoconf_source_synced{source=\"endpoints\"} 1\n"))
    }

    @Test func `ignored tags are left out`() {
        sync(
            Self.annotated(#"{"a":{"instances":[{"tags":["x"]}],"ignore_autodiscovery_tags":true}}"#),
            [slice([endpoint("10.1.0.1")])])
        #expect(fixture.configs.flatMap { texts($0.instances) } == [#"{"tags":["x"]}"#])
    }
}
