import AutoConf
import CheckModel
import Kubernetes
import Platform
import Synchronization

/// The configs that AutoConf makes from a plan's Services and ClusterChecks, by an instance of its own that gets every
/// event in order.
final class ExpectedConfigs: Sendable {
    private struct Key: Hashable {
        let number: Int
        let version: Int
    }

    private let clock: any Clock
    private let known = Mutex<[Key: [CheckConfig]]>([:])

    init(clock: any Clock) {
        self.clock = clock
    }

    /// The configs of these numbers, in these versions; sorted by number.
    func configs(_ desired: [Int: Int]) -> [CheckConfig] {
        desired.sorted { $0.key < $1.key }.flatMap { configs(Key(number: $0.key, version: $0.value)) }
    }

    private func configs(_ key: Key) -> [CheckConfig] {
        if let configs = known.withLock({ $0[key] }) { return configs }
        let desired = CollectedConfigs()
        let autoConf = AutoConf(
            options: AutoConfOptions(watchesServices: true, watchesClusterChecks: true), desired: desired,
            environment: [:], files: NoFiles(),
            clock: clock, log: Log(sink: SilentSink()))
        switch ClusterPlan.described(key.number, version: key.version) {
        case .service(let service): autoConf.handle(.applied(service))
        case .clusterCheck(let check): autoConf.handle(.applied(check))
        }
        let configs = desired.configs
        known.withLock { $0[key] = configs }
        return configs
    }
}

/// Drops every line.
private struct SilentSink: LogSink {
    func write(_ line: LogLine) {}
}
