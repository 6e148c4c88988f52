import JSON
import Platform
import Testing

@testable import CheckModel

@Suite struct CheckIDTests {
    private static func yaml(_ check: String, _ instances: [String], initConfig: String = "{}") -> WireConfig {
        WireConfig(
            checkName: check, instances: instances.map { Array($0.utf8) },
            initConfig: initConfig.isEmpty ? nil : Array(initConfig.utf8))
    }

    static let vectors: [(config: WireConfig, name: String?, id: String)] = [
        (yaml("check1", [""], initConfig: ""), nil, "check1:1f91bfe89a5e7e39"),
        (yaml("redisdb", ["host: 10.0.0.1\nport: 6379\n"]), nil, "redisdb:ba4e8ea36172404a"),
        (yaml("redisdb", ["host: 10.0.0.1\nname: main\nport: 6379\n"]), "main", "redisdb:main:6cadd48c655fb2e4"),
        (yaml("multi", ["host: a\n", "host: b\n"]), nil, "multi:4ee88b06adc19aed"),
        (WireTests.example, "web", "http_check:web:98d27a1a16e8cb1b"),
        (WireTests.swapped, "web", "http_check:web:96c3ab0f145ba8eb"),
    ]

    @Test(arguments: vectors)
    func `the ID of given bytes is the one that agents compute`(_ row: (config: WireConfig, name: String?, id: String))
    {
        let id = CheckID.of(
            checkName: row.config.checkName, instanceName: row.name, instance: row.config.instances[0],
            initConfig: row.config.initConfig ?? [], fastDigest: row.config.fastDigest)
        #expect(id == row.id)
    }

    static let names: [(instance: String, name: String?)] = [
        (#"{"name":"web"}"#, "web"),
        (#"{"name":"","namespace":"shop"}"#, "shop"),
        (#"{"name":null,"namespace":"shop"}"#, "shop"),
        (#"{"name":"web","namespace":"shop"}"#, "web"),
        (#"{"name":7}"#, "7"),
        (#"{"name":true}"#, "true"),
        (#"{"name":["web"]}"#, nil),
        (#"{"name":"web","namespace":{}}"#, nil),
        (#"{"name":"web","min_collection_interval":"30"}"#, nil),
        (#"{"name":"web","min_collection_interval":30}"#, "web"),
        (#"{"name":"web","tags":"a"}"#, nil),
        (#"{"name":"web","tags":["a",1]}"#, "web"),
        (#"{"name":"web","empty_default_hostname":"true"}"#, nil),
        (#"{"Name":"web"}"#, nil),
        ("[]", nil),
    ]

    @Test(arguments: names)
    func `an instance has the name that agents give it`(_ row: (instance: String, name: String?)) throws {
        #expect(try CheckID.instanceName(JSONValue(parsing: row.instance)) == row.name)
    }

    @Test func `the IDs of a config are computed from the bytes on the wire`() throws {
        let config = CheckConfig(
            key: ConfigKey(source: "s", check: "http_check", index: 0), checkName: "http_check",
            instances: [.object(["name": .string("web")]), .object(["url": .string("x")])], initConfig: .object([:]))
        let encoded = try ConfigPatch(extraTags: ["a:b"]).encode(config)
        let received = try WireConfig(JSONValue(parsing: encoded.wire), message: "m", place: "p")
        #expect(received.checkIDs == encoded.instanceIDs)
        #expect(encoded.instanceIDs.count == 2)
        #expect(encoded.instanceIDs[0].hasPrefix("http_check:web:"))
        #expect(encoded.instanceIDs[1].split(separator: ":").count == 2)
    }
}
