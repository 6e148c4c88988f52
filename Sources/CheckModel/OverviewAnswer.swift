import JSON
package import Platform

/// The answer to `GET /api/v1/clusterchecks/overview`: what a person sees at a glance, without any config. The page and
/// the command line show it; a follower keeps the newest one for the time in which nobody leads.
package struct OverviewAnswer: Sendable {
    /// A replica, as the leader knows it.
    package struct Replica: Sendable {
        /// Its name in the Lease.
        package let name: String
        /// `leader`, `may take over`, or `catching up`.
        package let role: String

        /// A replica.
        package init(name: String, role: String) {
            self.name = name
            self.role = role
        }
    }

    /// A node.
    package struct Node: Sendable {
        /// Its ID.
        package let id: String
        /// `runner`, `agent` or `prometheus`.
        package let kind: String
        /// Its pod, as `namespace/name`; nil if none is known.
        package let pod: String?
        /// Its IP address, if it is known.
        package let address: String?
        /// What is unusual about it, for people.
        package let conditions: [String]
        /// For how long it has been silent.
        package let silence: Duration
        /// The number of its configs.
        package let configs: Int
        /// The sum of their costs, in check instances.
        package let cost: Double
        /// How many checks it runs at a time.
        package let capacity: Int

        /// A node.
        package init(
            id: String, kind: String, pod: String?, address: String?, conditions: [String], silence: Duration,
            configs: Int, cost: Double, capacity: Int
        ) {
            self.id = id
            self.kind = kind
            self.pod = pod
            self.address = address
            self.conditions = conditions
            self.silence = silence
            self.configs = configs
            self.cost = cost
            self.capacity = capacity
        }
    }

    /// How an instance fares, worst first.
    package enum Standing: String, CaseIterable, Comparable, Sendable {
        /// It fails.
        case down
        /// No node runs it.
        case unassigned
        /// Nothing has been heard of it for three periods.
        case stale
        /// Nothing has been heard of it yet.
        case unknown
        /// It passes.
        case up

        /// The worse one is less.
        package static func < (left: Standing, right: Standing) -> Bool {
            (allCases.firstIndex(of: left) ?? 0) < (allCases.firstIndex(of: right) ?? 0)
        }
    }

    /// One check instance.
    package struct Check: Sendable {
        /// Its ID; of a config without instances, the name of the check.
        package let id: String
        /// Where its config comes from.
        package let source: String
        /// The index of its node; nil if it has none.
        package let node: Int?
        /// How it fares.
        package let standing: Standing
        /// What its agent last said; nil if it has said nothing.
        package let result: ShownResult?
        /// Why it fails, or why it has no node; empty if there is nothing to say.
        package let reason: String

        /// An instance that has a node.
        package init(id: String, source: String, node: Int, result: ShownResult?) {
            self.id = id
            self.source = source
            self.node = node
            self.result = result
            guard let result else {
                (standing, reason) = (.unknown, "")
                return
            }
            standing = result.isStale ? .stale : result.result.isUp ? .up : .down
            reason = result.result.isUp ? "" : "\(result.result.kind): \(result.result.reason)"
        }

        /// An instance that has none.
        package init(id: String, source: String, reason: String) {
            (self.id, self.source, self.reason) = (id, source, reason)
            (node, standing, result) = (nil, .unassigned, nil)
        }
    }

    /// How old an overview is, and why it is shown. A follower does not keep this part: it says it anew.
    package struct Freshness: Sendable {
        /// How old it is; zero from the leader.
        package let age: Duration
        /// Why it is the last one known; nil from the leader.
        package let reason: String?

        /// As the leader says it now.
        package static let current = Freshness(age: .zero, reason: nil)

        /// What was known of another time.
        package init(age: Duration, reason: String?) {
            self.age = age
            self.reason = reason
        }

        /// The beginning of the answer's object.
        package var encoded: [UInt8] {
            let reason = JSONValue.string(reason ?? "").encoded()
            let age = age.nanoseconds / 1_000_000
            return Array("{\"is_last_known\":\(self.reason != nil),\"age_ms\":\(age),\"reason\":".utf8) + reason
        }
    }

    /// The most problems, and entries of the history, that are listed.
    package static let (mostProblems, mostEntries) = (1_000, 500)

    /// Changes with everything that is worth another look.
    package var version = ""
    /// When it was made, by its maker's clock.
    package var time = WallTime(nanoseconds: 0)
    /// Who made it; empty if it has no name.
    package var madeBy = ""
    /// Who leads, empty if it has no name, and since when; nil if that is not known.
    package var leader: (name: String, since: WallTime)?
    /// The replicas, the leader first.
    package var replicas: [Replica] = []
    /// How much longer the leader waits before it dispatches, at most; nil once it does.
    package var remainingWarmUp: Duration?
    /// How long ago the API server last answered; nil if there is none, or it never has.
    package var apiSilence: Duration?
    /// When the certificate expires.
    package var certificateExpiry: WallTime?
    /// How many configs there are, with those that have no node, or are not placed yet.
    package var configs = 0
    /// How many endpoints checks there are.
    package var endpointsChecks = 0
    /// How many configs have no node.
    package var dangling = 0
    /// The nodes, in the order to show.
    package var nodes: [Node] = []
    /// The instances, in the order to show.
    package var checks: [Check] = []
    /// What cannot be used of annotations, files and ClusterChecks.
    package var problems: [StateAnswer.Problem] = []
    /// What happened in the last hour, the oldest first.
    package var history: [HistoryEntry] = []

    /// An empty overview.
    package init() {}

    /// The rest of the answer's object, after `Freshness.encoded`.
    package func encoded() -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(1_024 + 160 * (nodes.count + checks.count))
        let head: [(String, JSONValue)] = [
            ("version", .string(version)), ("now_ms", Self.milliseconds(time)), ("answered_by", .string(madeBy)),
            (
                "leader",
                leader.map { .object(["name": .string($0.name), "since_ms": Self.milliseconds($0.since)]) } ?? .null
            ),
            (
                "replicas",
                .array(replicas.map { .object(["name": .string($0.name), "role": .string($0.role)]) })
            ),
            ("warmup_left_s", remainingWarmUp.map { .integer(Int64($0.seconds.rounded(.up))) } ?? .null),
            ("api_contact_ms", apiSilence.map { Self.milliseconds(ago($0)) } ?? .null),
            ("certificate_expires_ms", certificateExpiry.map(Self.milliseconds) ?? .null),
            ("counts", counts), ("nodes", .array(nodes.map(Self.json))),
            ("problem_count", .integer(Int64(problems.count))),
            ("problems", .array(problems.prefix(Self.mostProblems).map(\.json))),
            ("history", .array(history.suffix(Self.mostEntries).map(\.encoded))),
        ]
        for (name, value) in head {
            output.append(",\"\(name)\":")
            output += value.encoded()
        }
        output.append(",\"checks\":[")
        for (index, check) in checks.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            append(check, to: &output)
        }
        output.append("]}")
        return output
    }

    private var counts: JSONValue {
        var standings: [Standing: Int64] = [:]
        for check in checks { standings[check.standing, default: 0] += 1 }
        func count(_ standing: Standing) -> JSONValue { .integer(standings[standing] ?? 0) }
        return .object([
            "configs": .integer(Int64(configs)), "endpoints_checks": .integer(Int64(endpointsChecks)),
            "dispatched": .integer(Int64(nodes.reduce(0) { $0 + $1.configs })),
            "dangling": .integer(Int64(dangling)), "problems": .integer(Int64(problems.count)),
            "nodes": .integer(Int64(nodes.count)), "instances": .integer(Int64(checks.count)),
            "passing": count(.up), "failing": count(.down), "stale": count(.stale), "unknown": count(.unknown),
            "unassigned": count(.unassigned),
        ])
    }

    private static func json(_ node: Node) -> JSONValue {
        func number(_ value: Double) -> JSONValue { .number("\((value * 1000).rounded() / 1000)") }
        return .object([
            "id": .string(node.id), "kind": .string(node.kind), "pod": node.pod.map { .string($0) } ?? .null,
            "address": node.address.map { .string($0) } ?? .null,
            "conditions": .array(node.conditions.map { .string($0) }),
            "silent_ms": .integer(node.silence.nanoseconds / 1_000_000), "checks": .integer(Int64(node.configs)),
            "cost": number(node.cost), "capacity": .integer(Int64(node.capacity)),
            "load": number(node.cost / Double(max(1, node.capacity))),
        ])
    }

    /// An array, since there are thousands: ID, source, node, state, since when, last success, reason, how long its
    /// last run took, in milliseconds, and when its agent said so.
    private func append(_ check: Check, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "["))
        JSONValue.encode(check.id, into: &output)
        output.append(UInt8(ascii: ","))
        JSONValue.encode(check.source, into: &output)
        output.append(",\(check.node ?? -1),\"\(check.standing.rawValue)\",")
        func append(_ milliseconds: Int64?) { output.append(milliseconds.map { "\($0)," } ?? "null,") }
        append(check.result.map { ago($0.lasted).nanoseconds / 1_000_000 })
        append(check.result?.lastSuccess.map { ago($0).nanoseconds / 1_000_000 })
        JSONValue.encode(check.reason, into: &output)
        output.append(",")
        append(check.result.map { $0.result.duration.nanoseconds / 1_000_000 })
        output.append(check.result.map { "\(ago($0.age).nanoseconds / 1_000_000)]" } ?? "null]")
    }

    private func ago(_ duration: Duration) -> WallTime {
        WallTime(nanoseconds: time.nanoseconds - duration.nanoseconds)
    }

    private static func milliseconds(_ time: WallTime) -> JSONValue { .integer(time.nanoseconds / 1_000_000) }
}
