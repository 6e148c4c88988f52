import JSON
import Platform
import Testing

@testable import CheckModel

@Suite struct DigestTests {
    private static func config(_ name: String, _ change: (inout CheckConfig) -> Void = { _ in }) -> CheckConfig {
        var config = CheckConfig(key: ConfigKey(source: "s", check: name, index: 0), checkName: name)
        change(&config)
        return config
    }

    /// Upstream's vectors for configs without instances, whose canonical form is the same.
    static let upstream: [(name: String, config: CheckConfig, digest: String)] = [
        ("all empty", config(""), "c4bf6d05e5b795e4"),
        ("a name", config("foo"), "6eba821f0cd8c6d0"),
        ("a name, not a cluster check", config("foo") { $0.clusterCheck = false }, "6eba821f0cd8c6d0"),
        (
            "logs",
            config("foo") {
                $0.logs = .array([.object(["service": .string("any_service"), "source": .string("any_source")])])
            }, "68db1fd44ee9e556"
        ),
        (
            "a service id",
            config("foo") {
                $0.serviceID = "docker://f556178a47cf65fb70cd5772a9e80e661f71e021da49d3dc99565b861707041c"
            }, "87124897c6c72173"
        ),
        ("ignored tags", config("foo") { $0.ignoreAutodiscoveryTags = true }, "28242ab6104a4de1"),
    ]

    @Test(arguments: upstream)
    func `a config without instances has the same digest as upstream`(
        _ row: (name: String, config: CheckConfig, digest: String)
    ) {
        #expect(row.config.digestText == row.digest, "\(row.name)")
    }

    /// Upstream's vectors over raw bytes: the FastDigest of bytes that are canonical already is the Digest.
    static let raw: [(name: String, config: WireConfig, digest: String)] = [
        (
            "logs",
            WireConfig(checkName: "foo", logs: Array(#"[{"service":"any_service","source":"any_source"}]"#.utf8)),
            "68db1fd44ee9e556"
        ),
        ("an instance", WireConfig(checkName: "foo", instances: [Array("foo:bar: null\n".utf8)]), "bac28046698f8f94"),
        (
            "tags", WireConfig(checkName: "foo", instances: [Array("tags:\n- foo\n- foo:bar\n".utf8)]),
            "acf96a2e562b1adf"
        ),
        (
            "a YAML instance",
            WireConfig(
                checkName: "redisdb", instances: [Array("host: 10.0.0.1\nport: 6379\n".utf8)],
                initConfig: Array("{}".utf8)), "134f822e509b14e4"
        ),
        ("the worked example", WireTests.example, "14029c95e295d499"),
        ("the worked example with its last two tags swapped", WireTests.swapped, "22851b0d9a95bc91"),
    ]

    @Test(arguments: raw)
    func `the fast digest of given bytes is the same as upstream`(
        _ row: (name: String, config: WireConfig, digest: String)
    ) {
        #expect(String(row.config.fastDigest, radix: 16) == row.digest, "\(row.name)")
    }

    @Test func `the digest does not depend on the order of keys or tags`() throws {
        let first = try instance(#"{"url":"x","tags":["b","a",1],"opts":{"x":1,"y":2}}"#)
        let second = try instance(#"{"opts":{"y":2,"x":1},"tags":["1","a","b"],"url":"x"}"#)
        #expect(first.digest == second.digest)
    }

    static let different: [(String, String)] = [
        (#"{"url":"x"}"#, #"{"url":"y"}"#),
        (#"{"tags":["a"]}"#, #"{"tags":["a","b"]}"#),
        (#"{"list":["a","b"]}"#, #"{"list":["b","a"]}"#),
        (#"{"tags":{"a":1}}"#, #"{"tags":{"a":2}}"#),
        (#"{"port":1.0}"#, #"{"port":1}"#),
    ]

    @Test(arguments: different)
    func `what changes the check changes the digest`(_ left: String, _ right: String) throws {
        #expect(try instance(left).digest != instance(right).digest)
    }

    @Test func `what does not affect the check does not change the digest`() {
        let config = Self.config("foo")
        var shown = config
        shown.source = "elsewhere"
        shown.provider = "file"
        shown.checkTagCardinality = "low"
        shown.metricConfig = .object([:])
        #expect(shown.digest == config.digest)
        var pinned = config
        pinned.nodeName = "n1"
        #expect(pinned.digest != config.digest)
    }

    /// 1 to 40 bytes: every length of the last block. Reference: the digest's own construction over a name, checked
    /// above, and murmur3's published vectors.
    @Test(arguments: [
        ("", "0"), ("hello", "cbd8a7b341bd9b02"), ("hello, world", "342fac623a5ebc8e"),
        ("19 Jan 2038 at 3:14:07 AM", "b89e5988b737affc"),
        ("The quick brown fox jumps over the lazy dog.", "cd99481f9ee902c9"),
    ])
    func `Murmur3 gives its published vectors`(_ text: String, _ hash: String) {
        #expect(String(Murmur3.hash(Array(text.utf8)), radix: 16) == hash)
    }

    private func instance(_ text: String) throws -> CheckConfig {
        let json = try JSONValue(parsing: text)
        return Self.config("foo") { $0.instances = [json] }
    }
}
