import CheckModel
import JSON
import Platform
import Testing

@testable import ClusterChecks

/// Endpoints checks are kept for the Kubernetes nodes that they name.
@Suite struct EndpointsChecksTests {
    func check(_ name: String, on nodeName: String, edition: Int = 0) throws -> EncodedConfig {
        var config = checkConfig(name, edition: edition)
        config.nodeName = nodeName
        config.adIdentifiers = ["kube_endpoint_uid://shop/web/10.0.0.1"]
        return try ConfigPatch(extraTags: ["team:a"]).encode(config)
    }

    func keys(_ nodeName: String, _ dispatcher: Dispatcher) -> [String] {
        dispatcher.store.endpointsChecks.of(nodeName).map(\.key.source)
    }

    @Test func `endpoints checks are listed by node and key and add no load`() throws {
        var dispatcher = try Dispatcher(nodes: ["w1"], configs: try encodedConfigs(0..<2))
        let checks = [try check("b", on: "w1"), try check("a", on: "w1"), try check("c", on: "w2")]
        let changes = dispatcher.dispatch(EncodedChanges(upserts: checks)).changes
        #expect(changes.count == 3)
        #expect(keys("w1", dispatcher) == ["test:a", "test:b"])
        #expect(keys("w2", dispatcher) == ["test:c"])
        #expect(keys("w3", dispatcher).isEmpty)
        #expect(dispatcher.store.endpointsChecks.nodes == ["w1", "w2"])
        #expect(dispatcher.store.counts == ["w1": 2])
        #expect(dispatcher.dispatch(EncodedChanges(upserts: checks)).changes.isEmpty)
    }

    @Test func `endpoints checks keep what their agent needs to resolve them`() throws {
        let config = try WireConfig(JSONValue(parsing: try check("a", on: "w1").wire), message: "", place: "")
        #expect(!config.clusterCheck)
        #expect(config.nodeName == "w1")
        #expect(config.adIdentifiers == ["kube_endpoint_uid://shop/web/10.0.0.1"])
        let instance = String(decoding: try #require(config.instances.first), as: UTF8.self)
        #expect(instance == #"{"tags":["team:a"],"url":"http://a/0"}"#)
    }

    @Test func `an endpoints check follows edits, a change of node and removal`() throws {
        var dispatcher = try Dispatcher(nodes: ["w1"], configs: [])
        _ = dispatcher.dispatch(EncodedChanges(upserts: [try check("a", on: "w1"), try check("b", on: "w1")]))
        let edited = try check("a", on: "w1", edition: 1)
        #expect(dispatcher.dispatch(EncodedChanges(upserts: [edited])).changes.count == 1)
        #expect(dispatcher.store.endpointsChecks.of("w1").map(\.contentHash).contains(edited.contentHash))
        _ = dispatcher.dispatch(EncodedChanges(upserts: [try check("a", on: "w2")]))
        #expect(keys("w1", dispatcher) == ["test:b"])
        #expect(keys("w2", dispatcher) == ["test:a"])
        _ = dispatcher.dispatch(EncodedChanges(upserts: [], removals: [key("a")]))
        #expect(keys("w2", dispatcher).isEmpty)
        _ = dispatcher.dispatch(EncodedChanges(upserts: [], isWhole: true))
        #expect(dispatcher.store.endpointsChecks.count == 0)
        #expect(dispatcher.store.endpointsChecks.nodes.isEmpty)
    }

    @Test func `a config that becomes or stops being an endpoints check is in one place`() throws {
        var dispatcher = try Dispatcher(nodes: ["w1"], configs: [try encodedConfig("a")])
        _ = dispatcher.dispatch(EncodedChanges(upserts: [try check("a", on: "w2")]))
        #expect(dispatcher.store.counts == ["w1": 0])
        #expect(keys("w2", dispatcher) == ["test:a"])
        _ = dispatcher.dispatch(EncodedChanges(upserts: [try encodedConfig("a")]))
        #expect(dispatcher.store.counts == ["w1": 1])
        #expect(dispatcher.store.endpointsChecks.count == 0)
    }

    @Test func `endpoints checks count for the limit of configs`() throws {
        var options = HandlerOptions(patch: ConfigPatch())
        options.maximumConfigs = 3
        var dispatcher = try Dispatcher(nodes: ["w1"], configs: try encodedConfigs(0..<2), options: options)
        let refused = dispatcher.dispatch(
            EncodedChanges(upserts: [try check("a", on: "w1"), try check("b", on: "w1")])
        )
        .refused
        #expect(refused == [key("b")])
        #expect(dispatcher.store.totalCount == 3)
    }
}
