import Simulation
import Testing

/// Two replicas and five agents of the real code, through a leader's crash, a leader paused past its term, a node's loss, and whatever else the
/// seed draws: no two terms answer, no config is on two nodes, no agent gets a wrong "nothing", and in the end all is as it should be.
///
/// To replay a seed: `SIMULATION_SEED=N swift test --filter ClusterTests`. `SIMULATION_SEEDS=N` runs the first N.
@Suite struct ClusterTests {
    @Test(arguments: seeds(50)) func aClusterKeepsItsPromisesAndASeedIsOneHistory(seed: UInt64) async throws {
        let outcome = try SimulatedCluster(seed: seed).run()
        #expect(outcome.terms >= 2)
        #expect(outcome.lateRequests > 0)
        #expect(outcome.answers[200, default: 0] > 100)
        // Swift seeds its hashing anew in each process: what depends on a hash table's order differs there.
        let other = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) { [seed] in
            print("fingerprint: \(try SimulatedCluster(seed: seed).run().fingerprint)")
        }
        #expect(said(other, "fingerprint: ") == outcome.fingerprint)
    }
}
