import CheckModel
import Platform

/// Why a node may not run a config.
enum Obstacle: Hashable, Comparable, Sendable {
    /// Its agent does not run this check.
    case check
    /// It is a Prometheus, which cannot be told all that the config asks for, or be trusted to stop it in time.
    case notScraped
    /// The config is pinned to another one.
    case pin
    /// Its Kubernetes node lacks a label that the config selects by.
    case labels
    /// Its Kubernetes node is in another zone.
    case zone
    /// Nobody here knows its Kubernetes node, which the config selects by.
    case unknown
    /// An operator pinned the config to another one.
    case operatorsPin
    /// It has a check that an operator wants to be alone there.
    case reserved
    /// An operator paused the config.
    case paused
}

extension Obstacle {
    /// The obstacle in words: of all nodes, or after their number.
    func words(_ config: EncodedConfig, isAll: Bool) -> String {
        switch self {
        case .check: isAll ? "no node-agent runs \(config.checkName)" : "do not run \(config.checkName)"
        case .notScraped:
            isAll
                ? "only Prometheus servers report, and \(config.whyNotScraped ?? "none may run it")"
                : "are Prometheus servers, and \(config.whyNotScraped ?? "none may run it")"
        case .pin:
            isAll
                ? "the node \(config.rules?.pin.text ?? ""), to which it is pinned, does not report"
                : "are not the node to which it is pinned"
        case .labels:
            isAll
                ? "no Kubernetes node of a node-agent has the labels \(selector(config))"
                : "lack the labels \(selector(config))"
        case .zone: isAll ? "no node-agent is in \(zones(config))" : "are not in \(zones(config))"
        case .operatorsPin:
            isAll
                ? "the node to which an operator pinned it does not report"
                : "are not the one to which an operator pinned it"
        case .reserved: isAll ? "every node has a check that is isolated there" : "have an isolated check"
        case .paused: "an operator paused it"
        case .unknown:
            isAll ? "the Kubernetes nodes of the node-agents are not known" : "have no known Kubernetes node"
        }
    }

    /// The obstacle of one node, in words.
    func words(_ config: EncodedConfig) -> String {
        switch self {
        case .check: "its agent does not run \(config.checkName)"
        case .notScraped: "it is a Prometheus, and \(config.whyNotScraped ?? "none may run the check")"
        case .pin: "the check is pinned to \(config.rules?.pin.text ?? "")"
        case .labels: "its Kubernetes node lacks the labels \(selector(config))"
        case .zone: "its Kubernetes node is not in \(zones(config))"
        case .operatorsPin: "an operator pinned the check to another one"
        case .reserved: "it has a check that is isolated there"
        case .paused: "an operator paused the check"
        case .unknown: "its Kubernetes node is not known"
        }
    }

    private func selector(_ config: EncodedConfig) -> String {
        (config.rules?.nodeSelector ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key.text)=\($0.value.text)" }
            .joined(separator: ",")
    }

    private func zones(_ config: EncodedConfig) -> String {
        let zones = (config.rules?.zones ?? []).map(\.text)
        return zones.count == 1 ? "the zone \(zones[0])" : "any of the zones \(zones.joined(separator: ", "))"
    }
}
