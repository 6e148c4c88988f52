package import Platform

/// What is known of one instance's runs.
package struct CheckRecord: Sendable {
    /// A change from up to down or back, for the log.
    enum Transition: Sendable, Equatable {
        /// It ran well before, or never ran.
        case failing(CheckFailure)
        /// It had failed so often in a row.
        case recovered(failures: Int)
    }

    /// The check ID.
    package let id: String
    /// The check's name.
    package let checkName: String
    /// Runs that have ended.
    package private(set) var runs = 0
    /// Failed ones, by kind.
    package private(set) var failures: [CheckFailure.Kind: Int] = [:]
    /// Why the last run failed; nil when it did not, or there was none.
    package private(set) var lastFailure: CheckFailure?
    /// How long the last run took.
    package private(set) var lastDuration: Duration = .zero
    /// Samples of the last run.
    package private(set) var lastSamples = 0
    /// Samples of all runs.
    package private(set) var totalSamples = 0
    /// When the last run ended; nil before.
    package private(set) var lastExecution: WallTime?
    /// When the last good run ended; nil before.
    package private(set) var lastSuccess: WallTime?

    private var failuresInARow = 0
    private var recentDurations: [Duration] = []
    /// As many as upstream averages over.
    private static let durationsKept = 32

    init(id: String, checkName: String) {
        self.id = id
        self.checkName = checkName
    }

    /// Whether the last run succeeded; nil before the first.
    package var isUp: Bool? {
        runs == 0 ? nil : lastFailure == nil
    }

    /// Failed runs of all kinds.
    package var totalFailures: Int {
        failures.values.reduce(0, +)
    }

    /// The mean of the last 32 runs.
    package var averageDuration: Duration {
        recentDurations.isEmpty ? .zero : recentDurations.reduce(.zero, +) / recentDurations.count
    }

    mutating func add(_ outcome: CheckOutcome, duration: Duration, at time: WallTime) -> Transition? {
        runs += 1
        lastDuration = duration
        lastExecution = time
        if recentDurations.count == Self.durationsKept { recentDurations.removeFirst() }
        recentDurations.append(duration)
        switch outcome {
        case .success(let success):
            let failed = failuresInARow
            (lastFailure, failuresInARow, lastSuccess) = (nil, 0, time)
            lastSamples = success.samples
            totalSamples += success.samples
            return failed > 0 ? .recovered(failures: failed) : nil
        case .failure(let failure):
            let isNew = failuresInARow == 0
            failures[failure.kind, default: 0] += 1
            failuresInARow += 1
            lastFailure = failure
            lastSamples = 0
            return isNew ? .failing(failure) : nil
        }
    }
}
