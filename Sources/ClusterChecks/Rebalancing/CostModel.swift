import CheckModel
import Platform

/// What configs cost, from the statistics of those who run them.
///
/// A cost is counted in usual instances, so that configs of which nothing is known, those of agents that give no
/// statistics, and measured ones are in one unit: what is unknown counts as usual. It is smoothed, and changes only
/// where it differs by a tenth, so that a check that is slow once moves nothing.
struct CostModel: Sendable {
    /// How much a new measurement counts against all before it (an exponentially weighted moving average).
    private static let newness = 0.3
    /// The least relative change that is worth telling.
    private static let threshold = 0.1
    /// By what factor the usual instance may change before costs are counted anew.
    private static let drift = 2.0

    /// What the usual instance keeps busy: of a worker's time, or in the older unit of busyness.
    let unit: Double?
    /// What an instance of each check costs on average, in usual ones.
    private let ofCheck: [ExactText: Double]
    /// What changes.
    let changes: [ChangedCost]

    /// What is known before anything has been measured.
    init() {
        (unit, ofCheck, changes) = (nil, [:], [])
    }

    /// What the nodes of a view measured.
    init(_ view: Dispatcher.View, _ options: RebalancingOptions) {
        var needs: [(slot: Int, index: Int, need: Double)] = []
        var ofCheck: [ExactText: (need: Double, instances: Int)] = [:]
        for slot in view.slots {
            guard let statistics = view.statistics[slot] else { continue }
            for (index, config) in view.nodes[slot].configs.enumerated() {
                let measured = config.instanceIDs.compactMap { statistics.checks[$0]?.need(of: config, options) }
                guard !measured.isEmpty else { continue }
                // Instances that have not finished a run count as the others of their config.
                let each = measured.reduce(0, +) / Double(measured.count)
                needs.append((slot, index, each * Double(config.instanceCount)))
                let known = ofCheck[ExactText(config.checkName)] ?? (0, 0)
                ofCheck[ExactText(config.checkName)] = (
                    known.need + each * Double(config.instanceCount), known.instances + config.instanceCount
                )
            }
        }
        // In an order of its own, as sums of floating-point numbers depend on it.
        let total = ofCheck.sorted { $0.key < $1.key }.map(\.value).reduce((need: 0.0, instances: 0)) {
            ($0.need + $1.need, $0.instances + $1.instances)
        }
        let former = view.workersPerInstance
        guard total.instances > 0, total.need > 0 else {
            (unit, self.ofCheck, changes) = (former, [:], [])
            return
        }
        let usual = total.need / Double(total.instances)
        let isKept = former.map { (1 / Self.drift...Self.drift).contains(usual / $0) } ?? false
        let unit = isKept ? former ?? usual : usual
        self.unit = unit
        self.ofCheck = ofCheck.mapValues { $0.need / Double($0.instances) / unit }
        var changes = Self.measured(needs, view, unit)
        let keys = Set(changes.map(\.key))
        changes += Self.estimated(self.ofCheck, view).filter { !keys.contains($0.key) }
        self.changes = changes.sorted { $0.key < $1.key }
    }

    /// What a new config costs; nil if nothing better is known than that it has so many instances.
    func estimate(_ config: EncodedConfig) -> ConfigCost? {
        Self.estimate(config, ofCheck)
    }

    private static func estimate(_ config: EncodedConfig, _ ofCheck: [ExactText: Double]) -> ConfigCost? {
        // Before anything has been measured not even the name is hashed.
        guard !ofCheck.isEmpty, config.rules?.weight == nil, let each = ofCheck[ExactText(config.checkName)] else {
            return nil
        }
        return ConfigCost(Load(cost: each * Double(config.instanceCount)), .estimated)
    }

    private static func measured(
        _ needs: [(slot: Int, index: Int, need: Double)], _ view: Dispatcher.View, _ unit: Double
    ) -> [ChangedCost] {
        let rescaling = (view.workersPerInstance ?? unit) / unit
        return needs.compactMap { slot, index, need in
            let (config, cost) = (view.nodes[slot].configs[index], view.nodes[slot].costs[index])
            guard config.rules?.weight == nil else { return nil }
            let (former, now) = (cost.instances * rescaling, need / unit)
            guard cost.basis == .measured else { return ChangedCost(config, now, .measured) }
            // In another unit all are told anew.
            guard differs(now, from: former) || rescaling != 1 else { return nil }
            return ChangedCost(config, former + (now - former) * newness, .measured)
        }
    }

    /// The configs that nobody has measured where they run, although others of their check have been.
    private static func estimated(_ ofCheck: [ExactText: Double], _ view: Dispatcher.View) -> [ChangedCost] {
        let placed = view.slots.flatMap { slot in
            zip(view.nodes[slot].configs, view.nodes[slot].costs).map { (config: $0, cost: $1) }
        }
        let all = placed + view.dangling.map { (config: $0.config, cost: $0.cost) }
        return all.compactMap { config, cost in
            guard cost.basis == .instances || cost.basis == .estimated, let new = estimate(config, ofCheck),
                new.basis != cost.basis || differs(new.instances, from: cost.instances)
            else { return nil }
            return ChangedCost(key: config.key, cost: new)
        }
    }

    private static func differs(_ now: Double, from former: Double) -> Bool { abs(now - former) > former * threshold }
}

extension ChangedCost {
    fileprivate init(_ config: EncodedConfig, _ instances: Double, _ basis: ConfigCost.Basis) {
        self.init(key: config.key, cost: ConfigCost(Load(cost: instances), basis))
    }
}

extension RunnerStats {
    /// What an instance keeps busy; nil if its last run failed or none has finished: what was known of it holds.
    fileprivate func need(of config: EncodedConfig, _ options: RebalancingOptions) -> Double? {
        guard !lastExecFailed else { return nil }
        guard options.usesUtilization else {
            let weight = weight(options.weights)
            return weight > 0 ? Double(weight) : nil
        }
        guard averageExecutionTime > 0 else { return nil }
        return min(1, Double(averageExecutionTime) / (config.collectionInterval / .milliseconds(1)))
    }
}
