import ClusterChecks
import Simulation
import Testing

/// Leaders that are killed as soon as they have told an agent something, and mistakes that are made on purpose: a
/// simulation that does not find them proves nothing.
@Suite struct SuccessionTests {
    @Test(arguments: seeds(50)) func `whoever takes over knows what every agent was told`(seed: UInt64) throws {
        let cluster = SimulatedCluster(successionsOf: seed)
        defer {
            Attachment.record(cluster.world.trace.lines.joined(separator: "\n"), named: "succession-\(seed).trace")
        }
        let outcome = try cluster.run()
        #expect(outcome.terms >= 4)
    }

    @Test(arguments: DeliberateBug.allCases) func `a mistake is found by three of the default seeds`(
        bug: DeliberateBug
    ) throws {
        var found: [String] = []
        for seed in UInt64(1)...50 where found.count < 3 {
            do {
                _ = try SimulatedCluster(successionsOf: seed, bug: bug).run()
            } catch {
                found.append("seed \(seed): \(error.reason)")
            }
        }
        Attachment.record(found.joined(separator: "\n"), named: "\(bug.rawValue).txt")
        #expect(found.count == 3)
    }
}
