import CheckModel
import Platform

/// Where configs were under a former leader, as far as is known: where to place them again after a warm-up.
struct PlacementHint: Sendable {
    private var nodesByKey: [ConfigKey: String] = [:]
    private var nodesByContent: [UInt64: String] = [:]
    /// The contents of configs that were withheld from their nodes, as another one might still run them.
    private var withheld: Set<UInt64> = []
    /// By node: the revision of what its agent was told.
    private var revisions: [ExactText: Int64] = [:]

    /// What operators wanted: it counts if it is kept nowhere else.
    let intent: OperatorIntent

    init(_ store: ClusterStore) {
        intent = store.intent
        for node in store.nodes where !node.id.isEmpty {
            revisions[ExactText(node.id)] = node.revision.value
            for config in node.configs {
                nodesByKey[config.key] = node.id
                nodesByContent[config.contentHash] = node.id
                if store.isWithheld(config.key) { withheld.insert(config.contentHash) }
            }
        }
    }

    /// The node that had a config, found by its key, else by its content.
    func node(of config: EncodedConfig) -> String? {
        nodesByKey[config.key] ?? nodesByContent[config.contentHash]
    }

    /// The node whose agent was told to run a config of exactly these bytes.
    func node(running config: EncodedConfig) -> String? {
        withheld.contains(config.contentHash) ? nil : nodesByContent[config.contentHash]
    }

    /// The revision of what the agent of a node was told; nil if it did not report then.
    func revision(of id: String) -> Int64? { revisions[ExactText(id)] }

    /// Whether a node reported then.
    func knows(_ id: String) -> Bool { revisions[ExactText(id)] != nil }

    /// Whether this holds for every node that reported then.
    func isEveryNode(_ isTrue: (String) -> Bool) -> Bool { revisions.keys.allSatisfy { isTrue($0.text) } }
}
