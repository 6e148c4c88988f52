/// How much of their workers' time runners need, and the choice among them.
package struct Distribution: Sendable {
    /// A runner and what is placed on it.
    package struct Runner: Sendable {
        /// The node's id.
        package let id: String
        /// How many checks it runs at a time.
        package let workers: Int
        /// Whether more may be placed on it.
        package let receives: Bool
        /// How many of its workers what it runs keeps busy all the time.
        package fileprivate(set) var used = 0.0
        /// How many instances it runs.
        package fileprivate(set) var instances = 0

        /// A runner that runs nothing. One without workers gets nothing, as it would be idle whatever it got.
        package init(id: String, workers: Int, receives: Bool = true) {
            self.id = id
            self.workers = workers
            self.receives = receives && workers > 0
        }

        /// The share of its workers' time that is used; more than 1 if they cannot keep up. 0 without workers.
        package var utilization: Double { workers > 0 ? used / Double(workers) : 0 }
    }

    /// The runners, in the order given: sort them by id.
    package private(set) var runners: [Runner]

    /// A runner above this utilization is a busy one.
    private static let highUtilization = 0.8

    /// Runners that run nothing yet.
    package init(_ runners: [Runner]) {
        self.runners = runners
    }

    /// Places instances that need so many workers on a runner.
    package mutating func place(need: Double, instances: Int, on runner: Int) {
        runners[runner].used += need
        runners[runner].instances += instances
    }

    /// The least utilized runner that may get more, or the present one of what is to be placed; nil if there is none.
    ///
    /// Of equals the present one is taken, then the one with the fewest instances, then the first. The present one counts as less utilized by `bias`.
    package func leastUtilized(present: Int?, bias: Double = 0) -> Int? {
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
    package var deviation: Double {
        guard !runners.isEmpty else { return 0 }
        let mean = runners.reduce(0) { $0 + $1.utilization } / Double(runners.count)
        let squares = runners.reduce(0) { $0 + ($1.utilization - mean) * ($1.utilization - mean) }
        return (squares / Double(runners.count)).squareRoot()
    }

    /// How many runners are highly utilized.
    package var busyCount: Int { runners.count { $0.utilization > Self.highUtilization } }

    /// How many runners run no instance.
    package var emptyCount: Int { runners.count { $0.instances == 0 } }
}
