import CheckModel
import Platform

/// The results of one instance's runs.
struct CheckRecord: Sendable {
    /// A change from up to down or back, for the log.
    enum Transition: Sendable, Equatable {
        /// The first failure after a success, or of the first run.
        case failing(CheckFailure)
        /// The first success after so many failures in a row.
        case recovered(failures: Int)
    }

    let id: String
    let checkName: String
    let labels: CheckLabels
    /// How many runs have ended.
    private(set) var runs = 0
    /// How many of them failed, by kind.
    private(set) var failures: [CheckFailure.Kind: Int] = [:]
    /// Why the last run failed; nil if it succeeded, or before the first.
    private(set) var lastFailure: CheckFailure?
    private(set) var lastDuration: Duration = .zero
    /// How many samples the last run read.
    private(set) var lastSamples = 0
    /// How long the server's certificate was still valid in the last run, in seconds; nil if it was not judged.
    private(set) var secondsToExpiry: Int64?
    /// How many samples all runs read.
    private(set) var totalSamples = 0
    /// When the last run ended.
    private(set) var lastExecution: WallTime?
    /// When the last successful run ended.
    private(set) var lastSuccess: WallTime?

    /// Since when it has been up, or down; nil before the first run.
    private(set) var since: Instant?
    /// When the last successful run ended, by the clock by which runs are scheduled.
    private(set) var succeededAt: Instant?

    private var failuresInARow = 0
    private var recentDurations: [Duration] = []
    /// The number that upstream averages over.
    private static let durationsKept = 32

    /// - Parameter instance: its text.
    init(id: String, checkName: String, instance: [UInt8] = []) {
        self.id = id
        self.checkName = checkName
        labels = CheckLabels(instance)
    }

    /// Whether the last run succeeded, and the next one was not starved; nil before the first.
    var isUp: Bool? {
        runs == 0 && lastFailure == nil ? nil : lastFailure == nil
    }

    /// How many runs failed, of all kinds.
    var totalFailures: Int {
        failures.values.reduce(0, +)
    }

    /// The mean duration of the last 32 runs.
    var averageDuration: Duration {
        recentDurations.isEmpty ? .zero : recentDurations.reduce(.zero, +) / recentDurations.count
    }

    /// Adds the outcome of a run that ended at `now`.
    mutating func add(
        _ outcome: CheckOutcome, duration: Duration, at time: WallTime, now: Instant
    ) -> Transition? {
        let wasUp = isUp
        defer { if isUp != wasUp { since = now } }
        runs += 1
        lastDuration = duration
        lastExecution = time
        if recentDurations.count == Self.durationsKept { recentDurations.removeFirst() }
        recentDurations.append(duration)
        switch outcome {
        case .success(let success):
            let failed = failuresInARow
            (lastFailure, failuresInARow, lastSuccess, succeededAt) = (nil, 0, time, now)
            secondsToExpiry = success.secondsToExpiry
            lastSamples = success.samples
            totalSamples += success.samples
            return failed > 0 ? .recovered(failures: failed) : nil
        case .failure(let failure):
            lastSamples = 0
            secondsToExpiry = failure.secondsToExpiry
            return count(failure)
        }
    }

    /// Notes a failure that is no run: the instance was due and could not be started.
    mutating func fail(_ failure: CheckFailure, now: Instant) -> Transition? {
        if isUp != false { since = now }
        return count(failure)
    }

    private mutating func count(_ failure: CheckFailure) -> Transition? {
        let isNew = failuresInARow == 0
        failures[failure.kind, default: 0] += 1
        failuresInARow += 1
        lastFailure = failure
        return isNew ? .failing(failure) : nil
    }
}
