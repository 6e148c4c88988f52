import CheckModel
import Testing

@Suite struct DesiredConfigsTests {
    private static func config(_ name: String, _ url: String = "x") -> CheckConfig {
        CheckConfig(
            key: ConfigKey(source: "s", check: name, index: 0), checkName: name,
            instances: [.object(["url": .string(url)])])
    }

    @Test func aReaderGetsTheWholeSetFirstAndThenTheChanges() {
        let desired = DesiredConfigs()
        desired.apply(upserts: [Self.config("b"), Self.config("a")])
        let whole = desired.changes(since: 0)
        #expect(whole.isWhole && !whole.synced)
        #expect(whole.upserts.map(\.checkName) == ["a", "b"])

        desired.apply(upserts: [Self.config("a", "y")], removals: [Self.config("b").key], synced: true)
        let changes = desired.changes(since: whole.version)
        #expect(!changes.isWhole && changes.synced)
        #expect(changes.upserts == [Self.config("a", "y")])
        #expect(changes.removals == [Self.config("b").key])
        #expect(desired.changes(since: changes.version).upserts.isEmpty)
    }

    @Test func whatChangesNothingMakesNoVersion() {
        let desired = DesiredConfigs()
        desired.apply(upserts: [Self.config("a")], synced: true)
        let version = desired.changes(since: 0).version
        desired.apply(upserts: [Self.config("a")], removals: [Self.config("b").key], synced: true)
        #expect(desired.changes(since: 0).version == version)
    }

    @Test func aConfigThatCameBackIsAnUpsertAndNoRemoval() {
        let desired = DesiredConfigs()
        desired.apply(upserts: [Self.config("a")])
        let version = desired.changes(since: 0).version
        desired.apply(removals: [Self.config("a").key])
        desired.apply(upserts: [Self.config("a")])
        let changes = desired.changes(since: version)
        #expect(changes.upserts == [Self.config("a")])
        #expect(changes.removals.isEmpty)
    }

    @Test func aWaiterWakesAtTheNextVersion() async throws {
        let desired = DesiredConfigs()
        let version = desired.changes(since: 0).version
        async let waiting: Void = desired.waitForChange(after: version)
        desired.apply(synced: true)
        try await waiting
        #expect(desired.changes(since: version).synced)
    }
}
