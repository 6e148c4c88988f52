package import CheckModel

/// A number that Kubernetes may state.
package enum StatedAmount: Hashable, Sendable {
    /// It is not stated.
    case none
    /// It is this one.
    case some(Int)
    /// What is stated cannot be used: why.
    case wrong(String)

    /// The number; nil if there is none that can be used.
    var value: Int? { if case .some(let value) = self { value } else { nil } }
}

/// What a node can run: which checks, and how many at a time.
package struct NodeAbilities: Hashable, Sendable {
    /// Where a capacity is known from.
    package enum Basis: String, Sendable {
        /// Nobody says: it is the usual number of an agent's workers.
        case assumed
        /// The agent reported its workers.
        case reported
        /// A label or annotation of the Kubernetes node or of the agent's pod states it.
        case stated
    }

    /// Which checks it runs; nil for any.
    package var checks: CheckCompatibility?
    /// How many checks it runs at a time: at least 1.
    package private(set) var capacity: Int
    /// How the capacity is known.
    package private(set) var basis: Basis
    /// If it is a Prometheus, how often it fetches its targets; nil for an agent.
    package var refreshInterval: Duration?

    /// The most that any node has.
    package static let maximumCapacity = 10_000

    /// What is taken for granted of a node of which nothing is known.
    package init() {
        capacity = RunnerWorkers.assumed
        basis = .assumed
    }

    /// Abilities.
    ///
    /// - Parameters:
    ///   - stated: the capacity that Kubernetes tells; it counts before what the agent reports.
    ///   - reported: how many workers the agent has; nil if it does not say. An agent without workers counts as one
    ///     with the least capacity: it may still tell wrongly.
    ///   - refreshInterval: how often it fetches its targets, if it is a Prometheus.
    package init(checks: CheckCompatibility?, stated: Int?, reported: Int?, refreshInterval: Duration? = nil) {
        self.refreshInterval = refreshInterval
        self.checks = checks
        let known = stated ?? reported
        capacity = min(max(known ?? RunnerWorkers.assumed, 1), Self.maximumCapacity)
        basis = stated != nil ? .stated : reported != nil ? .reported : .assumed
    }
}

extension NodeAbilities {
    /// Whether there may be configs that it cannot run.
    var areRestricted: Bool { checks != nil || refreshInterval != nil }

    /// Why it cannot run a config; nil if it can.
    func obstacle(to config: EncodedConfig) -> Obstacle? {
        if checks?.runs(config.checkName) == false { return .check }
        return refreshInterval == nil || config.scrapeTargets != nil || !config.isConfirmed ? nil : .notScraped
    }
}
