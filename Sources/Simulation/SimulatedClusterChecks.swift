import AutoConf
import CheckModel
import ClusterChecks
import Kubernetes
import Platform

/// Writes the status of ClusterChecks for one process, over the simulated network.
struct SimulatedStatusWriter: ClusterCheckStatusWriter {
    let server: SimulatedAPIServer
    let process: SimulatedProcess

    func write(
        _ status: ClusterCheckStatus, namespace: String, name: String, deadline: Instant
    ) async throws(KubernetesError) {
        let answer: SimulatedStream<Void> = server.stream(for: process)
        let timer = process.clock.schedule(at: deadline) { answer.fail(.transport("no answer by the deadline")) }
        defer {
            timer.cancel()
            answer.fail(.transport("closed"))
        }
        answer.request { server.write(status, ClusterCheck.key(namespace, name), answer) }
        guard try await answer.next() != nil else { throw .transport("an empty answer") }
    }
}

extension SimulatedCluster {
    /// A ClusterCheck whose status does not say where its configs are; nil if each says it.
    func problemOfStatuses(_ leader: StateSnapshot) -> String? {
        for check in server.objects(of: ClusterCheck.self) {
            let (name, status) = (check.metadata.name, check.status)
            let nodes = leader.nodes.filter { $0.configs.contains { $0.key.source.hasSameBytes(as: check.source) } }
            let isPlaced = status.condition("Placed")?.status == "True"
            guard status.node == nodes.map(\.id).joined(separator: ", "), isPlaced, !status.placedAt.isEmpty else {
                return "\(name) is said to be on \(status.node), and is on \(nodes.map(\.id))"
            }
            guard status.observedGeneration == check.metadata.generation else {
                return "generation \(status.observedGeneration) of \(name) is the newest that its status knows"
            }
        }
        return nil
    }
}
