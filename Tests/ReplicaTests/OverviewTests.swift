import CheckModel
import ClusterChecks
import HTTPServer
import JSON
import Leadership
import Platform
import TestKit
import Testing

@testable import Replica

/// What people see at a glance, from any replica.
@Suite(.timeLimit(.minutes(1))) struct OverviewTests {
    private static let path = "/api/v1/clusterchecks/overview"

    /// A leader, and a follower that keeps its overviews.
    private static func run(_ body: @escaping (_ leader: Polls, _ follower: Polls) async throws -> Void) async throws {
        try await Polls.run { leader, follower in
            try await leader.replica.executor.run({ await leader.overviews.run() }) {
                try await follower.replica.executor.run({ await follower.overviews.run() }) {
                    try await body(leader, follower)
                }
            }
        }
    }

    private static func look(_ at: Polls, _ name: String) async throws -> JSONValue {
        at.ask(name, at.replica.request(.get, path))
        let answer = try await eventually("an answer") { at[name] }
        #expect(answer.status == 200, "\(answer.text)")
        return try JSONValue(parsing: Array(answer.text.utf8))
    }

    /// Waits until a follower has kept an overview.
    private static func keep(_ follower: Polls) async throws {
        follower.pass(.seconds(11))
        try await eventually("an overview that is kept") {
            if case .lastKnown = follower.overviews.lastKnown() { true } else { false }
        }
    }

    @Test func `it shows who runs what, and how it fares`() async throws {
        try await Polls.run(as: .dispatching) { replica, polls in
            let seen = try await Self.look(polls, "first")
            #expect(seen["is_last_known"] == .bool(false) && seen["leader"]?["name"] == .string("one"))
            #expect(seen["warmup_left_s"] == .null)
            #expect(seen["nodes"]?.arrayValue?.map { $0["id"] } == [.string("node1")])
            let rows = (seen["checks"]?.arrayValue ?? []).compactMap(\.arrayValue)
            #expect(rows.count == 2 && rows.allSatisfy { $0[3] == .string("unknown") && $0[2] == .integer(0) })
            let id = try #require(rows.first?[0].stringValue)
            let down = CheckResult(
                id: id, isUp: false, kind: "timeout", reason: "no answer", lasted: .seconds(20),
                lastSuccess: .seconds(21), duration: .milliseconds(7))
            _ = replica.results.take(
                ResultsReport(session: 1, from: 0, to: 1, results: [down]), of: "node1", now: replica.clock.now(),
                at: replica.clock.wallTime())
            replica.clock.advance(by: .seconds(1))
            let again = try await Self.look(polls, "second")
            let row = try #require(again["checks"]?.arrayValue?.compactMap(\.arrayValue).first { $0[0] == .string(id) })
            let now = try #require(again["now_ms"]?.integerValue)
            #expect(
                Array(row[3...]) == [
                    .string("down"), .integer(now - 21_000), .integer(now - 22_000), .string("timeout: no answer"),
                    .integer(7), .integer(now - 1_000),
                ])
            #expect(again["counts"]?["failing"] == .integer(1) && again["counts"]?["unknown"] == .integer(1))
            replica.term.validUntil.end()
            #expect(polls["second"]?.gate?.replacement()?.status == 503)
        }
    }

    @Test func `who looks on is told of a change, and else after the wait`() async throws {
        try await Self.run { leader, follower in
            let version = try #require(try await Self.look(leader, "first")["version"]?.stringValue)
            let query = "after=\(version)&wait=3"
            leader.ask("other", leader.replica.request(.get, Self.path, query: "after=x&wait=3"))
            leader.ask("same", leader.replica.request(.get, Self.path, query: query))
            leader.pass(.milliseconds(600))
            #expect(leader["other"]?.status == 200 && leader["same"] == nil)
            leader.pass(.seconds(3))
            #expect(leader["same"]?.status == 304)
            follower.ask("forwarded", follower.replica.request(.get, Self.path, query: query))
            leader.settle()
            #expect(follower["forwarded"] == nil)
            leader.replica.edit(0, to: "http://edited")
            leader.overviews.noteChange()
            leader.pass(.seconds(1))
            #expect(follower["forwarded"]?.status == 200)
            #expect(follower["forwarded"]?.header("X-DCA-Forwarded") == "true")
        }
    }

    @Test func `while nobody leads a follower shows what it knew last, how old that is, and why`() async throws {
        try await Self.run { leader, follower in
            try await Self.keep(follower)
            follower.replica.leadership.set(.following(nil))
            follower.pass(.seconds(4))
            let seen = try await Self.look(follower, "seen")
            #expect(seen["is_last_known"] == .bool(true))
            #expect(seen["reason"] == .string("nobody leads: no word from the API server for 18s"))
            let age = try #require(seen["age_ms"]?.integerValue)
            #expect((4_000...16_000).contains(age))
            #expect(seen["checks"]?.arrayValue?.count == 2 && seen["leader"]?["name"] == .string("one"))
            // Who looks on is told at once.
            let version = seen["version"]?.stringValue ?? ""
            follower.ask("on", follower.replica.request(.get, Self.path, query: "after=\(version)&wait=3"))
            follower.pass(.milliseconds(100))
            #expect(follower["on"]?.status == 200)
        }
    }

    @Test func `a leader begins with the results that an overview told`() throws {
        var overview = OverviewAnswer()
        overview.time = WallTime(nanoseconds: 1_800_000_000_000_000_000)
        overview.version = "1"
        overview.nodes = ["a", "b"].map { id in
            OverviewAnswer.Node(
                id: id, kind: "agent", pod: nil, address: nil, conditions: [], silence: .zero, configs: 1, cost: 1,
                capacity: 4)
        }
        func shown(_ result: CheckResult, isStale: Bool = false) -> ShownResult {
            ShownResult(
                result: result, age: .seconds(3), lasted: .seconds(20), lastSuccess: .seconds(21), isStale: isStale)
        }
        let down = CheckResult(
            id: "x", isUp: false, kind: "status", reason: "503: not 200", duration: .milliseconds(7))
        overview.checks = [
            OverviewAnswer.Check(id: "x", source: "s", node: 1, result: shown(down)),
            OverviewAnswer.Check(id: "y", source: "s", node: 1, result: shown(CheckResult(id: "y", isUp: true))),
            OverviewAnswer.Check(
                id: "z", source: "s", node: 0, result: shown(CheckResult(id: "z", isUp: true), isStale: true)),
            OverviewAnswer.Check(id: "u", source: "s", node: 0, result: nil),
            OverviewAnswer.Check(id: "v", source: "s", reason: "no node"),
        ]
        let results = CheckResults()
        let now = Instant(nanoseconds: 1_000_000_000_000)
        for (node, known) in RememberedResults(overview.encoded(), age: .seconds(4)).nodes {
            results.remember(known, of: node, now: now)
        }
        let (x, y) = (results.of("b", now: now)["x"], results.of("b", now: now)["y"])
        #expect((x?.age, x?.lasted, x?.lastSuccess) == (.seconds(7), .seconds(24), .seconds(25)))
        #expect(x?.result.kind == "status" && x?.result.reason == "503: not 200" && x?.result.isUp == false)
        #expect(x?.result.duration == .milliseconds(7) && y?.result.isUp == true && y?.age == .seconds(7))
        #expect(results.of("a", now: now).keys.sorted() == ["z"] && results.of("a", now: now)["z"]?.result.isUp == true)
        #expect(RememberedResults(Array(",\"x\":".utf8), age: .zero).nodes.isEmpty)
    }

    @Test func `a leader that gives no answer hides nothing`() async throws {
        try await Self.run { leader, follower in
            try await Self.keep(follower)
            follower.set(leader: nil)
            let seen = try await Self.look(follower, "seen")
            #expect(seen["reason"]?.stringValue?.hasPrefix("the leader at 10.0.0.7:5005 gives no answer") == true)
        }
    }

    @Test func `one that knows nothing says so`() async throws {
        try await Polls.run(as: .noLeader) { replica, polls in
            polls.ask("one", replica.request(.get, Self.path))
            try await eventually("an answer") { polls["one"] != nil }
            #expect(polls["one"]?.status == 503 && polls["one"]?.text == "no leader is known\n")
        }
    }

    @Test func `the number of those who look on is bounded`() async throws {
        try await Self.run { leader, _ in
            let version = try #require(try await Self.look(leader, "first")["version"]?.stringValue)
            for number in 0...Overviews.maximumWaiting {
                leader.ask("\(number)", leader.replica.request(.get, Self.path, query: "after=\(version)&wait=3"))
            }
            #expect(leader["\(Overviews.maximumWaiting)"]?.status == 503 && leader["0"] == nil)
            leader.overviews.close()
            #expect(leader["0"]?.text == "stopping\n")
        }
    }

    @Test(arguments: ["after=1", "wait=3", "after=1&wait=x", "after=1&wait=21", "a=b", "after=1&after=2&wait=1"])
    func `a wrong query is refused`(query: String) async throws {
        try await Polls.run(as: .dispatching) { replica, polls in
            polls.ask("one", replica.request(.get, Self.path, query: query))
            #expect(polls["one"]?.status == 400)
        }
    }

    @Test func `it is for operators and replicas`() async throws {
        try await TestReplica.run(as: .dispatching) { replica in
            for (token, status) in [
                (TestReplica.operatorToken, nil), (TestReplica.replicaToken, nil), (TestReplica.token, 403), ("x", 403),
            ] {
                let headers = [(name: "Authorization", value: "Bearer \(token)")]
                let action = replica.api.handle(
                    replica.request(.get, Self.path, headers: headers), now: replica.clock.now())
                let response = if case .respond(let response) = action { response.status } else { nil as Int? }
                #expect(response == status)
            }
        }
    }
}
