import CheckModel
import Platform

@testable import ClusterChecks

/// The utilization of runners, and the choice among them.
struct Distribution: Sendable {
    /// A runner and what is placed on it.
    struct Runner: Sendable {
        /// The node ID.
        let id: String
        /// How many checks it runs at a time.
        let workers: Int
        /// Whether more may be placed on it.
        let receives: Bool
        /// How many of its workers are busy all the time.
        fileprivate(set) var used = 0.0
        /// How many instances it runs.
        fileprivate(set) var instances = 0

        /// A runner that runs nothing. One without workers gets nothing: its utilization would stay 0 whatever it got.
        init(id: String, workers: Int, receives: Bool = true) {
            self.id = id
            self.workers = workers
            self.receives = receives && workers > 0
        }

        /// The share of its workers' time that is used, which exceeds 1 if they cannot keep up; 0 without workers.
        var utilization: Double { workers > 0 ? used / Double(workers) : 0 }
    }

    /// The runners in the order given, which should be by ID.
    private(set) var runners: [Runner]

    /// The utilization above which a runner counts as busy.
    private static let highUtilization = 0.8

    init(_ runners: [Runner]) {
        self.runners = runners
    }

    /// Places instances that need this many workers on a runner.
    mutating func place(need: Double, instances: Int, on runner: Int) {
        runners[runner].used += need
        runners[runner].instances += instances
    }

    /// The least utilized runner among the present one and those that may get more; nil if there is none.
    ///
    /// Ties go to the present one, then to the one with the fewest instances, then to the first. The utilization of the
    /// present one counts as lower by `bias`.
    func leastUtilized(present: Int?, bias: Double = 0) -> Int? {
        var best: (runner: Int, score: Double)?
        for (index, runner) in runners.enumerated() where runner.receives || index == present {
            let score = runner.utilization - (index == present ? bias : 0)
            guard let found = best else {
                best = (index, score)
                continue
            }
            let isBetter =
                score != found.score
                ? score < found.score
                : index == present || found.runner != present && runner.instances < runners[found.runner].instances
            if isBetter { best = (index, score) }
        }
        return best?.runner
    }

    /// The population standard deviation of the runners' utilizations.
    var deviation: Double {
        guard !runners.isEmpty else { return 0 }
        let mean = runners.reduce(0) { $0 + $1.utilization } / Double(runners.count)
        let squares = runners.reduce(0) { $0 + ($1.utilization - mean) * ($1.utilization - mean) }
        return (squares / Double(runners.count)).squareRoot()
    }

    /// The number of busy runners.
    var busyCount: Int { runners.count { $0.utilization > Self.highUtilization } }

    /// The number of runners without instances.
    var emptyCount: Int { runners.count { $0.instances == 0 } }
}
