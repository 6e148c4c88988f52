/// A config of the desired set, as it is kept: what is dispatched of it. What its author wrote is not kept.
package struct DesiredConfig: Sendable {
    /// What is dispatched of a config that is not dispatched as one config of the same key.
    package final class Parts: Sendable {
        /// The configs to dispatch.
        package let configs: [EncodedConfig]
        /// The configs that could not be encoded, and why.
        package let invalid: [(key: ConfigKey, error: CheckModelError)]
        /// Whether these are shards, which have keys of their own.
        package let areShards: Bool
        /// Why the config could not be sharded as requested; nil if nothing is wrong.
        package let problem: String?

        /// Parts. A config without any is not dispatched.
        package init(
            configs: [EncodedConfig] = [], invalid: [(key: ConfigKey, error: CheckModelError)] = [],
            areShards: Bool = false, problem: String? = nil
        ) {
            self.configs = configs
            self.invalid = invalid
            self.areShards = areShards
            self.problem = problem
        }
    }

    /// What is dispatched.
    package enum Form: Sendable {
        /// One config of the same key, as for most.
        case whole(EncodedConfig)
        /// Anything else.
        case parts(Parts)
    }

    /// Where it comes from.
    package let key: ConfigKey
    /// What is dispatched of it.
    package let form: Form

    /// The configs that are dispatched of it.
    package var configs: [EncodedConfig] {
        switch form {
        case .whole(let config): [config]
        case .parts(let parts): parts.configs
        }
    }

    /// A config.
    package init(key: ConfigKey, form: Form) {
        self.key = key
        self.form = form
    }
}

extension DesiredConfig.Form {
    /// Whether both are dispatched alike.
    func isSame(as other: DesiredConfig.Form) -> Bool {
        switch (self, other) {
        case (.whole(let left), .whole(let right)): left.isSame(as: right)
        case (.parts(let left), .parts(let right)):
            left.areShards == right.areShards && left.problem == right.problem
                && left.configs.elementsEqual(right.configs) { $0.isSame(as: $1) }
                && left.invalid.elementsEqual(right.invalid) { $0 == $1 }
        default: false
        }
    }
}

extension EncodedConfig {
    /// Whether both are the same version of the same config: everything else follows from what is compared.
    fileprivate func isSame(as other: EncodedConfig) -> Bool {
        key == other.key && digest == other.digest && wire == other.wire && handOver == other.handOver
            && rules == other.rules
    }
}

/// Receives the configs that sources find.
package protocol ConfigSink: Sendable {
    /// Adds or replaces `upserts`, removes `removals`, and, when they are given, sets whether every source has been
    /// read once, and when the sources were read: nothing of those readings is missing then.
    ///
    /// - Parameters:
    ///   - suspended: those that are kept, but not wanted for now. They may be among the upserts.
    ///   - resumed: those of them that are wanted again, unless an upsert says so.
    func apply(
        upserts: [CheckConfig], removals: [ConfigKey], suspended: [ConfigKey], resumed: [ConfigKey], synced: Bool?,
        readings: SourceReadings?)
}
