/// A config of the desired set, in the form in which it is kept: what is to be dispatched of it. What its author wrote is let go of once that is made.
package struct DesiredConfig: Sendable {
    /// What is dispatched of a config that is not dispatched as it is.
    package final class Parts: Sendable {
        /// The parts, ready to be dispatched.
        package let configs: [EncodedConfig]
        /// The parts that cannot be dispatched, and why.
        package let rejected: [(key: ConfigKey, error: CheckModelError)]
        /// Whether the config was taken apart, so that the keys of its parts are not its own.
        package let isSharded: Bool
        /// Why it was not taken apart as it should be; nil if all is well.
        package let problem: String?

        /// Parts; none and nothing rejected is a config that is not dispatched.
        package init(
            configs: [EncodedConfig] = [], rejected: [(key: ConfigKey, error: CheckModelError)] = [],
            isSharded: Bool = false, problem: String? = nil
        ) {
            self.configs = configs
            self.rejected = rejected
            self.isSharded = isSharded
            self.problem = problem
        }
    }

    /// What is dispatched.
    package enum Form: Sendable {
        /// One config of the same key, as most are.
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
    /// Whether both mean the same to whoever dispatches.
    func isSame(as other: DesiredConfig.Form) -> Bool {
        switch (self, other) {
        case (.whole(let left), .whole(let right)): left.isSame(as: right)
        case (.parts(let left), .parts(let right)):
            left.isSharded == right.isSharded && left.problem == right.problem
                && left.configs.elementsEqual(right.configs) { $0.isSame(as: $1) }
                && left.rejected.elementsEqual(right.rejected) { $0 == $1 }
        default: false
        }
    }
}

extension EncodedConfig {
    /// Whether both are the same version of the same config. All that is known of a config follows from this.
    fileprivate func isSame(as other: EncodedConfig) -> Bool {
        key == other.key && digest == other.digest && wire == other.wire
    }
}

/// Takes the configs that a source found.
package protocol ConfigSink: Sendable {
    /// Adds or replaces `upserts`, removes `removals`, and, when `synced` is given, sets whether every source has been read once.
    func apply(upserts: [CheckConfig], removals: [ConfigKey], synced: Bool?)
}
