import CheckModel
import JSON
import Kubernetes
import TestKit
import Testing

@testable import AutoConf

/// Files with `advanced_ad_identifiers`: templates for Services and endpoints that they name.
@Suite struct FileTemplateTests {
    private let directory: TemporaryDirectory
    private let fixture: Fixture

    init() throws {
        directory = try TemporaryDirectory()
        fixture = Fixture(
            AutoConfOptions(confdPath: directory.path, watchesServices: true, watchesEndpoints: true))
    }

    private static func file(_ identifiers: String, _ url: String = "%%host%%:%%port_http%%") -> String {
        #"{"advanced_ad_identifiers":[\#(identifiers)],"instances":[{"u":"\#(url)"}]}"#
    }

    private static let webService = #"{"kube_service":{"name":"web","namespace":"shop"}}"#
    private static let webEndpoints = #"{"kube_endpoints":{"name":"web","namespace":"shop"}}"#

    private var object: String {
        "file:\(directory.path)/a.json"
    }

    private func sync(_ services: [Service], _ slices: [ServiceEndpoints] = []) {
        fixture.autoConf.handle(.replaced(services))
        fixture.autoConf.handle(.replaced(slices))
    }

    @Test func `a file can be bound to a Service without an annotation`() async throws {
        try directory.write("a.json", Self.file(Self.webService))
        try await whileRunning(fixture) {
            #expect(!fixture.isSynced)
            sync([service(labels: ["tags.datadoghq.com/version": "2", "app": "x"]), service(name: "other")])
            #expect(fixture.isSynced)
            let config = try #require(fixture.configs.first)
            #expect(fixture.keys == ["\(object):kube_service://shop/web#a#0"])
            #expect(config.provider == "kubernetes-services-file")
            #expect(config.source == object)
            #expect(config.serviceID == "kube_service://shop/web")
            #expect(config.clusterCheck)
            #expect(config.nodeName == "")
            #expect(
                texts(config.instances)
                    == [#"{"tags":["kube_namespace:shop","kube_service:web","version:2"],"u":"10.96.0.20:80"}"#])
            #expect(fixture.problems.isEmpty)
        }
    }

    @Test func `a file can be bound to endpoints`() async throws {
        try directory.write("a.json", Self.file(Self.webEndpoints))
        sync([service()], [slice([endpoint("10.1.0.1"), endpoint("10.1.0.2", pod: nil)])])
        try await whileRunning(fixture) {
            #expect(
                fixture.keys == ["10.1.0.1", "10.1.0.2"].map { "\(object):kube_endpoint_uid://shop/web/\($0)#a#0" })
            #expect(fixture.configs.map(\.nodeName) == ["node-1", ""])
            #expect(fixture.configs.map(\.provider) == Array(repeating: "kubernetes-endpoints-file", count: 2))
            #expect(
                fixture.configs.map { $0.instances[0]["u"] } == [.string("10.1.0.1:8080"), .string("10.1.0.2:8080")])
            fixture.autoConf.handle(.applied(slice([endpoint("10.1.0.2")])))
            #expect(fixture.configs.map(\.serviceID) == ["kube_endpoint_uid://shop/web/10.1.0.2"])
        }
    }

    @Test func `the resolve option of a file is read`() async throws {
        try directory.write(
            "a.json", Self.file(#"{"kube_endpoints":{"name":"web","namespace":"shop","resolve":"ip"}}"#))
        try directory.write(
            "b.json", Self.file(#"{"kube_endpoints":{"name":"web","namespace":"shop","resolve":"x"}}"#))
        sync([], [slice([endpoint("10.1.0.1")])])
        try await whileRunning(fixture) {
            #expect(fixture.configs.map(\.nodeName) == ["", "node-1"])
            #expect(
                fixture.problems == [
                    "file:\(directory.path)/b.json: advanced_ad_identifiers[0].kube_endpoints: resolve is neither auto nor ip; auto is used"
                ])
        }
    }

    @Test func `one file may name many objects`() async throws {
        let other = #"{"kube_service":{"name":"other","namespace":"shop"}}"#
        try directory.write("a.json", Self.file([Self.webService, Self.webEndpoints, other].joined(separator: ",")))
        sync([service(), service(name: "other")], [slice([endpoint("10.1.0.1")])])
        try await whileRunning(fixture) {
            #expect(
                fixture.configs.map(\.serviceID) == [
                    "kube_endpoint_uid://shop/web/10.1.0.1", "kube_service://shop/other", "kube_service://shop/web",
                ])
        }
    }

    @Test func `the config of a bound file follows its Service`() async throws {
        try directory.write("a.json", Self.file(Self.webService))
        try await whileRunning(fixture) {
            sync([service()])
            fixture.autoConf.handle(.applied(service(clusterIP: "10.96.0.9")))
            #expect(fixture.configs.map { $0.instances[0]["u"] } == [.string("10.96.0.9:80")])
            fixture.autoConf.handle(.applied(service(ports: [.init(port: 1)])))
            #expect(fixture.configs.map { $0.instances[0]["u"] } == [.string("10.96.0.9:80")])
            #expect(
                fixture.problems == [
                    "\(object): kube_service shop/web: a[0] is not scheduled: %%port_http%%: no port of the Service has a name"
                ])
            fixture.autoConf.handle(.applied(service()))
            #expect(fixture.configs.count == 1)
            fixture.autoConf.handle(.deleted(service()))
            #expect(fixture.configs.isEmpty)
            #expect(fixture.problems == ["\(object): kube_service shop/web: there is no such Service"])
            fixture.autoConf.handle(.replaced([service()]))
            #expect(fixture.configs.count == 1)
            #expect(fixture.problems.isEmpty)
        }
    }

    @Test func `a missing Service is reported only when Services have been read`() async throws {
        try directory.write("a.json", Self.file(Self.webService))
        try await whileRunning(fixture) {
            #expect(fixture.problems.isEmpty)
            sync([])
            #expect(fixture.problems.count == 1)
            #expect(fixture.autoConf.problems.map(\.severity) == [.warning])
        }
    }

    @Test func `an edited file changes its configs and a broken one keeps them`() async throws {
        try directory.write("a.json", Self.file(Self.webService))
        sync([service()])
        try await whileRunning(fixture) {
            try directory.write("a.json", #"{"advanced_ad"#)
            try await fixture.clock.advanceToNextSleep(by: .seconds(5))
            #expect(fixture.configs.map { $0.instances[0]["u"] } == [.string("10.96.0.20:80")])
            #expect(fixture.problems.count == 1)
            // The broken file's last good form goes on following the Service, and is still told of.
            fixture.autoConf.handle(.applied(service(clusterIP: "10.96.0.9")))
            #expect(fixture.configs.map { $0.instances[0]["u"] } == [.string("10.96.0.9:80")])
            #expect(fixture.problems.count == 1)
            try directory.write("a.json", Self.file(Self.webService, "new"))
            try await fixture.clock.advanceToNextSleep(by: .seconds(5))
            #expect(fixture.configs.map { $0.instances[0]["u"] } == [.string("new")])
            #expect(fixture.problems.isEmpty)
            try directory.write("a.json", #"{"cluster_check":true,"instances":[{}]}"#)
            try await fixture.clock.advanceToNextSleep(by: .seconds(5))
            #expect(fixture.keys == ["\(object)#a#0"])
            fixture.autoConf.handle(.applied(service(clusterIP: "10.96.0.7")))
            #expect(fixture.keys == ["\(object)#a#0"])
            directory.remove("a.json")
            try await fixture.clock.advanceToNextSleep(by: .seconds(5))
            fixture.autoConf.handle(.applied(service()))
            #expect(fixture.configs.isEmpty)
        }
    }

    @Test func `an annotation and a file may both configure a Service`() async throws {
        try directory.write("a.json", Self.file(Self.webService))
        sync([service(["checks": #"{"a":{"instances":[{}]}}"#])])
        try await whileRunning(fixture) {
            #expect(fixture.keys == ["\(object):kube_service://shop/web#a#0", "kube_service://shop/web#a#0"])
        }
    }
}
