import CheckModel
import JSON
import Platform
import Testing

@testable import ClusterChecks

/// What a row of a table says of one config: its check, and the average times of its instances in milliseconds.
struct Row: Sendable {
    var name: String
    var check = "http_check"
    var times: [Int64]
    var samples: Int64 = 10
    var hasFailed = false

    init(_ name: String, check: String = "http_check", _ times: [Int64], samples: Int64 = 10, hasFailed: Bool = false) {
        (self.name, self.check, self.times) = (name, check, times)
        (self.samples, self.hasFailed) = (samples, hasFailed)
    }

    func config() throws -> EncodedConfig {
        let instances = times.indices.map { JSONValue.object(["url": .string("http://\(name)/\($0)")]) }
        return try ConfigPatch().encode(
            CheckConfig(
                key: ConfigKey(source: "test:\(name)", check: check, index: 0), checkName: check, instances: instances))
    }

    /// The statistics of its instances.
    func stats(_ config: EncodedConfig) -> [ExactText: RunnerStats] {
        var stats: [ExactText: RunnerStats] = [:]
        for (checkID, time) in zip(config.instanceIDs, times) {
            var measured = RunnerStats()
            (measured.averageExecutionTime, measured.metricSamples, measured.lastExecFailed) = (
                time, samples, hasFailed
            )
            stats[checkID] = measured
        }
        return stats
    }
}

/// A node that runs `rows`, and `foreign` beside them: checks that are none of the cluster's.
func measuredNode(
    _ id: String, _ rows: [Row], foreign: [Row] = [], workers: Int = 4, receives: Bool = true
) throws -> MeasuredNode {
    var checks: [ExactText: RunnerStats] = [:]
    var configs: [EncodedConfig] = []
    for row in rows {
        let config = try row.config()
        configs.append(config)
        checks.merge(row.stats(config)) { $1 }
    }
    for row in foreign { checks.merge(row.stats(try row.config())) { $1 } }
    return MeasuredNode(
        id: id, statistics: NodeStatistics(workers: workers, checks: checks), configs: configs, receives: receives)
}

extension RebalanceMove {
    /// `A→B name`, the name being that of its row.
    var text: String {
        "\(source)→\(destination) \(config.key.source.dropFirst("test:".count))"
    }
}

extension UpstreamMove {
    /// The same of upstream's.
    var text: String {
        "\(source)→\(destination) \(config.key.source.dropFirst("test:".count))"
    }
}

/// The deviation of the nodes' utilizations by all that is measured of their configs.
func deviation(_ nodes: [MeasuredNode]) -> Double {
    var distribution = Distribution(
        nodes.map { Distribution.Runner(id: $0.id, workers: $0.statistics.workers, receives: $0.receives) })
    for (index, node) in nodes.enumerated() {
        for config in node.configs {
            let measured = config.instanceIDs.compactMap { node.statistics.checks[$0] }
            let need = measured.reduce(0) { $0 + min(1, Double($1.averageExecutionTime) / 15_000) }
            distribution.place(need: need, instances: measured.count, on: index)
        }
    }
    return distribution.deviation
}

/// The nodes after the moves, statistics moved along.
func apply(_ moves: [UpstreamMove], to nodes: [MeasuredNode]) -> [MeasuredNode] {
    var configs = Dictionary(uniqueKeysWithValues: nodes.map { ($0.id, $0.configs) })
    var statistics = Dictionary(uniqueKeysWithValues: nodes.map { ($0.id, $0.statistics) })
    for move in moves {
        configs[move.source]?.removeAll { $0.key == move.config.key }
        configs[move.destination]?.append(move.config)
        for checkID in move.config.instanceIDs {
            let stats = statistics[move.source]?.checks.removeValue(forKey: checkID)
            statistics[move.destination]?.checks[checkID] = stats
        }
    }
    return nodes.map {
        MeasuredNode(
            id: $0.id, statistics: statistics[$0.id] ?? $0.statistics, configs: configs[$0.id] ?? [],
            receives: $0.receives)
    }
}
