import JSON
import Platform
import Synchronization
import TestKit
import Testing

@testable import CheckModel

@Suite struct DesiredConfigsTests {
    private static func config(_ name: String, _ url: String = "x") -> CheckConfig {
        CheckConfig(
            key: ConfigKey(source: "s", check: name, index: 0), checkName: name,
            instances: [.object(["url": .string(url)])])
    }

    @Sendable private static func prepared(_ config: CheckConfig) -> DesiredConfig.Form {
        do {
            return .whole(try ConfigPatch().encode(config))
        } catch {
            return .parts(DesiredConfig.Parts(invalid: [(config.key, error)]))
        }
    }

    private static func set() -> DesiredConfigs {
        DesiredConfigs { prepared($0) }
    }

    /// Whether these are the forms of those configs, in their order.
    private static func areForms(_ desired: [DesiredConfig], of configs: [CheckConfig]) -> Bool {
        desired.elementsEqual(configs) { $0.key == $1.key && $0.form.isSame(as: prepared($1)) }
    }

    @Test func `a reader gets the whole set first and then the changes`() {
        let desired = Self.set()
        desired.apply(upserts: [Self.config("b"), Self.config("a")])
        let whole = desired.changes(since: 0)
        #expect(whole.isWhole && !whole.synced)
        #expect(whole.upserts.map(\.key.check) == ["a", "b"])

        desired.apply(upserts: [Self.config("a", "y")], removals: [Self.config("b").key], synced: true)
        let changes = desired.changes(since: whole.version)
        #expect(!changes.isWhole && changes.synced)
        #expect(Self.areForms(changes.upserts, of: [Self.config("a", "y")]))
        #expect(changes.removals == [Self.config("b").key])
        #expect(desired.changes(since: changes.version).upserts.isEmpty)
    }

    @Test func `one that is suspended is gone for readers, and comes back as it was`() {
        let desired = Self.set()
        let (a, b) = (Self.config("a"), Self.config("b"))
        desired.apply(upserts: [a, b])
        var version = desired.changes(since: 0).version
        func changes() -> DesiredChanges {
            defer { version = desired.changes(since: 0).version }
            return desired.changes(since: version)
        }
        desired.apply(suspended: [a.key])
        #expect(changes().removals == [a.key] && Self.areForms(desired.changes(since: 0).upserts, of: [b]))
        // It is edited while nobody sees it; that is no new version.
        let edited = Self.config("a", "y")
        let before = version
        desired.apply(upserts: [edited], suspended: [a.key])
        desired.apply(suspended: [a.key])
        #expect(changes().version == before)
        desired.apply(resumed: [a.key])
        #expect(Self.areForms(changes().upserts, of: [edited]))
        desired.apply(resumed: [a.key])
        #expect(version == desired.changes(since: 0).version)
        // One that is wanted is edited and suspended at once; an upsert resumes it by itself.
        desired.apply(upserts: [a], suspended: [a.key])
        #expect(changes().removals == [a.key])
        desired.apply(upserts: [edited])
        desired.apply(resumed: [a.key])
        #expect(Self.areForms(changes().upserts, of: [edited]))
        // What is removed does not come back.
        desired.apply(suspended: [a.key])
        desired.apply(removals: [a.key])
        desired.apply(resumed: [a.key])
        #expect(Self.areForms(desired.changes(since: 0).upserts, of: [b]))
    }

    @Test func `an update that changes nothing makes no new version`() {
        let desired = Self.set()
        desired.apply(upserts: [Self.config("a")], synced: true)
        let version = desired.changes(since: 0).version
        desired.apply(upserts: [Self.config("a")], removals: [Self.config("b").key], synced: true)
        #expect(desired.changes(since: 0).version == version)
    }

    /// Each form of a config differs from each other one.
    @Test func `a config of which something else is dispatched makes a new version`() throws {
        let (a, b) = (Self.config("a"), Self.config("a", "y"))
        let encoded = try [a, b].map { try ConfigPatch().encode($0) }
        let error = CheckModelError.instanceIsNotObject(key: a.key, index: 0, kind: "null")
        let forms: [DesiredConfig.Form] = [
            .whole(encoded[0]), .whole(encoded[1]), .parts(DesiredConfig.Parts()),
            .parts(DesiredConfig.Parts(configs: [encoded[0]])), .parts(DesiredConfig.Parts(configs: encoded)),
            .parts(DesiredConfig.Parts(configs: [encoded[0]], areShards: true)),
            .parts(DesiredConfig.Parts(configs: [encoded[0]], problem: "p")),
            .parts(DesiredConfig.Parts(invalid: [(a.key, error)])),
        ]
        for (left, one) in forms.enumerated() {
            for (right, other) in forms.enumerated() { #expect(one.isSame(as: other) == (left == right)) }
        }
        let isSecond = Mutex(false)
        let desired = DesiredConfigs { _ in forms[isSecond.withLock { $0 } ? 1 : 0] }
        desired.apply(upserts: [a])
        let version = desired.changes(since: 0).version
        isSecond.withLock { $0 = true }
        desired.apply(upserts: [a])
        #expect(desired.changes(since: 0).version > version)
    }

    @Test func `a config that came back is an upsert and not a removal`() {
        let desired = Self.set()
        desired.apply(upserts: [Self.config("a")])
        let version = desired.changes(since: 0).version
        desired.apply(removals: [Self.config("a").key])
        desired.apply(upserts: [Self.config("a")])
        let changes = desired.changes(since: version)
        #expect(Self.areForms(changes.upserts, of: [Self.config("a")]))
        #expect(changes.removals.isEmpty)
    }

    @Test func `a waiting task wakes at the next version`() async throws {
        let desired = Self.set()
        let version = desired.changes(since: 0).version
        async let waiting: Void = desired.waitForChange(after: version)
        desired.apply(synced: true)
        try await waiting
        #expect(desired.changes(since: version).synced)
    }

    @Test func `that sources were read is a version of its own, without a change of a config`() async throws {
        let desired = Self.set()
        let first = SourceReadings(services: Instant(nanoseconds: 1), files: .distantFuture)
        #expect(desired.changes(since: 0).readings == SourceReadings())
        desired.apply(upserts: [Self.config("a")], readings: first)
        let whole = desired.changes(since: 0)
        #expect(whole.readings == first && whole.upserts.count == 1)

        // Neither nothing nor the same is news.
        desired.apply(upserts: [Self.config("a")])
        desired.apply(readings: first)
        #expect(desired.changes(since: 0).version == whole.version)
        var second = first
        second.services = Instant(nanoseconds: 2)
        async let waiting: Void = desired.waitForChange(after: whole.version)
        desired.apply(readings: second)
        try await waiting
        let changes = desired.changes(since: whole.version)
        #expect(changes.readings == second && !changes.isWhole)
        #expect(changes.upserts.isEmpty && changes.removals.isEmpty && changes.version > whole.version)
        desired.apply(upserts: [Self.config("b")])
        #expect(desired.changes(since: changes.version).readings == second)
    }

    @Test func `reading changes costs what changed, not the size of the set`() {
        let desired = Self.set()
        desired.apply(upserts: (0..<10_000).map { Self.config("\($0)") })
        var version = desired.changes(since: 0).version
        var examined = 0
        for round in 0..<100 {
            desired.apply(upserts: [Self.config("\(round)", "y")], removals: [Self.config("\(9_000 + round)").key])
            let changes = desired.changes(since: version)
            #expect(!changes.isWhole && changes.upserts.count == 1 && changes.removals.count == 1)
            examined += changes.examined
            version = changes.version
        }
        #expect(examined == 200)
        #expect(desired.changes(since: version).examined == 0)
        #expect(desired.changes(since: 0).examined == 9_900)
    }

    @Test func `a reader that missed more changes than are remembered gets the whole set`() {
        let desired = Self.set()
        desired.apply(upserts: [Self.config("a"), Self.config("b")])
        let old = desired.changes(since: 0).version
        for round in 0..<6 { desired.apply(upserts: [Self.config("a", "\(round)")]) }
        let recent = desired.changes(since: 0).version
        #expect(!desired.changes(since: old).isWhole)
        desired.apply(removals: [Self.config("b").key])
        for round in 6..<1_500 { desired.apply(upserts: [Self.config("a", "\(round)")]) }
        let whole = desired.changes(since: old)
        #expect(whole.isWhole)
        #expect(Self.areForms(whole.upserts, of: [Self.config("a", "1499")]))
        #expect(whole.removals.isEmpty)
        // As long as the removal is remembered it is told; a reader never misses it.
        let late = desired.changes(since: recent)
        #expect(late.isWhole || late.removals == [Self.config("b").key])
        #expect(!desired.changes(since: whole.version - 6).isWhole)
    }

    @Test func `a reader that applies changes has the whole set from any version on`() {
        let random = SeededEntropy(seed: 7)
        let desired = Self.set()
        var readers: [(version: UInt64, configs: [ConfigKey: DesiredConfig])] = Array(repeating: (0, [:]), count: 6)
        for step in 0..<3_000 {
            let name = "\(random.next(below: 40))"
            if random.next(below: 2) == 0 {
                desired.apply(upserts: [Self.config(name, "\(step)")])
            } else {
                desired.apply(upserts: [Self.config("x\(step % 3)")], removals: [Self.config(name).key])
            }
            // One reader asks always, the others more and more rarely.
            for index in readers.indices where random.next(below: 1 << (2 * index)) == 0 {
                let changes = desired.changes(since: readers[index].version)
                if changes.isWhole { readers[index].configs = [:] }
                for key in changes.removals { readers[index].configs[key] = nil }
                for config in changes.upserts { readers[index].configs[config.key] = config }
                readers[index].version = changes.version
                let known = readers[index].configs.values.sorted { $0.key < $1.key }
                let isWhole = known.elementsEqual(desired.changes(since: 0).upserts) {
                    $0.key == $1.key && $0.form.isSame(as: $1.form)
                }
                if !isWhole { Issue.record("reader \(index) at step \(step)") }
            }
        }
    }
}
