import CheckModel
import JSON
import Platform
import TestKit
import Testing

@testable import ClusterChecks

/// Why a check is where it is, and what would move.
@Suite struct ExplanationTests {
    /// A leader with eight checks on two nodes.
    private func leading(_ body: (HandlerTests.Fixture) throws -> Void) async throws {
        let fixture = HandlerTests.Fixture()
        try await fixture.run {
            try await fixture.dispatch(0..<8, to: ["a", "b"], in: HandlerTests.term("1"))
            try body(fixture)
        }
    }

    private func explain(_ name: String, _ fixture: HandlerTests.Fixture) throws -> JSONValue {
        try fixture.handler.explain(name).value.encoded
    }

    private func order(_ command: IntentCommand, _ fixture: HandlerTests.Fixture) throws {
        _ = try fixture.handler.adopt(try fixture.handler.decide(command).intent)
    }

    @Test func `a check is explained by what it costs, where else it may run, and what would move it`() async throws {
        try await leading { fixture in
            let node = try fixture.handler.snapshot(now: fixture.clock.now()).nodes[0]
            let config = node.configs[0]
            let told = try explain(config.instanceIDs[0], fixture)
            #expect(told["check_id"]?.stringValue == config.checkID && told["node"]?.stringValue == "a")
            #expect(told["config"]?.stringValue == config.key.description)
            #expect(told["cost"] == .number("1.0") && told["cost_known_from"]?.stringValue == "instances")
            #expect(told["node_load"] == .number("1.0") && told["mean_load"] == .number("1.0"))
            #expect(told["eligible_nodes"] == .number("2") && told["obstacles"] == .array([]))
            #expect(told["stays_because"] == .array([]) && told["next_node"]?.stringValue == "b")
            #expect(told["reason"]?.stringValue?.hasPrefix("placed at ") == true)
            // By where it comes from, too.
            #expect(try explain(config.key.description, fixture)["node"]?.stringValue == "a")
        }
    }

    @Test func `what operators want is part of the explanation`() async throws {
        try await leading { fixture in
            let config = try fixture.handler.snapshot(now: fixture.clock.now()).nodes[0].configs[0]
            try order(IntentCommand(.pin, check: config.instanceIDs[0], node: "b"), fixture)
            let pinned = try explain(config.instanceIDs[0], fixture)
            #expect(pinned["node"]?.stringValue == "b" && pinned["next_node"]?.stringValue == "")
            #expect(pinned["reason"]?.stringValue?.hasPrefix("moved from a (pinned) at ") == true)
            #expect(pinned["stays_because"] == .array([.string("an operator pinned it to b")]))
            #expect(
                pinned["obstacles"]
                    == .array([
                        .object([
                            "node": .string("a"), "reason": .string("an operator pinned the check to another one"),
                        ])
                    ]))
            try order(IntentCommand(.pause, check: config.instanceIDs[0]), fixture)
            let paused = try explain(config.instanceIDs[0], fixture)
            #expect(paused["node"]?.stringValue == "" && paused["reason"]?.stringValue == "an operator paused it")
            var page = MetricsWriter()
            fixture.handler.collect(into: &page)
            #expect(page.text.contains("cluster_checks_configs_paused{join_leader=\"true\"} 1\n"))
            #expect(page.text.contains("cluster_checks_configs_dangling{join_leader=\"true\"} 0\n"))
        }
    }

    @Test func `an unknown check is refused with what there is`() async throws {
        try await leading { fixture in
            #expect(throws: ClusterChecksError.self) { try explain("http_check:nothing", fixture) }
        }
    }

    @Test func `what would happen is told, and does not happen`() async throws {
        try await leading { fixture in
            func nodes() throws -> [Int] {
                try fixture.handler.snapshot(now: fixture.clock.now()).nodes.map(\.configs.count)
            }
            func simulate(_ change: SupposedChange) throws -> SimulationAnswer {
                try fixture.handler.simulate(change).value
            }
            let before = try fixture.handler.history(now: fixture.clock.now()).value.entries
            let joined = try simulate(.addNodes(2))
            #expect(joined.moves.count == 4 && joined.moves.allSatisfy { $0.reason == "joined" })
            #expect(joined.balance.before == 1 && joined.balance.after == 1)
            let left = try simulate(.removeNode("a"))
            #expect(
                left.moves.count == 4
                    && left.moves.allSatisfy { $0.from == "a" && $0.node == "b" && $0.reason == "left" })
            let added = try simulate(
                .addConfigs([
                    SupposedChange.Config(check: "tls", instances: 1),
                    SupposedChange.Config(check: "tls", instances: 1, rules: PlacementRules(pin: "z")),
                ]))
            #expect(added.moves.isEmpty && added.others.map(\.kind) == [.added, .added, .dangles])
            #expect(try nodes() == [4, 4])
            #expect(try fixture.handler.history(now: fixture.clock.now()).value.entries == before)
            #expect(throws: ClusterChecksError.intent("no node-agent z reports; these do: a, b")) {
                try simulate(.removeNode("z"))
            }
        }
    }

    @Test(arguments: [
        #"{}"#, #"{"add_nodes":0}"#, #"{"add_nodes":1,"remove_node":"a"}"#, #"{"remove_node":""}"#, #"{"configs":[]}"#,
        #"{"configs":[{"check":"a"}]}"#, "[]", "",
    ]) func `what supposes nothing is refused`(text: String) {
        #expect(throws: CheckModelError.self) { try SupposedChange(parsing: Array(text.utf8)) }
    }

    @Test func `a supposition arrives as it was sent`() throws {
        let rules = PlacementRules(weight: 2.5, nodeSelector: ["a": "b"], zones: ["z"], pin: "n")
        let all: [SupposedChange] = [
            .addNodes(3), .removeNode("n"),
            .addConfigs([.init(check: "c", instances: 2, rules: rules), .init(check: "d", instances: 0)]),
        ]
        for change in all { #expect(try SupposedChange(parsing: change.encoded()) == change) }
    }
}
