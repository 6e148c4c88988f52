import JSON
import Platform
import TestKit
import Testing

@testable import CheckModel

@Suite struct PatchedInstanceTests {
    /// Both forms are made in one pass; here each is made by itself, step by step.
    @Test(arguments: 0..<20 as Range<UInt64>)
    func `an instance is sent patched, and its canonical form is what its author wrote`(seed: UInt64) {
        let random = RandomJSON(seed: seed)
        for _ in 0..<200 {
            let members = Self.members(random)
            let tags = (0..<random.below(3)).map { _ in random.text() }
            let hasDefaultHostname = random.below(2) == 0
            let instance = PatchedInstance(members, tags: tags, hasDefaultHostname: hasDefaultHostname)

            var sent = members
            if !hasDefaultHostname { sent["empty_default_hostname"] = .bool(true) }
            Tags.union(tags, into: &sent)
            #expect(instance.sent == JSONValue.object(sent).encoded())
            #expect(instance.name == CheckID.instanceName(.object(sent)))

            var canonical = members
            if let own = members["tags"].flatMap(Tags.texts) {
                canonical["tags"] = .array(own.sorted { $0.isBefore($1) }.map { .string($0) })
            }
            #expect(instance.canonical == JSONValue.object(canonical).encoded())
        }
    }

    @Test func `an encoded config has room for few bytes more than it has`() throws {
        let config = CheckConfig(
            key: ConfigKey(source: "file:/etc/conf.d/http_check.json", check: "http_check", index: 0),
            checkName: "http_check",
            instances: [.object(["name": .string("web"), "url": .string("http://web.shop.svc.cluster.local:8080/")])],
            initConfig: .object([:]), provider: "file", source: "file:/etc/conf.d/http_check.json")
        let wire = try ConfigPatch(extraTags: ["env:test"]).encode(config).wire
        #expect(wire.capacity - wire.count < 64)
    }

    /// Objects in which the members that are treated apart are often there, of any type.
    private static func members(_ random: RandomJSON) -> [ExactText: JSONValue] {
        var members = random.value(depth: 3).objectValue ?? [:]
        let special = ["tags", "empty_default_hostname", "name", "namespace", "service", "min_collection_interval"]
        for key in special where random.below(3) == 0 { members[key] = random.value(depth: 2) }
        if random.below(2) == 0 { members["tags"] = .array((0..<random.below(6)).map { _ in .string(random.text()) }) }
        return members
    }
}
