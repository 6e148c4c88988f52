package import Platform

/// What keeps a handler informed of one resource, whatever its type.
package protocol ResourceWatch: Sendable {
    /// Its condition.
    var report: ResourceReport { get }

    /// Lists and watches until the task is cancelled. Call it once.
    func run() async

    /// Asks for a new whole list, although the watch is fine. The handler gets one that begins after this call, soon or
    /// when the API server works again.
    func readAnew()
}

/// How the watch of one resource fares: for readiness, liveness, metrics and conditions.
package struct ResourceReport: Sendable {
    /// The plural name, such as `services`.
    package var resource: String
    /// Whether the handler has received the whole list once. Never becomes false again.
    package var isSynced: Bool
    /// Whether the process can do without it.
    package var isOptional: Bool
    /// Why listing or watching fails now; nil when all is well. What is known stays the newest that is known.
    package var problem: KubernetesError?
    /// Whether the server has no such resource, and so no objects of it.
    package var isAbsent = false
    /// When the API server last told something about this resource; nil before it did.
    package var lastContact: Instant?
    /// When the watch last began something: a page, a watch, a pause. It is alive while this is younger than
    /// `longestAttempt`, whether the API server answers or not.
    package var lastAttempt: Instant
    /// The longest time that may lie between two attempts: twice the longest deadline of one, so that a machine that is
    /// merely slow is not taken for a loop that has stopped.
    package var longestAttempt: Duration
    /// How often listing or watching ended, by reason. `requested` is no failure: a new list was asked for.
    package var restarts: [ExactText: UInt64]
    /// The events so far, by type.
    package var events: [ExactText: UInt64]

    /// A report.
    package init(
        resource: String, isSynced: Bool, isOptional: Bool = false, problem: KubernetesError? = nil,
        lastContact: Instant? = nil, lastAttempt: Instant, longestAttempt: Duration,
        restarts: [ExactText: UInt64] = [:], events: [ExactText: UInt64] = [:]
    ) {
        self.resource = resource
        self.isSynced = isSynced
        self.isOptional = isOptional
        self.problem = problem
        self.lastContact = lastContact
        self.lastAttempt = lastAttempt
        self.longestAttempt = longestAttempt
        self.restarts = restarts
        self.events = events
    }

    /// Whether we lack the permission.
    package var isForbidden: Bool {
        if case .status(let status)? = problem { status.code == 403 } else { false }
    }

    /// Whether nothing more is to be waited for: it is synced, or it is optional and forbidden.
    package var isSettled: Bool {
        isSynced || (isOptional && isForbidden)
    }

    /// Writes the metrics of these watches, sorted by resource.
    package static func collect(_ reports: [ResourceReport], now: Instant, into writer: inout MetricsWriter) {
        let reports = reports.sorted { $0.resource < $1.resource }
        func counts(_ label: String, _ counts: (ResourceReport) -> [ExactText: UInt64]) -> [MetricsWriter.Sample] {
            reports.flatMap { report in
                counts(report).sorted { $0.key < $1.key }.map { count in
                    (["resource": report.resource, label: count.key.text], Double(count.value))
                }
            }
        }
        writer.family(
            "kubernetes_watch_synced", .gauge, help: "Whether all objects of the resource were read once.",
            reports.map { (["resource": $0.resource], $0.isSynced ? 1 : 0) })
        writer.family(
            "kubernetes_watch_last_contact_seconds", .gauge,
            help: "Seconds since the API server last told something about the resource.",
            reports.compactMap { report in
                report.lastContact.map { (["resource": report.resource], (now - $0).seconds) }
            })
        writer.family(
            "kubernetes_watch_restarts_total", .counter,
            help: "How often listing or watching the resource ended, by reason.", counts("reason", \.restarts))
        writer.family(
            "kubernetes_watch_events_total", .counter, help: "Events of the resource's watch, by type.",
            counts("type", \.events))
    }
}
