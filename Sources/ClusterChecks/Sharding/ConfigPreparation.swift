package import CheckModel

extension HandlerOptions {
    /// What is dispatched of a config, patched and encoded: itself, or its parts; nothing of what is no cluster check, or excluded. A pure function.
    package func prepare(_ config: CheckConfig) -> DesiredConfig.Form {
        guard config.clusterCheck, !excludedChecks.contains(config.checkName) else {
            return .parts(DesiredConfig.Parts())
        }
        let outcome = Sharding(sharding).shards(of: config)
        let isSharded = !outcome.shards.isEmpty
        var configs: [EncodedConfig] = []
        var rejected: [(key: ConfigKey, error: CheckModelError)] = []
        for part in isSharded ? outcome.shards : [config] {
            do throws(CheckModelError) {
                configs.append(try patch.encode(part))
            } catch {
                rejected.append((part.key, error))
            }
        }
        if !isSharded, outcome.problem == nil, let whole = configs.first { return .whole(whole) }
        return .parts(
            DesiredConfig.Parts(configs: configs, rejected: rejected, isSharded: isSharded, problem: outcome.problem))
    }
}

extension DesiredConfigs {
    /// An empty set, not synced, of what a Handler with these options dispatches.
    package convenience init(for options: HandlerOptions) {
        self.init { options.prepare($0) }
    }
}
