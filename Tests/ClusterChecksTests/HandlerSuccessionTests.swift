import CheckModel
import Leadership
import Platform
import TestKit
import Testing

@testable import ClusterChecks

/// A Handler whose replica takes over from another leader.
@Suite struct HandlerSuccessionTests {
    /// Three configs on `a` and `b`, as the leader of the term `former` had them.
    private func mirror(isDispatching: Bool = true) throws -> StoreMirror {
        var mirror = StoreMirror(term: "former", version: 6)
        for id in ["a", "b"] {
            try mirror.fill(.nodeRegistered(id: id, type: 2, address: nil, isAwaited: false), sent: at(0))
        }
        for (name, node) in [("c0", "b"), ("c1", "b"), ("c2", "b")] {
            let config = try ConfigPatch(extraTags: ["from:test"]).encode(checkConfig(name))
            let mirrored = EncodedConfig(
                unconfirmed: config.key, contentHash: config.contentHash, instances: 1, nodeName: "")
            try mirror.fill(.configScheduled(mirrored, on: node), sent: at(0))
        }
        if isDispatching { try mirror.fill(.dispatchingBegan(unclearFor: .zero), sent: at(0)) }
        return mirror
    }

    private func fixture(_ mirror: StoreMirror?) -> HandlerTests.Fixture {
        HandlerTests.Fixture(succession: Succession(mirror: { mirror }, dispatched: { mirror }, readAnew: { _ in }))
    }

    private func term(_ token: String, adoptable: String?, continued: String? = nil) -> Term {
        Term(
            token: token, validUntil: Deadline(.distantFuture), continued: continued,
            adoptable: adoptable)
    }

    private func read(at instant: Instant) -> SourceReadings {
        SourceReadings(services: instant, endpoints: instant, files: instant)
    }

    @Test func `who was named tells each agent at once what it was told`() async throws {
        let fixture = fixture(try mirror())
        try await fixture.run {
            fixture.desired.apply(upserts: (0..<3).map { checkConfig("c\($0)") }, synced: true)
            fixture.leadership.set(.leading(term("next", adoptable: "former")))
            fixture.settle()
            #expect(try fixture.names(of: "b") == ["test:c0", "test:c1", "test:c2"])
            #expect(try fixture.names(of: "a").isEmpty)
            let revision = try fixture.handler.configs(of: "b", now: fixture.clock.now()).value.revision
            #expect(try fixture.report("b", lastChange: revision))
            #expect(try !fixture.report("b", lastChange: 7))
        }
    }

    @Test(arguments: [nil, "another", "forme"] as [String?]) func `who was not named warms up and takes it as a hint`(
        adoptable: String?
    ) async throws {
        let fixture = fixture(try mirror())
        try await fixture.run {
            try await fixture.dispatch(0..<3, to: ["a", "b"], in: term("next", adoptable: adoptable))
            #expect(try fixture.names(of: "b") == ["test:c0", "test:c1", "test:c2"])
        }
    }

    @Test func `the mirror of a leader that had not dispatched is no more than a hint`() async throws {
        let fixture = fixture(try mirror(isDispatching: false))
        try await fixture.run {
            fixture.desired.apply(synced: true)
            fixture.leadership.set(.leading(term("next", adoptable: "former")))
            fixture.settle()
            _ = try fixture.report("b")
            #expect(throws: ClusterChecksError.warmingUp) { try fixture.names(of: "a") }
            fixture.live(until: 31)
            #expect(throws: ClusterChecksError.unknownNode("a")) { try fixture.names(of: "a") }
        }
    }

    @Test func `a config of the former leader's goes only when its source has been read anew, in a kept term too`()
        async throws
    {
        let fixture = fixture(try mirror())
        try await fixture.run {
            fixture.desired.apply(upserts: [checkConfig("c0")], synced: true)
            fixture.leadership.set(.leading(term("next", adoptable: "former")))
            fixture.settle()
            #expect(fixture.configCount() == 3)
            #expect(throws: ClusterChecksError.unconfirmed(node: "b")) { try fixture.names(of: "b") }
            let isUpToDate = try fixture.report("b", lastChange: 7)
            #expect(isUpToDate)
            fixture.leadership.set(.following(nil))
            fixture.settle()
            fixture.leadership.set(.leading(term("again", adoptable: nil, continued: "next")))
            fixture.settle()
            fixture.live(until: 40)
            #expect(fixture.configCount() == 3)
            fixture.desired.apply(readings: read(at: fixture.clock.now()))
            fixture.settle()
            #expect(fixture.configCount() == 1)
        }
    }
}
