import CheckModel
import Glibc
import HTTPClient
import JSON
import Platform
import TestKit
import TestSupport
import Testing

extension RealClusterTests {
    /// What an operator wants outlives the leader and a restart of all replicas.
    @Suite(.timeLimit(.minutes(5))) struct IntentTests {
        private let clock = SystemClock()

        /// Asks the leader to carry out a command.
        private func order(
            _ verb: IntentCommand.Verb, check: String = "", node: String = "", _ cluster: ReplicatedCluster
        ) async throws {
            let client = try HTTPClient(
                options: HTTPClientOptions(
                    trust: TLSTrust(verifies: false), bearerToken: { RunningClusterAgent.token }), clock: clock)
            let command = IntentCommand(verb, check: check, node: node)
            let leader = cluster.replica(try await cluster.leader())
            let token = String(decoding: try readFile(leader.operatorTokenPath, atMost: 4096), as: UTF8.self)
            let answer = try await client.send(
                ClientRequest(
                    "POST", url: leader.url + "/api/v1/clusterchecks/intent",
                    headers: [("Authorization", "Bearer \(token)")], body: command.encoded()),
                deadline: clock.now() + .seconds(20))
            await client.shutdown()
            let text = String(decoding: answer.body, as: UTF8.self)
            try #require(answer.status == 200 && text.contains(#""kept":true"#), "\(verb): \(answer.status) \(text)")
        }

        /// Waits until the leader shows what is wanted: how many checks, by node and by name.
        private func see(
            _ what: String, _ cluster: ReplicatedCluster, _ isSo: @escaping ([String: [String]], Int) -> Bool
        ) async throws {
            let client = try HTTPClient(
                options: HTTPClientOptions(
                    trust: TLSTrust(verifies: false), bearerToken: { RunningClusterAgent.token }), clock: clock)
            var shown = "nothing"
            try await eventually(within: .seconds(90), "\(what); the state shows \(shown)") {
                for number in cluster.ports.indices {
                    guard let state = try? await cluster.replica(number).placements(client), !state.nodes.isEmpty else {
                        continue
                    }
                    shown = "\(state.nodes), \(state.dangling) dangling"
                    if isSo(state.nodes, state.dangling) { return true }
                }
                try await clock.sleep(until: clock.now() + .milliseconds(100))
                return nil
            }
            await client.shutdown()
        }

        /// Kills the leader, then all replicas, and waits each time until the next leader shows what is wanted.
        private func seeThroughRestarts(
            _ cluster: ReplicatedCluster, _ isSo: @escaping ([String: [String]], Int) -> Bool
        ) async throws {
            let leader = try await cluster.leader()
            cluster.replica(leader).process.signal(SIGKILL)
            try await cluster.replica(leader).process.wait(within: .seconds(30))
            try cluster.restart(leader)
            try await see("the same under the next leader", cluster, isSo)
            for number in [0, 1] { cluster.replica(number).process.signal(SIGKILL) }
            for number in [0, 1] {
                try await cluster.replica(number).process.wait(within: .seconds(30))
                try cluster.restart(number)
            }
            try await see("the same when all replicas are new", cluster, isSo)
        }

        @Test func `what is paused, pinned and isolated stays so whoever leads, until it is undone`() async throws {
            try await ReplicatedCluster.run(replicas: 2, services: 6) { cluster in
                try await cluster.settle(configs: 6)
                var placed: [String: [String]] = [:]
                try await see("all checks", cluster) { nodes, _ in
                    placed = nodes
                    return nodes.values.flatMap { $0 }.count == 6
                }
                let (alone, others) = (try #require(placed["a"]?.first), try #require(placed["b"]))
                let (paused, pinned) = (others[0], try #require(placed["a"]?.last))
                try await order(.pause, check: paused, cluster)
                try await order(.pin, check: pinned, node: "b", cluster)
                try await order(.isolate, check: alone, cluster)
                func isWanted(_ nodes: [String: [String]], _ dangling: Int) -> Bool {
                    nodes["a"] == [alone] && nodes["b"]?.count == 4 && nodes["b"]?.contains(pinned) == true
                        && dangling == 1
                }
                try await see("what is wanted", cluster, isWanted)
                let kept = try await cluster.plane.kubectl(
                    "--namespace=cluster-agent", "get", "configmap", "cluster-agent-intent", "--output=yaml")
                #expect(kept.contains("intent.json"), "\(kept)")

                try await seeThroughRestarts(cluster, isWanted)

                try await order(.resume, check: paused, cluster)
                try await order(.unpin, check: pinned, cluster)
                try await order(.unisolate, check: alone, cluster)
                try await cluster.settle(configs: 6)
            }
        }

        @Test func `an instance is alone, and a drained node empty, whoever leads, until it is undone`() async throws {
            try await ReplicatedCluster.run(replicas: 2, services: 5, drained: ["b"]) { cluster in
                let instances = #"[{\"name\":\"m0\",\"url\":\"http://m0/\"},{\"name\":\"m1\",\"url\":\"http://m1/\"}]"#
                let service =
                    #"{"apiVersion":"v1","kind":"Service","metadata":{"name":"many","namespace":"default","#
                    + #""annotations":{"ad.datadoghq.com/service.checks":"#
                    + #""{\"http_check\":{\"instances\":\#(instances)}}"}},"spec":{"ports":[{"port":80}]}}"#
                let file = try cluster.plane.directory.write("many.json", service)
                try await cluster.plane.kubectl("apply", "-f", file)
                try await cluster.settle(configs: 7)
                var instance = ""
                func find(_ nodes: [String: [String]]) -> Bool {
                    instance = nodes.values.flatMap { $0 }.first { $0.hasPrefix("http_check:m1:") } ?? ""
                    return !instance.isEmpty
                }
                try await see("the instance", cluster) { nodes, _ in find(nodes) }
                try await order(.isolate, check: instance, cluster)
                func isAlone(_ nodes: [String: [String]], _ dangling: Int) -> Bool {
                    nodes.values.contains { $0.count == 1 && find(["": $0]) }
                        && nodes.values.flatMap { $0 }.count == 7 && dangling == 0
                }
                try await see("it alone", cluster, isAlone)
                try await seeThroughRestarts(cluster, isAlone)
                try await order(.unisolate, check: instance, cluster)

                try await order(.drain, node: "b", cluster)
                func isDrained(_ nodes: [String: [String]], _ dangling: Int) -> Bool {
                    nodes["a"]?.count == 7 && nodes["b"]?.isEmpty != false && dangling == 0
                }
                try await see("all on the other node", cluster, isDrained)
                try await seeThroughRestarts(cluster, isDrained)
                try await order(.uncordon, node: "b", cluster)
                try await cluster.settle(configs: 7)
            }
        }
    }
}
