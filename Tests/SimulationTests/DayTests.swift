import CheckModel
import Platform
import Simulation
import Testing

/// A day of a busy cluster, as its history tells it. `SIMULATION_HOUR=3600` makes it as long as a day is.
@Suite struct DayTests {
    private static let hour = processEnvironment()["SIMULATION_HOUR"].flatMap { Int64($0) } ?? 150

    @Test func `the history of a day tells what was done and what it led to`() throws {
        let world = World(seed: 1, maximumSteps: 20_000_000, wallError: .zero)
        let cluster = SimulatedCluster(world, ClusterPlan(dayIn: world, hour: .seconds(Self.hour)))
        defer { Attachment.record(world.trace.lines.joined(separator: "\n"), named: "day.trace") }
        _ = try cluster.run()
        let history = cluster.history
        Attachment.record(history.map(\.line).joined(separator: "\n"), named: "history-of-a-day.txt")
        let midnight = Int64(1_767_225_600_000_000_000)
        /// How many entries of a kind there are from one time of the day to another.
        func count(_ kind: HistoryEntry.Kind, _ from: (Int, Int), _ to: (Int, Int), _ reason: String = "") -> Int {
            history.count { entry in
                let minute = (entry.time.nanoseconds - midnight) / (Self.hour * 1_000_000_000 / 60)
                return entry.kind == kind && entry.reason.contains(reason)
                    && (from.0 * 60 + from.1..<to.0 * 60 + to.1).contains(Int(minute))
            }
        }
        #expect(count(.lost, (0, 40), (1, 0), "no heartbeat") == 1)
        #expect(count(.moved, (0, 40), (1, 0), "expired") > 0)
        #expect(count(.joined, (1, 0), (1, 30)) == 1)
        #expect(count(.leader, (2, 10), (3, 0), "adopted") == 1)
        #expect(count(.changed, (6, 30), (7, 0)) == 12 && count(.added, (6, 30), (7, 0)) == 0)
        #expect(count(.condition, (8, 15), (8, 30), "drains") == 1 && count(.moved, (8, 15), (8, 30), "drained") > 0)
        #expect(count(.condition, (8, 50), (9, 10), "uncordons") == 1 && count(.moved, (8, 50), (9, 10), "joined") > 0)
        #expect(count(.added, (10, 0), (10, 10)) == 6)
        #expect(count(.intent, (11, 20), (11, 30), "paused") == 1 && count(.dangles, (11, 20), (11, 30)) == 1)
        #expect(count(.intent, (11, 50), (12, 4), "resumed") == 1)
        #expect(count(.condition, (12, 5), (12, 15), "cordoned") == 1)
        #expect(count(.left, (13, 30), (14, 0)) == 5 && count(.returned, (13, 30), (14, 0)) == 5)
        #expect(count(.lost, (14, 40), (15, 0)) == 2)
        #expect(count(.intent, (16, 0), (16, 10), "pinned to node-1") == 1)
        #expect(count(.leader, (17, 10), (17, 45)) == 2)
        #expect(count(.removed, (18, 0), (18, 10)) == 1)
        #expect(count(.intent, (20, 30), (20, 40), "isolated") == 1)
        #expect(count(.lost, (22, 0), (22, 15)) == 1)
        // And nothing else moves.
        let quiet = [((3, 0), (6, 30)), ((18, 10), (20, 30)), ((23, 0), (24, 0))]
        #expect(quiet.allSatisfy { count(.moved, $0.0, $0.1) == 0 })
    }
}
