import Platform

/// What the metrics of an election say at one moment.
struct ElectionReading {
    private let secondsLeft: Double?
    private let slowRenewals: UInt64
    private let record: LeaseSpec?
    private let renewals: Histogram

    /// Reads `election` at `now`.
    init(_ election: Election, renewals: Histogram, now: Instant) {
        secondsLeft = election.held.flatMap { now < $0.validUntil ? ($0.validUntil - now).seconds : nil }
        slowRenewals = election.slowRenewals
        record = election.observedRecord
        self.renewals = renewals
    }

    /// Writes the families. The first two have client-go's names; `leader_election_is_leader` is Datadog's, with its
    /// one sample that other metrics are joined with.
    func write(name: String, into page: inout MetricsWriter) {
        page.family(
            "leader_election_master_status", .gauge, help: "Whether this replica leads by the named Lease (0 or 1).",
            [(["name": name], secondsLeft == nil ? 0 : 1)])
        page.family(
            "leader_election_slowpath_total", .counter,
            help: "Renewals that had to read the Lease because updating it without reading failed.",
            [(["name": name], Double(slowRenewals))])
        page.family(
            "leader_election_is_leader", .gauge, help: "Always 1; the label is_leader says whether this replica leads.",
            [(["join_leader": "true", "is_leader": secondsLeft == nil ? "false" : "true"], 1)])
        page.family(
            "leader_election_deadline_seconds", .gauge,
            help: "Seconds until the term of this replica ends unless it is renewed; 0 when it does not lead.",
            [(["name": name], secondsLeft ?? 0)])
        page.histogram(
            "leader_election_renew_duration_seconds", help: "How long the successful renewals of this replica took.",
            [(["name": name], renewals)])
        guard let record else { return }
        page.family(
            "leader_election_transitions", .gauge, help: "How often the Lease changed hands, as it says itself.",
            [(["name": name], Double(record.leaseTransitions ?? 0))])
        page.family(
            "leader_election_holder_info", .gauge,
            help: "Always 1; the label holder is the last holder of the Lease that was seen, empty for none.",
            [(["name": name, "holder": record.holder], 1)])
    }
}
