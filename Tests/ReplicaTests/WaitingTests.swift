import CheckModel
import ClusterChecks
import HTTPServer
import Leadership
import Platform
import TestKit
import Testing

@testable import Replica

/// Calls for configs that wait for a change, at a leader.
@Suite(.timeLimit(.minutes(1))) struct WaitingTests {
    @Test func `a call at the current revision waits for a change`() async throws {
        try await Polls.run(as: .dispatching) { replica, polls in
            let before = try polls.revision(of: "node1")
            try polls.wait("one")
            #expect(polls["one"] == nil)
            replica.edit(0, to: "http://edited")
            polls.settle()
            #expect(polls["one"] != nil)
            let answer = try #require(polls["one"])
            #expect(answer.status == 200)
            #expect(answer.header(Term.headerName) == "42.lease-uid")
            let configs = try ConfigsAnswer(parsing: Array(answer.text.utf8))
            #expect(configs.lastChange != before && configs.configs.count == 2)
            #expect(try polls.revision(of: "node1") == configs.lastChange)
            #expect(polls.ended == ["change": 1, "spurious": 0, "time": 0, "term": 0])
            replica.term.validUntil.end()
            #expect(answer.gate?.replacement()?.status == 503)
        }
    }

    @Test func `a call with another revision is answered at once`() async throws {
        try await Polls.run(as: .dispatching) { _, polls in
            polls.ask("zero", "node1", query: "last_change=0&wait=10")
            polls.ask("heartbeat", "node1", query: "wait=10&last_change=-1&other=1")
            #expect(polls["zero"]?.status == 200)
            #expect(polls["heartbeat"]?.status == 200)
            #expect(polls.ended.values.allSatisfy { $0 == 0 }, "they did not wait")
        }
    }

    @Test func `a wait that times out is answered with 304`() async throws {
        try await Polls.run(as: .dispatching) { replica, polls in
            try polls.wait("one", seconds: "4.5")
            polls.pass(.milliseconds(4400))
            #expect(polls["one"] == nil)
            polls.pass(.milliseconds(500))
            polls.settle()
            #expect(polls["one"] != nil)
            let answer = try #require(polls["one"])
            #expect(answer.status == 304 && answer.text.isEmpty)
            #expect(answer.headers.map(\.name) == [Term.headerName])
            #expect(polls.ended["time"] == 1)
            #expect(answer.gate?.replacement() == nil)
            replica.term.validUntil.end()
            #expect(answer.gate?.replacement()?.status == 503)
        }
    }

    @Test func `a wait is limited to a third of the expiration timeout`() async throws {
        try await Polls.run(as: .dispatching) { _, polls in
            try polls.wait("one", seconds: "999999999")
            polls.pass(.milliseconds(9900))
            #expect(polls["one"] == nil)
            polls.pass(.milliseconds(400))
            polls.settle()
            #expect(polls["one"]?.status == 304)
        }
    }

    @Test func `a wait of 0 seconds is answered at once`() async throws {
        try await Polls.run(as: .dispatching) { _, polls in
            try polls.wait("none", seconds: "0")
            #expect(polls["none"]?.status == 304)
        }
    }

    @Test func `only calls of the changed node are woken`() async throws {
        try await Polls.run(as: .dispatching, nodes: ["node1", "node2"]) { replica, polls in
            for number in 0..<20 { try polls.wait("\(number)", "node\(number % 2 + 1)") }
            let held = try replica.handler.configs(of: "node1", now: replica.clock.now()).value.configs
            let index = try #require(held.first?.key.index)
            replica.edit(index, to: "http://edited")
            polls.settle()
            #expect(polls.answers.count == 10)
            polls.pass(.seconds(2))
            #expect(Set(polls.answers.keys) == Set((0..<20).filter { $0.isMultiple(of: 2) }.map(String.init)))
            #expect(polls.ended == ["change": 10, "spurious": 0, "time": 0, "term": 0])
        }
    }

    @Test func `a node that loses its last config gets an empty list`() async throws {
        try await Polls.run(as: .dispatching) { replica, polls in
            replica.edit(0, to: nil)
            polls.settle()
            #expect(try replica.handler.configs(of: "node1", now: replica.clock.now()).value.configs.count == 1)
            try polls.wait("one")
            replica.edit(1, to: nil)
            polls.settle()
            #expect(polls["one"]?.text == "{\"last_change\":0,\"configs\":[]}")
        }
    }

    @Test func `a joining node wakes the nodes that give configs to it`() async throws {
        try await Polls.run(as: .dispatching) { replica, polls in
            try polls.wait("old")
            polls.ask("status", replica.status(of: "node2"))
            polls.settle()
            // It lets go once the new one runs them.
            #expect(polls["old"] == nil)
            try polls.wait("new", "node2")
            polls.settle()
            #expect(polls["old"]?.status == 200)
        }
    }

    @Test func `the end of the term is answered at once and never by an empty list`() async throws {
        let ends: [LeadershipState] = [.unknown, .following(nil), .following(TestReplica.leader)]
        for end in ends {
            try await Polls.run(as: .dispatching) { replica, polls in
                for number in 0..<5 { try polls.wait("\(number)") }
                replica.leadership.set(end)
                polls.settle()
                #expect(polls.answers.count == 5)
                #expect(polls.answers.values.allSatisfy { $0.status == 503 })
                #expect(polls.ended["term"] == 5)
            }
        }
    }

    @Test func `an expired term ends the waits without a signal`() async throws {
        try await Polls.run(as: .dispatching) { replica, polls in
            try polls.wait("one")
            replica.term.validUntil.end()
            polls.pass(.milliseconds(300))
            polls.settle()
            #expect(polls["one"]?.status == 503)
        }
    }

    @Test func `another term ends the waits of the former one`() async throws {
        try await Polls.run(as: .dispatching) { replica, polls in
            try polls.wait("one")
            replica.leadership.set(
                .leading(Term(token: "43", validUntil: Deadline(.distantFuture), continued: "42.lease-uid")))
            polls.settle()
            #expect(polls["one"]?.status == 503)
        }
    }

    @Test func `the wait of an expired node is answered with 404`() async throws {
        try await Polls.run(as: .dispatching, nodes: ["node1", "node2"], options: { $0.longestWait = .seconds(3600) }) {
            replica, polls in
            try polls.wait("lost", "node1", seconds: "3600")
            for _ in 0..<45 {
                polls.ask("status", replica.status(of: "node2"))
                polls.pass(.seconds(1))
            }
            polls.settle()
            #expect(polls["lost"]?.status == 404)
        }
    }

    @Test func `the arrival of a wait is a heartbeat of a known node`() async throws {
        try await Polls.run(as: .dispatching, nodes: ["node1", "node2"]) { replica, polls in
            for round in 0..<6 {
                try polls.wait("\(round)")
                polls.pass(.seconds(10))
            }
            let nodes = try replica.nodes()
            #expect(nodes.ids == ["node1"], "the other one was silent for a minute")
            #expect(nodes.addresses == ["192.0.2.9"])
            polls.ask("nobody", "nobody", query: "last_change=0&wait=10")
            #expect(polls["nobody"]?.status == 404)
            #expect(try replica.nodes().ids == ["node1"])
        }
    }

    @Test(arguments: [
        (ReplicaRole.unknown, "Startup in progress\n"), (.noLeader, "no leader is known\n"),
        (.warmingUp, "warming up: configs are not dispatched yet\n"),
        (.notSynced, "config sources have not all synced yet\n"),
    ])
    func `calls do not wait while the configs are not known`(role: ReplicaRole, text: String) async throws {
        try await Polls.run(as: role) { _, polls in
            polls.ask("one", "node1", query: "last_change=0&wait=10")
            #expect(polls["one"]?.status == 503)
            #expect(polls["one"]?.text == text)
        }
    }

    @Test(arguments: [
        "wait=10", "last_change=&wait=10", "last_change=x&wait=10", "last_change=1.5&wait=10", "last_change=+1&wait=1",
        "last_change=9223372036854775808&wait=10", "last_change=1&wait=", "last_change=1&wait", "last_change=1&wait=-1",
        "last_change=1&wait=1e3", "last_change=1&wait=1.", "last_change=1&wait=.5", "last_change=1&wait=1.2345",
        "last_change=1&wait=1.2.3", "last_change=1&wait=10000000000", "last_change=1&last_change=1&wait=10",
        "last_change=1&wait=10&wait=10", "last_change=01&wait=1", "last_change=1&wait=%31",
    ])
    func `an invalid query is a 400 that says what is wrong`(query: String) async throws {
        try await Polls.run(as: .dispatching) { _, polls in
            polls.ask("one", "node1", query: query)
            #expect(polls["one"]?.status == 400)
            #expect(polls["one"]?.text.hasPrefix("invalid query: ") == true)
        }
    }

    @Test(arguments: [nil, "", "last_change=x", "waits=10", "a=b&last_change=1"])
    func `a call without wait is answered at once`(query: String?) async throws {
        try await Polls.run(as: .dispatching) { _, polls in
            polls.ask("one", "node1", query: query)
            #expect(polls["one"]?.status == 200)
        }
    }

    @Test func `a forwarded call does not wait`() async throws {
        try await Polls.run(as: .dispatching) { _, polls in
            let revision = try polls.revision(of: "node1")
            polls.ask(
                "one", "node1", query: "last_change=\(revision)&wait=10",
                headers: [("X-DCA-Follower-Forwarded", "true")])
            #expect(polls["one"]?.status == 200)
        }
    }

    @Test func `calls beyond the limit do not wait`() async throws {
        try await Polls.run(as: .dispatching, options: { $0.maximumWaiting = 3 }) { _, polls in
            for number in 0..<5 { try polls.wait("\(number)") }
            #expect(polls.answers.keys.sorted() == ["3", "4"])
            #expect(polls["3"]?.status == 503)
        }
    }

    @Test func `a stopping replica answers its waits and accepts no new ones`() async throws {
        try await Polls.run(as: .dispatching) { _, polls in
            try polls.wait("before")
            polls.polls.close()
            #expect(polls["before"]?.status == 503)
            try polls.wait("after")
            #expect(polls["after"]?.text == "stopping\n")
        }
    }

    @Test func `a change between two calls is not missed`() async throws {
        try await Polls.run(as: .dispatching) { replica, polls in
            var revision = try polls.revision(of: "node1")
            for round in 0..<50 {
                replica.edit(0, to: "http://edit/\(round)")
                polls.ask("\(round)", "node1", query: "last_change=\(revision)&wait=10")
                polls.settle()
                #expect(polls["\(round)"] != nil)
                let answer = try ConfigsAnswer(parsing: Array(try #require(polls["\(round)"]).text.utf8))
                #expect(answer.lastChange != revision)
                revision = answer.lastChange
            }
        }
    }
}
