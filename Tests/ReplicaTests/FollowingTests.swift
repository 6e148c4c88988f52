import CheckModel
import ClusterChecks
import HTTPServer
import JSON
import Leadership
import Platform
import TestKit
import Testing

@testable import Replica

/// Calls for configs that wait for a change, at a follower.
@Suite(.timeLimit(.minutes(1))) struct FollowingTests {
    static let followPath = "/api/v1/clusterchecks/follow"

    /// Waits at the follower for another revision than the one that the leader says the node should have.
    private static func wait(
        _ name: String, _ node: String = "node1", at follower: Polls, _ leader: Polls, seconds: String = "10"
    ) throws {
        follower.ask(name, node, query: "last_change=\(try leader.revision(of: node))&wait=\(seconds)")
    }

    /// Lets time pass at both, in step.
    private static func pass(_ duration: Duration, _ leader: Polls, _ follower: Polls) {
        for _ in 0..<(duration.nanoseconds / 50_000_000) {
            leader.pass(.milliseconds(50))
            follower.pass(.milliseconds(50))
        }
    }

    @Test func `a follower makes one call to the leader for all who wait and one for each that changed`() async throws {
        try await Polls.run(nodes: ["node1", "node2"]) { leader, follower in
            for number in 0..<20 { try Self.wait("\(number)", "node\(number % 2 + 1)", at: follower, leader) }
            #expect(follower.answers.isEmpty)
            #expect(follower.sent.allSatisfy { $0 == Self.followPath })
            #expect(leader.heardFollowers == 1, "one call for all who wait")
            let held = try leader.replica.handler.configs(of: "node1", now: leader.replica.clock.now()).value.configs
            leader.replica.edit(try #require(held.first).key.index, to: "http://edited")
            follower.settle()
            #expect(follower.answers.count == 10)
            for answer in follower.answers.values {
                #expect(answer.status == 200)
                #expect(answer.header(Term.headerName) == "42.lease-uid")
                #expect(answer.header("X-DCA-Forwarded") == "true")
                let configs = try ConfigsAnswer(parsing: Array(answer.text.utf8))
                #expect(configs.lastChange == (try leader.revision(of: "node1")))
            }
            #expect(follower.sent.count { $0 == "/api/v1/clusterchecks/configs/node1" } == 10)
            #expect(follower.ended == ["change": 10, "spurious": 0, "time": 0, "term": 0])
            #expect(leader.heardFollowers == 1, "and the next call is under way")
        }
    }

    @Test func `a wait that times out at a follower is a 304 for as long as the leader vouched for it`() async throws {
        try await Polls.run { leader, follower in
            try Self.wait("one", at: follower, leader, seconds: "3")
            Self.pass(.milliseconds(2500), leader, follower)
            #expect(follower["one"] == nil)
            Self.pass(.milliseconds(1500), leader, follower)
            let answer = try #require(follower["one"])
            #expect(answer.status == 304 && answer.text.isEmpty)
            #expect(
                answer.headers.map { "\($0.name): \($0.value)" }
                    == ["X-Cluster-Agent-Term: 42.lease-uid", "X-DCA-Forwarded: true"])
            #expect(follower.ended["time"] == 1)
            #expect(follower.sent.allSatisfy { $0 == Self.followPath })
            // The leader vouched for it not long ago, and for no longer than a forwarded answer's time.
            follower.replica.clock.advance(by: .milliseconds(400))
            #expect(answer.gate?.replacement()?.status == 503)
        }
    }

    @Test func `a short wait ends on time although the follower's call to the leader goes on`() async throws {
        try await Polls.run { leader, follower in
            try Self.wait("long", at: follower, leader)
            Self.pass(.milliseconds(500), leader, follower)
            try Self.wait("short", at: follower, leader, seconds: "0.5")
            Self.pass(.milliseconds(1500), leader, follower)
            #expect(follower["short"]?.status == 304)
            #expect(follower["long"] == nil)
            Self.pass(.milliseconds(9000), leader, follower)
            #expect(follower["long"]?.status == 304)
            #expect(follower.ended == ["change": 0, "spurious": 0, "time": 2, "term": 0])
        }
    }

    @Test func `a call with another revision is answered at once`() async throws {
        try await Polls.run { leader, follower in
            follower.ask("first", "node1", query: "last_change=1&wait=10")
            #expect(follower["first"]?.status == 200)
            try Self.wait("waits", at: follower, leader)
            follower.ask("second", "node1", query: "last_change=1&wait=10")
            #expect(follower["second"]?.status == 200)
            #expect(follower["waits"] == nil)
            follower.ask("nobody", "nobody", query: "last_change=0&wait=10")
            #expect(follower["nobody"]?.status == 404)
        }
    }

    @Test func `calls that wait at a follower are heartbeats at the leader`() async throws {
        try await Polls.run(nodes: ["node1", "node2"]) { leader, follower in
            // Both reported at the same moment; one goes on to be heard here, and only here.
            var rounds = 0
            while try leader.replica.nodes().ids.contains("node2"), rounds < 60 {
                rounds += 1
                try Self.wait("\(rounds)", at: follower, leader, seconds: "3")
                for _ in 0..<60 where follower["\(rounds)"] == nil {
                    Self.pass(.milliseconds(100), leader, follower)
                }
            }
            #expect(try leader.replica.nodes().ids == ["node1"], "the other one was silent")
        }
    }

    @Test func `a node that has just reported may wait at once`() async throws {
        try await Polls.run { leader, follower in
            try Self.wait("other", at: follower, leader)
            leader.ask("status", leader.replica.status(of: "node2"))
            try Self.wait("new", "node2", at: follower, leader)
            Self.pass(.seconds(1), leader, follower)
            #expect(follower["new"]?.status ?? 200 == 200)
            try Self.wait("again", "node2", at: follower, leader)
            Self.pass(.seconds(1), leader, follower)
            #expect(follower["again"] == nil)
        }
    }

    @Test func `an unreachable leader is reported at once and tried again`() async throws {
        try await Polls.run { leader, follower in
            for number in 0..<5 { try Self.wait("\(number)", at: follower, leader) }
            follower.set(leader: nil)
            // The call under way is answered as the leader's role ends it; the next one finds nobody.
            leader.replica.edit(0, to: "http://edited")
            follower.settle()
            #expect(follower.answers.count == 5)
            #expect(follower.answers.values.allSatisfy { [502, 503].contains($0.status) })
            try Self.wait("broken", at: follower, leader)
            #expect(follower["broken"]?.status == 503)
            follower.set(leader: leader)
            Self.pass(.seconds(6), leader, follower)
            try Self.wait("again", at: follower, leader)
            Self.pass(.seconds(1), leader, follower)
            #expect(follower["again"] == nil)
        }
    }

    @Test func `the end of the leader's term ends the waits at a follower`() async throws {
        try await Polls.run { leader, follower in
            try Self.wait("one", at: follower, leader)
            leader.replica.leadership.set(.following(nil))
            follower.settle()
            #expect(follower["one"]?.status == 503)
            #expect(follower.ended["term"] == 1)
        }
    }

    @Test(arguments: [
        LeadershipState.unknown, .following(nil),
        .following(LeaderEndpoint(address: "10.0.0.8:5005", publicKeyPin: "sha256//other=")),
        .leading(Term.unending(token: "43")),
    ])
    func `a change of the follower's role ends its waits although the leader is silent`(_ state: LeadershipState)
        async throws
    {
        try await Polls.run { leader, follower in
            try Self.wait("one", at: follower, leader)
            follower.replica.leadership.set(state)
            Self.pass(.milliseconds(300), leader, follower)
            follower.settle()
            #expect(follower["one"]?.status == 503)
        }
    }

    @Test func `another term of the same leader starts from an unknown state`() async throws {
        try await Polls.run { leader, follower in
            try Self.wait("one", at: follower, leader)
            leader.replica.leadership.set(
                .leading(Term(token: "43", validUntil: Deadline(.distantFuture), continued: "42.lease-uid")))
            follower.settle()
            #expect(follower["one"]?.status == 503)
            let now = leader.replica.clock.now()
            #expect(leader.replica.handler.leadership(at: now).term(at: now)?.token == "43")
            Self.pass(.seconds(6), leader, follower)
            try Self.wait("two", at: follower, leader, seconds: "2")
            Self.pass(.seconds(3), leader, follower)
            #expect(follower["two"]?.header(Term.headerName) == "43")
        }
    }

    @Test func `a follower does not call the leader while no call waits`() async throws {
        try await Polls.run { leader, follower in
            try Self.wait("one", at: follower, leader, seconds: "1")
            Self.pass(.seconds(8), leader, follower)
            let count = follower.sent.count
            Self.pass(.seconds(20), leader, follower)
            #expect(follower.sent.count == count)
            #expect(leader.heardFollowers == 0)
        }
    }

    @Test func `a stopping follower answers its waits and calls the leader no more`() async throws {
        try await Polls.run { leader, follower in
            try Self.wait("one", at: follower, leader)
            follower.polls.close()
            #expect(follower["one"]?.text == "stopping\n")
            leader.polls.close()
            Self.pass(.seconds(6), leader, follower)
            #expect(follower.sent.count <= 2)
        }
    }

    @Test(arguments: [
        (ReplicaRole.unknown, 503), (.noLeader, 503), (.follower, 503), (.warmingUp, 503), (.notSynced, 503),
        (.dispatching, 200),
    ])
    func `only a leader that dispatches is followed`(role: ReplicaRole, status: Int) async throws {
        try await Polls.run(as: role) { replica, polls in
            polls.ask(
                "one",
                replica.request(
                    .post, Self.followPath, body: #"{"since":0,"term":"","wait_ms":1000,"heard":[]}"#,
                    headers: [("X-DCA-Follower-Forwarded", "true")]))
            #expect(polls["one"]?.status == status)
            #expect(polls.sent.isEmpty, "it is never sent on")
            guard status == 200 else { return }
            #expect(polls["one"]?.header("X-Cluster-Agent-Term-Valid-For") == "400")
            let revision = try polls.revision(of: "node1")
            let version =
                try JSONValue(parsing: Array(try #require(polls["one"]).text.utf8))["version"]?.integerValue ?? 0
            #expect(
                polls["one"]?.text
                    == #"{"revisions":{"node1":\#(revision)},"version":\#(version),"whole":true}"#)
            #expect(replica.api.forwardedUntil.instant == replica.clock.now() + .milliseconds(400))
        }
    }

    @Test(arguments: [
        "", "[]", "{}", #"{"since":-1,"term":"","wait_ms":1,"heard":[]}"#, #"{"since":1,"wait_ms":1,"heard":[]}"#,
        #"{"since":1,"term":"","wait_ms":1}"#, #"{"since":1,"term":"","wait_ms":1,"heard":[1]}"#,
        #"{"since":1,"term":"","wait_ms":-1,"heard":[]}"#, #"{"since":1,"term":"","wait_ms":3600001,"heard":[]}"#,
        #"{"since":1.5,"term":"","wait_ms":1,"heard":[]}"#,
    ])
    func `an invalid call of a follower is a 400`(body: String) async throws {
        try await Polls.run(as: .dispatching) { replica, polls in
            polls.ask("one", replica.request(.post, Self.followPath, body: body))
            #expect(polls["one"]?.status == 400)
            #expect(polls["one"]?.text.hasPrefix("follow: ") == true)
            polls.ask(
                "two", replica.request(.post, Self.followPath, body: body, headers: [("Authorization", "Bearer x")]))
            #expect(polls["two"]?.status == 403)
        }
    }

    @Test func `time spent waiting at the leader does not shorten the validity of its answer`() async throws {
        try await Polls.run(as: .dispatching) { replica, polls in
            func call(_ name: String, since: Int64, term: String) {
                polls.ask(
                    name,
                    replica.request(
                        .post, Self.followPath,
                        body: #"{"since":\#(since),"term":"\#(term)","wait_ms":999999,"heard":["node1"]}"#,
                        headers: [("X-DCA-Follower-Forwarded", "true")]))
            }
            polls.pass(.milliseconds(200))
            call("whole", since: 0, term: "42.lease-uid")
            let version = try JSONValue(parsing: Array(try #require(polls["whole"]).text.utf8))["version"]?.integerValue
            call("waits", since: try #require(version), term: "42.lease-uid")
            call("other term", since: try #require(version), term: "41")
            #expect(polls["waits"] == nil)
            #expect(polls["other term"]?.text.hasSuffix(#""whole":true}"#) == true)
            polls.pass(.milliseconds(4900))
            #expect(polls["waits"] == nil)
            polls.pass(.milliseconds(300))
            polls.settle()
            #expect(polls["waits"] != nil)
            #expect(polls["waits"]?.text.hasPrefix(#"{"revisions":{},"#) == true)
            let lifetime = try #require(polls["waits"]?.header("X-Cluster-Agent-Term-Valid-For").flatMap { Int($0) })
            #expect(lifetime > 5200 && lifetime < 5600, "\(lifetime) ms counted from when it was sent")
        }
    }
}

extension Polls {
    /// How many followers' calls wait here.
    var heardFollowers: Int {
        var writer = MetricsWriter()
        polls.collect(into: &writer)
        let line = writer.text.split(separator: "\n").first { $0.hasPrefix("cluster_checks_followers ") }
        return line.flatMap { Int($0.split(separator: " ")[1]) } ?? -1
    }
}
