import ClusterChecks
import HTTPServer
import JSON
import Platform
import Replica
import Synchronization

/// A Prometheus that gets its targets from the replicas, as its HTTP service discovery does: it fetches again and
/// again, at the same interval, and keeps the list that it has when a fetch fails.
package final class SimulatedPrometheus: Sendable {
    /// The process; its name is the node's.
    package let process: SimulatedProcess
    private let network: SimulatedNetwork
    private let replicas: [String]
    private let dice: Dice
    private let interval: Int
    private let scraped = Mutex<[String]>([])

    /// One that has fetched nothing yet.
    ///
    /// - Parameters:
    ///   - interval: how often it fetches, in seconds.
    ///   - replicas: the replicas behind the Service: each fetch goes to one of them, whether it lives or not.
    init(_ process: SimulatedProcess, interval: Int, network: SimulatedNetwork, replicas: [String]) {
        self.process = process
        self.interval = interval
        self.network = network
        self.replicas = replicas
        dice = process.world.dice("prometheus \(process.lane)")
    }

    /// Starts to fetch.
    func start() {
        process.post { [self] in fetch() }
    }

    /// The check IDs of what it scrapes, sorted.
    package var running: [String] { scraped.withLock { $0 } }

    private func fetch() {
        let request = HTTPRequest(
            method: .get, path: "/api/v1/targets/\(process.name)",
            headers: HTTPHeaders([
                ("Authorization", "Bearer \(SimulatedReplica.token)"),
                ("X-Prometheus-Refresh-Interval-Seconds", "\(interval)"),
            ]), peer: PeerAddress(host: "", port: 0))
        let now = process.clock.now()
        _ = network.send(
            request, from: process, to: network.address(of: dice.pick(replicas)), deadline: now + .seconds(interval)
        ) { [self] result in
            guard case .success(let response) = result, response.status == 200,
                let ids = Self.checkIDs(in: response)
            else { return }
            scraped.withLock { $0 = ids }
        }
        _ = process.clock.schedule(at: now + .seconds(interval)) { [self] in process.post { self.fetch() } }
    }

    /// The check IDs of the targets in an answer, sorted; nil if it is no list of groups of targets.
    static func checkIDs(in response: HTTPResponse) -> [String]? {
        guard let groups = (try? JSONValue(parsing: response.joinedBody))?.arrayValue else { return nil }
        let ids = groups.compactMap { $0["labels"]?["__meta_cluster_agent_check_id"]?.stringValue }
        return ids.count == groups.count ? ids.sortedByBytes() : nil
    }
}

// The servers of a cluster.
extension SimulatedCluster {
    func startServers() {
        for (number, server) in plan.servers.enumerated() {
            let name = "prometheus-\(number + 1)"
            after(.zero ... .seconds(30)) { [self] in start(name, server) }
            world.after(server.at) { [self] in perform(server.fault, on: name, server) }
        }
    }

    private func start(_ name: String, _ server: ClusterPlan.Server) {
        world.record("\(name): starts")
        let prometheus = SimulatedPrometheus(
            SimulatedProcess(name, in: world), interval: server.interval, network: network,
            replicas: Self.replicaNames)
        state.withLock { $0.servers[name] = prometheus }
        prometheus.start()
    }

    private func perform(_ fault: ClusterPlan.ServerFault, on name: String, _ server: ClusterPlan.Server) {
        world.record("\(name): \(fault)")
        guard let process = state.withLock({ $0.servers[name] })?.process else { return }
        switch fault {
        case .crash(let time):
            process.crash()
            guard let time else { return _ = state.withLock { $0.servers.removeValue(forKey: name) } }
            world.after(time) { [self] in start(name, server) }
        case .pause(let time):
            pause(process, for: time)
        case .cut(let time):
            for replica in Self.replicaNames { cut(name, replica, for: time) }
        }
    }

    /// A leader's list of targets. What a Prometheus is told counts as what it runs: nobody can know that the answer
    /// has reached it.
    func problem(
        withTargets response: HTTPResponse, for node: String, of snapshot: StateSnapshot, _ replica: SimulatedReplica
    ) -> String? {
        let sent = SimulatedPrometheus.checkIDs(in: response).map { Set($0) }
        let running = state.withLock { $0.servers[node] }?.running ?? []
        let elsewhere = !isWished && knows(snapshot.term) ? ranElsewhere(than: node) : nil
        state.withLock { $0.ran[node, default: []].formUnion(sent ?? []) }
        return checker.problem(
            withTargets: sent, for: node, of: snapshot, source: replica.replica.desired, running: running,
            elsewhere: elsewhere, unplaced: unplaced(snapshot))
            ?? problem(withListFor: node, of: snapshot, replica)
    }
}
