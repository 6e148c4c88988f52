import Platform

/// Why calls that waited were answered.
struct LongPollCounters: Sendable {
    enum Reason: String, CaseIterable, Sendable {
        /// The node's configs changed: what the call waited for.
        case change
        /// The leader was asked, and nothing had changed. It must not happen.
        case spurious
        /// The wait was over.
        case time
        /// The term ended, the leader changed or could not be reached, or this replica stopped.
        case term
    }

    private let change = Counter()
    private let spurious = Counter()
    private let time = Counter()
    private let term = Counter()

    func ended(_ reason: Reason, _ count: Int = 1) {
        counter(reason).add(UInt64(count))
    }

    func collect(waiting: Int, followers: Int, into writer: inout MetricsWriter) {
        writer.family(
            "cluster_checks_waiting", .gauge, help: "Calls for configs that wait for a change.",
            [([:], Double(waiting))])
        writer.family(
            "cluster_checks_followers", .gauge, help: "Replicas that wait here for changes of any node.",
            [([:], Double(followers))])
        writer.family(
            "cluster_checks_waits_ended_total", .counter,
            help: "Calls for configs that waited, by the reason for which they were answered.",
            Reason.allCases.map { (["reason": $0.rawValue], Double(counter($0).value)) })
    }

    private func counter(_ reason: Reason) -> Counter {
        switch reason {
        case .change: change
        case .spurious: spurious
        case .time: time
        case .term: term
        }
    }
}
