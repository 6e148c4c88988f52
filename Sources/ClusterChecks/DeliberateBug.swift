/// A mistake that a test makes on purpose, to see that the simulation finds it. Release builds have none.
package enum DeliberateBug: String, CaseIterable, Sendable {
    /// Agents are told what followers have not acknowledged.
    case tellUnacknowledged
    /// Agents are told as soon as a follower is to be struck off, before the Lease says so.
    case tellBeforeStrike
    /// The Lease names followers that lag.
    case nameLaggards
    /// A mirror is adopted although the Lease does not name this replica.
    case adoptUnnamed
    /// A follower's mirror misses what Kubernetes says of nodes.
    case missConditions
    /// An adoption forgets what is being handed over.
    case forgetHandOvers
    /// An adoption forgets what operators want.
    case forgetIntent
    /// Remaining times begin anew with the term that adopts them.
    case restartDeadlines
    /// A node lets go of a config as soon as that moves, and the new one is told at once, exclusive or not.
    case letGoAtOnce
    /// What an agent was told before proves what it was told since.
    case confirmUnseen
    /// An adoption forgets the configs that this replica's sources do not have.
    case loseUnconfirmed
    /// After an adoption, what this replica's sources say counts before they have been read anew.
    case settleAtOnce
    /// Nodes get configs before they have been heard in the term that adopted them.
    case placeOnAwaited
}

/// The mistake that is switched on, if any.
package struct DeliberateBugs: Sendable {
    #if DEBUG
        /// The mistake; nil for none.
        package var bug: DeliberateBug?
    #endif

    /// No mistake.
    package init() {}

    /// Whether to make a mistake.
    @inlinable package func has(_ bug: DeliberateBug) -> Bool {
        #if DEBUG
            return self.bug == bug
        #else
            return false
        #endif
    }
}
