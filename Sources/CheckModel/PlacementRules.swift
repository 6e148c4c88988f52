package import Platform

/// Where a config may run and what it costs, as its author says. It is shared by all that hold it, and never changes.
package final class PlacementRules: Sendable {
    /// What the config costs, in usual check instances; nil if it is measured.
    package let weight: Double?
    /// The labels that the Kubernetes node must have; empty for any.
    package let nodeSelector: [ExactText: ExactText]
    /// The zones of which the Kubernetes node must be in one, sorted; empty for any.
    package let zones: [ExactText]
    /// The node-agent, or the Kubernetes node, that alone may run it; empty for any.
    package let pin: ExactText

    /// The label of a Kubernetes node that names its zone.
    package static let zoneLabel = "topology.kubernetes.io/zone"

    /// Rules; nil if there are none.
    package init?(
        weight: Double? = nil, nodeSelector: [ExactText: ExactText] = [:], zones: [ExactText] = [], pin: String = ""
    ) {
        guard weight != nil || !nodeSelector.isEmpty || !zones.isEmpty || !pin.isEmpty else { return nil }
        self.weight = weight
        self.nodeSelector = nodeSelector
        self.zones = Set(zones).sorted()
        self.pin = ExactText(pin)
    }

    /// The rules of a part of the config, which costs its share.
    package func part(_ share: Double) -> PlacementRules? {
        PlacementRules(weight: weight.map { $0 * share }, nodeSelector: nodeSelector, zones: zones, pin: pin.text)
    }

    /// Whether they say where the config may run.
    package var isConstraint: Bool { !nodeSelector.isEmpty || !zones.isEmpty || !pin.isEmpty }
}

extension PlacementRules: Hashable {
    /// Whether both say the same.
    package static func == (left: PlacementRules, right: PlacementRules) -> Bool {
        left === right
            || left.weight == right.weight && left.nodeSelector == right.nodeSelector && left.zones == right.zones
                && left.pin == right.pin
    }

    /// Hashes all that is compared.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(weight)
        hasher.combine(nodeSelector)
        hasher.combine(zones)
        hasher.combine(pin)
    }
}
