import JSON
import Platform
import Testing

@testable import CheckModel

/// The policy of a hand-over in the digest, on the wire and beside it.
@Suite struct HandOverPolicyTests {
    private static func config(_ policy: HandOverPolicy = .sticky) -> CheckConfig {
        CheckConfig(
            key: ConfigKey(source: "s", check: "http_check", index: 0), checkName: "http_check",
            instances: [.object(["name": .string("web")]), .object(["url": .string("x")])], initConfig: .object([:]),
            handOver: policy)
    }

    private static func encoded(_ policy: HandOverPolicy) throws -> EncodedConfig {
        try ConfigPatch(extraTags: ["a:b"]).encode(config(policy))
    }

    private static func parsed(_ member: String) throws -> WireConfig {
        try WireConfig(JSONValue(parsing: #"{"check_name":"a"\#(member)}"#), message: "m", place: "p")
    }

    @Test func `each policy has a digest of its own, and sticky that of before`() throws {
        #expect(CheckConfig(key: Self.config().key, checkName: "foo").digestText == "6eba821f0cd8c6d0")
        #expect(Self.config().digest == WireConfig(Self.config()).fastDigest)
        #expect(Set(HandOverPolicy.allCases.map { Self.config($0).digest }).count == HandOverPolicy.allCases.count)
        for policy in HandOverPolicy.allCases {
            #expect(try Self.encoded(policy).digest == Self.config(policy).digest)
        }
        // What stands before it in the digest cannot be taken for a policy.
        var ignoring = Self.config()
        ignoring.ignoreAutodiscoveryTags = true
        #expect(!HandOverPolicy.allCases.map { Self.config($0).digest }.contains(ignoring.digest))
    }

    @Test func `only exclusive is on the wire, at the end`() throws {
        let texts = try HandOverPolicy.allCases.map { String(decoding: try Self.encoded($0).wire, as: UTF8.self) }
        #expect(texts[0] == texts[1] && texts[0].hasSuffix(#","logs_excluded":false}"#))
        #expect(!texts[0].contains("handover"))
        #expect(texts[2] == texts[0].dropLast() + #","handover":"exclusive"}"#)
        let wire = try Self.encoded(.exclusive).wire
        #expect(wire.capacity - wire.count < 64)
    }

    @Test func `exclusive survives the way to an agent`() throws {
        for policy in HandOverPolicy.allCases {
            let encoded = try Self.encoded(policy)
            let body = Array(ConfigsAnswer.pieces(lastChange: 1, configs: [encoded]).joined())
            let read = try #require(try ConfigsAnswer(parsing: body).configs.first)
            #expect(read.isExclusive == (policy == .exclusive))
            #expect(read.encoded() == encoded.wire)
            #expect(encoded.shownWire == Scrubbing.scrubbed(read).encoded())
            #expect(try WireConfig(JSONValue(parsing: encoded.shownWire), message: "", place: "") == read)
        }
    }

    /// Agents of Datadog compute the IDs, and do not know the policy.
    @Test func `check IDs do not depend on the policy`() throws {
        let ids = try HandOverPolicy.allCases.map { try Self.encoded($0).instanceIDs }
        #expect(Set(ids).count == 1 && ids[0].count == 2)
        for policy in HandOverPolicy.allCases {
            #expect(WireConfig(Self.config(policy)).checkIDs == WireConfig(Self.config()).checkIDs)
        }
    }

    @Test(arguments: [
        ("", false), (#","handover":null"#, false), (#","handover":"""#, false), (#","handover":"sticky""#, false),
        (#","handover":"overlap""#, false), (#","handover":"Exclusive""#, false), (#","handover":"exclusive ""#, false),
        (#","Handover":"exclusive""#, false), (#","handover":"exclusive""#, true),
    ])
    func `a config is exclusive if it says exactly that`(member: String, isExclusive: Bool) throws {
        #expect(try Self.parsed(member).isExclusive == isExclusive)
    }

    @Test(arguments: [("true", "a boolean"), ("[]", "an array"), ("{}", "an object"), ("1", "a number")])
    func `a policy of another type is an error, as for every member`(value: String, kind: String) {
        let error = #expect(throws: CheckModelError.self) { try Self.parsed(#","handover":\#(value)"#) }
        #expect(error?.description == "m: p.handover is \(kind), not a string")
    }

    @Test func `an encoded config has the policy of its config, whether its bytes are known or not`() throws {
        let key = Self.config().key
        for policy in HandOverPolicy.allCases {
            #expect(try Self.encoded(policy).handOver == policy)
            let unconfirmed = EncodedConfig(
                unconfirmed: key, contentHash: 1, instances: 1, nodeName: "", handOver: policy)
            #expect(unconfirmed.handOver == policy && !unconfirmed.isConfirmed)
        }
        #expect(EncodedConfig(unconfirmed: key, contentHash: 1, instances: 1, nodeName: "").handOver == .sticky)
        #expect(MemoryLayout<HandOverPolicy>.size == 1)
    }

    @Test func `an edit of the policy alone is an edit`() throws {
        let configs = HandOverPolicy.allCases.map { Self.config($0) }
        let encoded = try configs.map { try ConfigPatch().encode($0) }
        // Also where nothing else tells them apart.
        let bare = HandOverPolicy.allCases.map {
            EncodedConfig(unconfirmed: Self.config().key, contentHash: 1, instances: 1, nodeName: "", handOver: $0)
        }
        for left in configs.indices {
            for right in configs.indices {
                #expect((configs[left] == configs[right]) == (left == right))
                for forms in [encoded, bare] {
                    let isSame = DesiredConfig.Form.whole(forms[left]).isSame(as: .whole(forms[right]))
                    #expect(isSame == (left == right))
                }
            }
        }
        let desired = DesiredConfigs { config in
            guard let encoded = try? ConfigPatch().encode(config) else { return .parts(DesiredConfig.Parts()) }
            return .whole(encoded)
        }
        var version: UInt64 = 0
        for config in configs {
            desired.apply(upserts: [config])
            let changes = desired.changes(since: version)
            #expect(changes.upserts.flatMap(\.configs).map(\.handOver) == [config.handOver])
            version = changes.version
        }
    }
}
