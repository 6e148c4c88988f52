import CheckModel
import JSON
import Platform
import Testing

@Suite struct ConfigPatchTests {
    /// Upstream's TestExtraTags.
    static let composed: [(extra: [String], cluster: String, tagName: String, tags: [String])] = [
        ([], "testing", "cluster_name", ["cluster_name:testing", "kube_cluster_name:testing"]),
        ([], "mycluster", "custom_name", ["custom_name:mycluster", "kube_cluster_name:mycluster"]),
        ([], "", "cluster_name", []),
        ([], "testing", "", ["kube_cluster_name:testing"]),
        (
            ["one", "two"], "mycluster", "custom_name",
            ["one", "two", "custom_name:mycluster", "kube_cluster_name:mycluster"]
        ),
    ]

    @Test(arguments: composed)
    func `extra tags are composed from the options`(
        _ row: (extra: [String], cluster: String, tagName: String, tags: [String])
    ) {
        let patch = ConfigPatch(extraTags: row.extra, clusterName: row.cluster, clusterTagName: row.tagName)
        #expect(patch.extraTags == row.tags)
    }

    /// Upstream's TestPatchConfiguration.
    @Test func `a cluster check is patched`() throws {
        let config = try Self.config([#"{"tags":["foo:bar","bar:foo"]}"#], adIdentifiers: ["redis"])
        let patch = ConfigPatch(extraTags: [], clusterName: "testing", clusterTagName: "cluster_name")
        let encoded = try patch.encode(config)
        let wire = try WireConfig(JSONValue(parsing: encoded.wire), message: "m", place: "p")
        #expect(!wire.clusterCheck)
        #expect(wire.adIdentifiers.isEmpty)
        #expect(
            String(decoding: wire.instances[0], as: UTF8.self)
                == #"{"empty_default_hostname":true,"tags":["bar:foo","cluster_name:testing","foo:bar","kube_cluster_name:testing"]}"#
        )
        #expect(encoded.digest == config.digest)
        #expect(encoded.key == config.key)
    }

    /// Upstream's TestPatchEndpointsConfiguration.
    @Test func `an endpoints check keeps its identifiers and hostname`() throws {
        let config = try Self.config([#"{"tags":["a"]}"#], adIdentifiers: ["redis"], nodeName: "n1")
        let encoded = try ConfigPatch(extraTags: ["b"]).encode(config)
        let wire = try WireConfig(JSONValue(parsing: encoded.wire), message: "m", place: "p")
        #expect(!wire.clusterCheck)
        #expect(wire.adIdentifiers == ["redis"])
        #expect(wire.nodeName == "n1")
        #expect(encoded.nodeName == "n1")
        #expect(String(decoding: wire.instances[0], as: UTF8.self) == #"{"tags":["a","b"]}"#)
    }

    static let instances: [(name: String, before: String, after: String)] = [
        ("no tags", "{}", #"{"empty_default_hostname":true,"tags":["x:y"]}"#),
        ("null tags", #"{"tags":null}"#, #"{"empty_default_hostname":true,"tags":["x:y"]}"#),
        ("tags that are no list", #"{"tags":"a"}"#, #"{"empty_default_hostname":true,"tags":["x:y"]}"#),
        ("doubled tags", #"{"tags":["z","x:y","z"]}"#, #"{"empty_default_hostname":true,"tags":["x:y","z"]}"#),
        (
            "tags of all types", #"{"tags":[1,1.50,true,null,["a"]]}"#,
            #"{"empty_default_hostname":true,"tags":["1","1.50","[\"a\"]","true","x:y"]}"#
        ),
        (
            "a hostname of its own", #"{"empty_default_hostname":false}"#,
            #"{"empty_default_hostname":true,"tags":["x:y"]}"#
        ),
        (
            "values that rounding would lose", #"{"id":12345678901234567890,"f":1e3}"#,
            #"{"empty_default_hostname":true,"f":1.0e+3,"id":12345678901234567890,"tags":["x:y"]}"#
        ),
    ]

    @Test(arguments: instances)
    func `patching changes nothing else in an instance`(_ row: (name: String, before: String, after: String)) throws {
        let encoded = try ConfigPatch(extraTags: ["x:y"]).encode(Self.config([row.before]))
        let wire = try WireConfig(JSONValue(parsing: encoded.wire), message: "m", place: "p")
        #expect(String(decoding: wire.instances[0], as: UTF8.self) == row.after, "\(row.name)")
    }

    @Test func `without extra tags an instance gets no tags`() throws {
        let encoded = try ConfigPatch().encode(Self.config(["{}"]))
        let wire = try WireConfig(JSONValue(parsing: encoded.wire), message: "m", place: "p")
        #expect(String(decoding: wire.instances[0], as: UTF8.self) == #"{"empty_default_hostname":true}"#)
    }

    @Test func `tags are sorted on the wire`() throws {
        let first = try ConfigPatch(extraTags: ["p", "q"]).encode(Self.config([#"{"tags":["b","a"]}"#]))
        let second = try ConfigPatch(extraTags: ["q", "p"]).encode(Self.config([#"{"tags":["a","b"]}"#]))
        #expect(first.wire == second.wire)
        #expect(first.contentHash == second.contentHash)
        #expect(first.instanceIDs == second.instanceIDs)
    }

    @Test func `an instance that is not an object is an error with its place`() throws {
        let config = try Self.config(["{}", "[1]"])
        let error = #expect(throws: CheckModelError.self) { try ConfigPatch().encode(config) }
        #expect(error?.description == "file:/a.json#a#0: instances[1] is an array, not an object")
    }

    @Test func `a config costs one per instance and at least one`() throws {
        #expect(try ConfigPatch().encode(Self.config(["{}", "{}", "{}"])).cost == 3)
        #expect(try ConfigPatch().encode(Self.config([])).cost == 1)
    }

    private static func config(
        _ instances: [String], adIdentifiers: [ExactText] = [], nodeName: String = ""
    ) throws -> CheckConfig {
        CheckConfig(
            key: ConfigKey(source: "file:/a.json", check: "a", index: 0), checkName: "a",
            instances: try instances.map { try JSONValue(parsing: $0) }, adIdentifiers: adIdentifiers,
            nodeName: nodeName)
    }
}
