import CheckModel
import ClusterChecks
import HTTPServer
import Leadership
import NodeAgentAPI
import Platform
import TestSupport
import Testing

/// Calls for configs that wait for a change, at a leader.
@Suite(.timeLimit(.minutes(1))) struct WaitingTests {
    @Test func aCallWhoseNodeRunsWhatItShouldWaitsForTheChange() async throws {
        try await Polls.run(as: .dispatching) { replica, polls in
            let before = try polls.revision(of: "node1")
            try polls.wait("one")
            #expect(polls["one"] == nil)
            replica.edit(0, to: "http://edited")
            try await eventually("woken") { polls["one"] != nil }
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

    @Test func aCallWithAnotherRevisionIsAnsweredAtOnce() async throws {
        try await Polls.run(as: .dispatching) { _, polls in
            polls.ask("zero", "node1", query: "last_change=0&wait=10")
            polls.ask("heartbeat", "node1", query: "wait=10&last_change=-1&other=1")
            #expect(polls["zero"]?.status == 200)
            #expect(polls["heartbeat"]?.status == 200)
            #expect(polls.ended.values.allSatisfy { $0 == 0 }, "they did not wait")
        }
    }

    @Test func whenItsTimeIsOverACallIsAnsweredThatNothingHasChanged() async throws {
        try await Polls.run(as: .dispatching) { replica, polls in
            try polls.wait("one", seconds: "4.5")
            try await polls.pass(.milliseconds(4400))
            #expect(polls["one"] == nil)
            try await polls.pass(.milliseconds(500))
            try await eventually("over") { polls["one"] != nil }
            let answer = try #require(polls["one"])
            #expect(answer.status == 304 && answer.text.isEmpty)
            #expect(answer.headers.map(\.name) == [Term.headerName])
            #expect(polls.ended["time"] == 1)
            #expect(answer.gate?.replacement() == nil)
            replica.term.validUntil.end()
            #expect(answer.gate?.replacement()?.status == 503)
        }
    }

    @Test func nobodyWaitsLongerThanAThirdOfTheExpirationTimeout() async throws {
        try await Polls.run(as: .dispatching) { _, polls in
            try polls.wait("one", seconds: "999999999")
            try await polls.pass(.milliseconds(9900))
            #expect(polls["one"] == nil)
            try await polls.pass(.milliseconds(400))
            try await eventually("over") { polls["one"]?.status == 304 }
        }
    }

    @Test func aWaitOfNoTimeIsAnsweredAtOnce() async throws {
        try await Polls.run(as: .dispatching) { _, polls in
            try polls.wait("none", seconds: "0")
            #expect(polls["none"]?.status == 304)
        }
    }

    @Test func onlyThoseWhoseNodeChangedAreWoken() async throws {
        try await Polls.run(as: .dispatching, nodes: ["node1", "node2"]) { replica, polls in
            for number in 0..<20 { try polls.wait("\(number)", "node\(number % 2 + 1)") }
            let held = try replica.handler.configs(of: "node1", now: replica.clock.now()).value.configs
            let index = try #require(held.first?.key.index)
            replica.edit(index, to: "http://edited")
            try await eventually("woken") { polls.answers.count == 10 }
            try await polls.pass(.seconds(2))
            #expect(Set(polls.answers.keys) == Set((0..<20).filter { $0.isMultiple(of: 2) }.map(String.init)))
            #expect(polls.ended == ["change": 10, "spurious": 0, "time": 0, "term": 0])
        }
    }

    @Test func aNodeThatLosesItsLastConfigIsToldSo() async throws {
        try await Polls.run(as: .dispatching) { replica, polls in
            replica.edit(0, to: nil)
            try await eventually("one left") {
                try replica.handler.configs(of: "node1", now: replica.clock.now()).value.configs.count == 1
            }
            try polls.wait("one")
            replica.edit(1, to: nil)
            try await eventually("told") { polls["one"]?.text == "{\"last_change\":0,\"configs\":[]}" }
        }
    }

    @Test func aJoiningNodeWakesThoseWhoGiveToItAndItself() async throws {
        try await Polls.run(as: .dispatching) { replica, polls in
            try polls.wait("old")
            polls.ask("status", replica.status(of: "node2"))
            try await eventually("woken") { polls["old"]?.status == 200 }
        }
    }

    @Test func theEndOfTheTermIsToldAtOnceAndNeverByAnEmptyList() async throws {
        let ends: [LeadershipState] = [.unknown, .following(nil), .following(Replica.leader)]
        for end in ends {
            try await Polls.run(as: .dispatching) { replica, polls in
                for number in 0..<5 { try polls.wait("\(number)") }
                replica.leadership.set(end)
                try await eventually("told") { polls.answers.count == 5 }
                #expect(polls.answers.values.allSatisfy { $0.status == 503 })
                #expect(polls.ended["term"] == 5)
            }
        }
    }

    @Test func aTermThatHasPassedIsToldThoughNobodySaidSo() async throws {
        try await Polls.run(as: .dispatching) { replica, polls in
            try polls.wait("one")
            replica.term.validUntil.end()
            try await polls.pass(.milliseconds(300))
            try await eventually("told") { polls["one"]?.status == 503 }
        }
    }

    @Test func anotherTermIsNotThatOfThoseWhoWait() async throws {
        try await Polls.run(as: .dispatching) { replica, polls in
            try polls.wait("one")
            replica.leadership.set(
                .leading(Term(token: "43", validUntil: Deadline(.distantFuture), continuesPrevious: true)))
            try await eventually("told") { polls["one"]?.status == 503 }
        }
    }

    @Test func aNodeThatIsForgottenIsToldThatItIsUnknown() async throws {
        try await Polls.run(as: .dispatching, nodes: ["node1", "node2"], options: { $0.longestWait = .seconds(3600) }) {
            replica, polls in
            try polls.wait("lost", "node1", seconds: "3600")
            for _ in 0..<45 {
                polls.ask("status", replica.status(of: "node2"))
                try await polls.pass(.seconds(1))
            }
            try await eventually("told") { polls["lost"]?.status == 404 }
        }
    }

    @Test func theArrivalIsTheHeartbeatOfAKnownNode() async throws {
        try await Polls.run(as: .dispatching, nodes: ["node1", "node2"]) { replica, polls in
            for round in 0..<6 {
                try polls.wait("\(round)")
                try await polls.pass(.seconds(10))
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
    func whileTheTruthIsNotKnownNobodyWaits(role: ReplicaRole, text: String) async throws {
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
    func aQueryThatIsNoneIsA400ThatSaysWhatIsWrong(query: String) async throws {
        try await Polls.run(as: .dispatching) { _, polls in
            polls.ask("one", "node1", query: query)
            #expect(polls["one"]?.status == 400)
            #expect(polls["one"]?.text.hasPrefix("invalid query: ") == true)
        }
    }

    @Test(arguments: [nil, "", "last_change=x", "waits=10", "a=b&last_change=1"])
    func withoutWaitEverythingIsAsEver(query: String?) async throws {
        try await Polls.run(as: .dispatching) { _, polls in
            polls.ask("one", "node1", query: query)
            #expect(polls["one"]?.status == 200)
        }
    }

    @Test func aCallThatAnotherReplicaSendsOnDoesNotWaitHere() async throws {
        try await Polls.run(as: .dispatching) { _, polls in
            let revision = try polls.revision(of: "node1")
            polls.ask(
                "one", "node1", query: "last_change=\(revision)&wait=10",
                headers: [("X-DCA-Follower-Forwarded", "true")])
            #expect(polls["one"]?.status == 200)
        }
    }

    @Test func moreThanTheLimitDoNotWait() async throws {
        try await Polls.run(as: .dispatching, options: { $0.maximumWaiting = 3 }) { _, polls in
            for number in 0..<5 { try polls.wait("\(number)") }
            #expect(polls.answers.keys.sorted() == ["3", "4"])
            #expect(polls["3"]?.status == 503)
        }
    }

    @Test func aReplicaThatStopsTellsThoseWhoWaitAndLetsNobodyWait() async throws {
        try await Polls.run(as: .dispatching) { _, polls in
            try polls.wait("before")
            polls.push.close()
            #expect(polls["before"]?.status == 503)
            try polls.wait("after")
            #expect(polls["after"]?.text == "stopping\n")
        }
    }

    @Test func aChangeBetweenTwoCallsIsNotMissed() async throws {
        try await Polls.run(as: .dispatching) { replica, polls in
            var revision = try polls.revision(of: "node1")
            for round in 0..<50 {
                replica.edit(0, to: "http://edit/\(round)")
                polls.ask("\(round)", "node1", query: "last_change=\(revision)&wait=10")
                try await eventually("told") { polls["\(round)"] != nil }
                let answer = try ConfigsAnswer(parsing: Array(try #require(polls["\(round)"]).text.utf8))
                #expect(answer.lastChange != revision)
                revision = answer.lastChange
            }
        }
    }
}
