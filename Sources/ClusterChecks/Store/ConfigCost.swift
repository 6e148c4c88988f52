package import CheckModel

/// What a config costs, and how that is known.
package struct ConfigCost: Hashable, Sendable {
    /// How a cost is known.
    package enum Basis: String, CaseIterable, Sendable {
        /// Nothing is known: one for each instance.
        case instances
        /// Its author states a weight.
        case stated
        /// Other configs of the same check have been measured.
        case estimated
        /// It was measured where it runs.
        case measured
    }

    /// The cost.
    let load: Load
    /// How it is known.
    package let basis: Basis

    init(_ load: Load, _ basis: Basis) {
        self.load = load
        self.basis = basis
    }

    /// What a config costs until it is measured.
    init(of config: EncodedConfig) {
        self.init(Load(cost: config.cost), config.rules?.weight == nil ? .instances : .stated)
    }

    /// A cost as replicas tell each other.
    ///
    /// - Parameter millionths: in millionths of the cost of one usual instance.
    package init(millionths: Int64, _ basis: Basis) {
        self.init(Load(cost: Double(millionths) / 1e6), basis)
    }

    /// In millionths of the cost of one usual instance.
    package var millionths: Int64 { load.millionths }

    /// In usual instances, for people.
    package var instances: Double { Double(millionths) / 1e6 }

    /// The cost after an edit, or when the bytes become known: what was measured holds, for each instance.
    func edited(from former: EncodedConfig, to config: EncodedConfig) -> ConfigCost {
        switch basis {
        case .instances, .stated: return ConfigCost(of: config)
        case .estimated, .measured:
            guard config.rules?.weight == nil else { return ConfigCost(of: config) }
            guard former.instanceCount != config.instanceCount else { return self }
            let each = instances / Double(former.instanceCount)
            return ConfigCost(Load(cost: each * Double(config.instanceCount)), basis)
        }
    }
}

/// A config's new cost.
package struct ChangedCost: Hashable, Sendable {
    /// The config.
    package let key: ConfigKey
    /// What it costs now.
    package let cost: ConfigCost

    /// A config's new cost.
    package init(key: ConfigKey, cost: ConfigCost) {
        self.key = key
        self.cost = cost
    }
}
