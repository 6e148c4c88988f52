import CheckModel
import Platform

/// Where configs were under a former leader, as far as is known: where to place them again after a warm-up.
struct PlacementHint: Sendable {
    private var nodesByKey: [ConfigKey: String] = [:]
    private var nodesByContent: [UInt64: String] = [:]
    private var nodes: Set<ExactText> = []

    init(_ store: ClusterStore) {
        for node in store.nodes where !node.id.isEmpty {
            nodes.insert(ExactText(node.id))
            for config in node.configs {
                nodesByKey[config.key] = node.id
                nodesByContent[config.contentHash] = node.id
            }
        }
    }

    /// The node that had a config, found by its key, else by its content.
    func node(of config: EncodedConfig) -> String? {
        nodesByKey[config.key] ?? nodesByContent[config.contentHash]
    }

    /// Whether a node reported then.
    func knows(_ id: String) -> Bool { nodes.contains(ExactText(id)) }
}
