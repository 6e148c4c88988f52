import Simulation
import Testing

/// The node-agents' pods are replaced one after the other, and nothing else happens: no check is left alone meanwhile.
@Suite struct RolloutTests {
    @Test(arguments: seeds(8)) func `in a rollout every check runs all the time`(seed: UInt64) throws {
        let world = World(seed: seed)
        let cluster = SimulatedCluster(world, ClusterPlan(rolloutIn: world))
        defer { Attachment.record(world.trace.lines.joined(separator: "\n"), named: "rollout-\(seed).trace") }
        cluster.expectNoGap(from: .seconds(55), to: .seconds(270))
        _ = try cluster.run()
        let said = world.trace.lines
        // In each of the five pods' turns.
        #expect(said.count { $0.contains("draining=true") } == 5)
        #expect(said.count { $0.contains("its pod was deleted") } == 5)
    }

    @Test(arguments: seeds(8)) func `all replicas restarted at once move nothing`(seed: UInt64) throws {
        let world = World(seed: seed)
        let cluster = SimulatedCluster(world, ClusterPlan(restartOfReplicasIn: world))
        defer { Attachment.record(world.trace.lines.joined(separator: "\n"), named: "cold-\(seed).trace") }
        cluster.expectNoMoves(from: .seconds(99), to: .seconds(270))
        cluster.expectNoGap(from: .seconds(95), to: .seconds(270))
        _ = try cluster.run()
        #expect(world.trace.lines.contains { $0.contains("placements=none") })
    }

    @Test(arguments: seeds(8)) func `a restart of a DaemonSet's pods moves nothing that is sticky`(seed: UInt64) throws
    {
        let world = World(seed: seed)
        let cluster = SimulatedCluster(world, ClusterPlan(rolloutIn: world, areOfDaemonSet: true))
        defer { Attachment.record(world.trace.lines.joined(separator: "\n"), named: "restart-\(seed).trace") }
        cluster.expectNoMoves(from: .seconds(55), to: .seconds(270))
        _ = try cluster.run()
        let said = world.trace.lines
        #expect(said.count { $0.contains("left to be restarted") } == 5)
        #expect(said.count { $0.contains("came back") } == 5)
    }
}
