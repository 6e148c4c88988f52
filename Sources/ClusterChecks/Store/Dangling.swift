package import CheckModel

extension ClusterStore {
    /// A config that no node runs, and why.
    package struct Dangling: Sendable {
        /// The config.
        package internal(set) var config: EncodedConfig
        /// What it costs.
        package internal(set) var cost: ConfigCost
        /// Why no node runs it.
        package private(set) var reason: DanglingReason
        /// The version of the store since which no node has run it, though nobody paused it.
        package private(set) var since: UInt64

        init(config: EncodedConfig, cost: ConfigCost, reason: DanglingReason, since: UInt64) {
            self.config = config
            self.cost = cost
            self.reason = reason
            self.since = since
        }

        /// Gives another reason, in this version of the store.
        ///
        /// - Returns: whether it dangles only since then: what was paused had no node on purpose.
        mutating func change(to reason: DanglingReason, at version: UInt64) -> Bool {
            defer { self.reason = reason }
            guard self.reason == .paused, reason != .paused else { return false }
            since = version
            return true
        }
    }
}
