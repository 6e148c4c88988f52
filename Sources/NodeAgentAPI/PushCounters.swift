import Platform

/// Why calls that waited wait no more.
struct PushCounters: Sendable {
    enum Reason: String, CaseIterable, Sendable {
        /// The configs changed: what the wait was for.
        case change
        /// It was looked after, and there was nothing new: must not happen.
        case spurious
        /// The time that it would wait was over.
        case time
        /// The term ended, the leader changed or was out of reach, or this replica stopped.
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
            help: "Calls for configs that waited, and why they wait no more.",
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
