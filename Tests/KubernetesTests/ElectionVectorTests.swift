import Kubernetes
import Platform
import Testing

/// client-go's election vectors and ours, as one table: identity `baz`, Lease `foo/bar`, lease duration 10 s, renew
/// deadline 8 s.
///
/// Not in the table, with the reason:
/// - "coordinated: led by other / own": coordinated election (KEP-4355) is not supported; that a strategy is told and
///   ignored is in `ElectionAcquireTests`.
/// - "cancel during PUT / during GET with ReleaseOnCancel", with its Events: needs the running elector;
///   `LeaderElectorEventTests`.
/// - "health": there is no check of a leader's observed time, for a leader past its deadline is none; liveness asks
///   whether attempts are made at all, in `LeaderElectorLivenessTests`.
/// - "lock: update before get": an update is only ever made from a Lease that was read or stored. "round trip":
///   `LeaseCodingTests`. "nil recorder": `LeaderElectorTests` has none.
/// - "stop the process" with a real SIGSTOP, and hand-overs on the real API server: the integration tests.
@Suite struct ElectionVectorTests {
    struct Vector: Sendable, CustomTestStringConvertible {
        let name: String
        let run: @Sendable (ElectionBench) throws -> Void

        var testDescription: String { name }

        init(_ name: String, _ run: @escaping @Sendable (ElectionBench) throws -> Void) {
            self.name = name
            self.run = run
        }
    }

    @Test(arguments: clientGo + releases + additions)
    func `the election does what the vector says`(vector: Vector) throws {
        try vector.run(ElectionBench(labels: ["app": "ours"]))
    }

    @Test func `the duel detects a planted overlap`() {
        var duel = ElectionDuel(seed: 4355, renewDeadline: .seconds(11))
        duel.run(handOvers: 100)
        #expect(duel.overlaps != [])
    }

    @Test func `the vectors' names are unique`() {
        let names = (Self.clientGo + Self.releases + Self.additions).map(\.name)
        #expect(Set(names).count == names.count)
    }

    static let clientGo = [
        Vector("no object") { bench in
            #expect(bench.attempt())
            expect(bench, holder: "baz", transitions: 0, calls: ["get", "create"])
        },
        Vector("empty spec") { bench in
            bench.shelf.put(LeaseSpec())
            #expect(bench.attempt())
            expect(bench, holder: "baz", transitions: 1, calls: ["get", "update"])
        },
        Vector("led, recorded duration 3 s") { bench in
            bench.shelf.put(held(by: "bing", for: 3))
            #expect(!bench.attempt())
            bench.pass(.seconds(3))
            #expect(bench.attempt())
            expect(bench, holder: "baz", transitions: 1, calls: ["get", "get", "update"])
        },
        Vector("unled (holder \"\")") { bench in
            bench.shelf.put(held(by: ""))
            #expect(bench.attempt())
            expect(bench, holder: "baz", transitions: 1, calls: ["get", "update"])
        },
        Vector("led, unacked") { bench in
            bench.shelf.put(held(by: "bing"))
            bench.attempt()
            bench.pass(.seconds(1000))
            #expect(bench.attempt())
            expect(bench, holder: "baz", transitions: 1, calls: ["get", "get", "update"])
        },
        Vector("empty holder though \"fresh\"") { bench in
            bench.shelf.put(held(by: "", for: 3600))
            bench.watch()
            #expect(bench.attempt())
            expect(bench, holder: "baz", transitions: 1, calls: ["get", "update"])
        },
        Vector("led, fresh") { bench in
            bench.shelf.put(held(by: "bing"))
            #expect(!bench.attempt())
            #expect(bench.followed == "bing")
            #expect(bench.drainNotices() == [.holder("bing")])
            expect(bench, holder: "bing", transitions: 0, calls: ["get"])
        },
        Vector("renew own") { bench in
            bench.shelf.put(held(by: "baz"))
            #expect(bench.attempt())
            expect(bench, holder: "baz", transitions: 0, calls: ["get", "update"])
        },
        Vector("config: identity \"\"") { _ in
            #expect(throws: KubernetesError.configuration("Lock identity is empty")) {
                try LeaderElectionOptions(identity: "").validate()
            }
        },
        Vector("fast path") { bench in
            for _ in 0..<3 { #expect(bench.attempt()) }
            expect(bench, holder: "baz", transitions: 0, calls: ["get", "create", "update", "update"])
            #expect(bench.election.slowRenewals == 0)
        },
        Vector("fast path conflict on 2nd update") { bench in
            bench.attempt()
            bench.attempt()
            bench.shelf.edit { $0.merge(labels: ["x": "y"]) }
            #expect(bench.attempt())
            #expect(bench.attempt())
            let calls = ["get", "create", "update", "update", "get", "update", "update"]
            expect(bench, holder: "baz", transitions: 0, calls: calls)
            #expect(bench.election.slowRenewals == 1)
        },
        Vector("lock: create twice") { bench in
            let read = bench.election.begin(bench.moment())
            let create = try #require(bench.receive(answerTo: read))
            bench.shelf.put(held(by: "bing"))
            #expect(bench.receive(answerTo: create) == nil)
            #expect(!bench.isLeading)
            #expect(bench.spec?.holder == "bing")
        },
        Vector("lock: labels nil either side; label overwrite keeps foreign keys") { bench in
            bench.shelf.put(held(by: ""))
            #expect(bench.shelf.lease?.labels == [:])
            bench.attempt()
            #expect(bench.shelf.lease?.labels == ["app": "ours"])
            bench.shelf.edit { $0.merge(labels: ["app": "theirs", "x": "y"]) }
            bench.attempt()
            #expect(bench.shelf.lease?.labels == ["app": "ours", "x": "y"])
            let bare = ElectionBench()
            bare.attempt()
            bare.attempt()
            #expect(bare.shelf.lease?.labels == [:])
        },
    ]

    static let releases = [
        Vector("release") { bench in
            bench.attempt()
            #expect(bench.release())
            expect(bench, holder: "", transitions: 0, calls: ["get", "create", "get", "update"])
        },
        Vector("release calls GET first") { bench in
            bench.attempt()
            bench.pass(.seconds(2))
            // The last renewal was committed, but we never heard of it.
            bench.faults = [.answerLost, .lost]
            bench.attempt()
            bench.calls = []
            #expect(bench.release())
            expect(bench, holder: "", transitions: 0, calls: ["get", "update"])
        },
        Vector("release retries once after 409") { bench in
            bench.attempt()
            bench.calls = []
            #expect(
                bench.release { bench in
                    if bench.calls.count == 1 { bench.shelf.edit { $0.merge(labels: ["x": "y"]) } }
                })
            expect(bench, holder: "", transitions: 0, calls: ["get", "update", "get", "update"])
        },
        Vector("release of a deleted Lease") { bench in
            bench.attempt()
            bench.shelf.delete()
            bench.calls = []
            #expect(bench.release())
            #expect(bench.calls == ["get"])
            #expect(bench.shelf.lease == nil)
        },
    ]

    static let additions = [
        Vector("delayed success response") { bench in
            bench.attempt()
            bench.pass(.seconds(2))
            let sent = bench.now
            bench.faults = [.late(.seconds(4))]
            #expect(bench.attempt())
            #expect(bench.election.held?.validUntil == sent + .seconds(8))
            // A candidate that saw the commit at its very moment waits longer than that.
            #expect(sent + .seconds(10) > bench.election.held?.validUntil ?? .distantFuture)
        },
        Vector("response lost but committed") { bench in
            bench.attempt()
            bench.pass(.seconds(2))
            bench.faults = [.answerLost]
            #expect(bench.attempt())
            #expect(bench.termNumber == 1)
            expect(bench, holder: "baz", transitions: 0, calls: ["get", "create", "update", "get", "update"])
        },
        Vector("stop the process 20 s, then resume, nobody took over") { bench in
            bench.attempt()
            let token = bench.election.held?.resourceVersion
            bench.pass(.seconds(20))
            #expect(!bench.isLeading)
            #expect(bench.attempt())
            #expect(bench.termNumber == 2)
            #expect(bench.election.held?.continued != nil)
            #expect(bench.election.held?.resourceVersion != token)
        },
        Vector("stop the process 20 s, then resume, another took over") { bench in
            bench.attempt()
            bench.pass(.seconds(20))
            bench.shelf.put(held(by: "bing", transitions: 1))
            #expect(!bench.isLeading)
            #expect(!bench.attempt())
            #expect(bench.followed == "bing")
            #expect(bench.spec?.holder == "bing")
        },
        Vector("lease deleted while leading") { bench in
            bench.attempt()
            bench.shelf.delete()
            bench.pass(.seconds(2))
            #expect(bench.attempt())
            #expect(bench.termNumber == 2)
            #expect(bench.election.held?.leaseUID == "uid-2")
            expect(bench, holder: "baz", transitions: 0, calls: ["get", "create", "update", "get", "create"])
        },
        Vector("lease edited (label only) by third party, while leading") { bench in
            bench.attempt()
            bench.shelf.edit { $0.merge(labels: ["x": "y"]) }
            bench.pass(.seconds(2))
            #expect(bench.attempt())
            #expect(bench.termNumber == 1)
            #expect(bench.shelf.lease?.labels == ["app": "ours", "x": "y"])
        },
        Vector("lease edited (label only) by third party, while following") { bench in
            bench.shelf.put(held(by: "bing"))
            bench.attempt()
            bench.pass(.seconds(9))
            bench.shelf.edit { $0.merge(labels: ["x": "y"]) }
            bench.attempt()
            bench.pass(.seconds(1))
            #expect(bench.attempt())
        },
        Vector("holder with huge duration") { bench in
            bench.shelf.put(held(by: "bing", for: Int(Int32.max)))
            bench.attempt()
            bench.pass(.seconds(3599))
            #expect(!bench.attempt())
            bench.pass(.seconds(1))
            #expect(bench.attempt())
        },
        Vector("huge count of transitions") { bench in
            bench.shelf.put(held(by: "", transitions: Int(Int32.max)))
            #expect(bench.attempt())
            expect(bench, holder: "baz", transitions: 0, calls: ["get", "update"])
        },
        Vector("only the annotations change") { bench in
            bench.annotations = ["cluster-agent/nodes": "1"]
            bench.attempt()
            let wake = bench.election.wake
            bench.annotations = ["cluster-agent/nodes": "2"]
            #expect(bench.election.wake == wake)
            #expect(bench.shelf.lease?.annotations == ["cluster-agent/nodes": "1"])
            bench.pass(.seconds(2))
            bench.attempt()
            #expect(bench.shelf.lease?.annotations == ["cluster-agent/nodes": "2"])
            #expect(bench.calls == ["get", "create", "update"])
        },
        Vector("two candidates × 1000 random hand-overs") { _ in
            var duel = ElectionDuel(seed: 4355)
            duel.run(handOvers: 1000)
            #expect(duel.handOvers >= 1000)
            #expect(duel.overlaps == [])
            #expect(duel.adoptions >= 100)
            #expect(duel.wrongTerms == [])
        },
    ]

    private static func expect(_ bench: ElectionBench, holder: String, transitions: Int, calls: [String]) {
        #expect(bench.spec?.holder == holder)
        #expect(bench.spec?.leaseTransitions == transitions)
        #expect(bench.calls == calls)
    }
}
