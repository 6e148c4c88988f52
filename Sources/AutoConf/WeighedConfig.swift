import CheckModel

/// A config with what it counts for, which is found once: it takes a look at every value.
struct WeighedConfig: Hashable {
    let config: CheckConfig
    /// In bytes: see `ConfigLimit`.
    let bytes: Int

    init(_ config: CheckConfig) {
        self.config = config
        bytes = ConfigLimit.bytes(of: config)
    }

    /// Where it comes from.
    var key: ConfigKey { config.key }
}
