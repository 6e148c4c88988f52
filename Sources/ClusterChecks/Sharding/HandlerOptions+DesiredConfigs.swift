package import CheckModel
import Platform

extension HandlerOptions {
    /// What is dispatched of a config: its shards, or the config itself, patched and encoded. Only cluster checks that
    /// are not excluded are dispatched. A pure function.
    package func form(of config: CheckConfig) -> DesiredConfig.Form {
        guard config.clusterCheck, !excludedChecks.contains(config.checkName) else {
            return .parts(DesiredConfig.Parts())
        }
        let outcome = Sharding(sharding).shards(of: config)
        let areShards = !outcome.shards.isEmpty
        var configs: [EncodedConfig] = []
        var invalid: [(key: ConfigKey, error: CheckModelError)] = []
        for part in areShards ? outcome.shards : [config] {
            do throws(CheckModelError) {
                configs.append(try patch.encode(part))
            } catch {
                invalid.append((part.key, error))
            }
        }
        if !areShards, outcome.problem == nil, let whole = configs.first { return .whole(whole) }
        return .parts(
            DesiredConfig.Parts(configs: configs, invalid: invalid, areShards: areShards, problem: outcome.problem))
    }
}

extension DesiredConfigs {
    /// An empty set, not synced, for a Handler with these options.
    package convenience init(for options: HandlerOptions) {
        self.init { options.form(of: $0) }
    }
}
