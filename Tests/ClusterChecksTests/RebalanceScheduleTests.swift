import Testing

@testable import ClusterChecks

@Suite struct RebalanceScheduleTests {
    /// At which of these seconds, in these terms, it is due, with a period of 60 s.
    private func due(_ looks: [(term: String?, second: Double)]) -> [Double] {
        var schedule = RebalanceSchedule(period: .seconds(60))
        return looks.filter { schedule.isDue(term: $0.term, now: at($0.second)) }.map(\.second)
    }

    @Test func `a leader rebalances a period after it began to dispatch and then each period`() {
        #expect(due([(nil, 0), ("1", 100), ("1", 159), ("1", 160), ("1", 161), ("1", 221)]) == [160, 221])
    }

    @Test func `another term starts a new schedule`() {
        #expect(due([("1", 0), ("2", 60), (nil, 120), (nil, 300), ("2", 301), ("2", 360), ("2", 361)]) == [361])
    }

    @Test(arguments: [(1.0, 0.05), (600.0, 10.0), (20.0, 1.0)])
    func `the schedule is checked often enough to be on time`(period: Double, tick: Double) {
        #expect(RebalanceSchedule(period: .seconds(period)).tick == .seconds(tick))
    }
}
