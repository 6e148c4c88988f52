package import CheckModel

/// The endpoints checks: configs that their source has pinned to a Kubernetes node, for the agent there to fetch whether or not it reports.
package struct EndpointsChecks: Sendable {
    /// Sorted by key, so that an answer is a list as it stands.
    private var lists: [String: [EncodedConfig]] = [:]
    private var nodeNames: [ConfigKey: String] = [:]

    /// No checks.
    package init() {}

    /// How many there are.
    package var count: Int { nodeNames.count }

    /// Their keys, in no particular order.
    package var keys: some Collection<ConfigKey> { nodeNames.keys }

    /// The Kubernetes nodes that have some, sorted.
    package var nodes: [String] { lists.keys.sorted() }

    /// Those of a Kubernetes node, sorted by key; none for one that is not known.
    package func of(_ nodeName: String) -> [EncodedConfig] { lists[nodeName] ?? [] }

    /// The one of a key; nil if there is none.
    package func config(_ key: ConfigKey) -> EncodedConfig? {
        // Where there are none, as in most clusters, not even a key is hashed.
        guard !nodeNames.isEmpty, let nodeName = nodeNames[key], let list = lists[nodeName] else { return nil }
        let position = Self.position(of: key, in: list)
        return position < list.count && list[position].key == key ? list[position] : nil
    }

    /// Adds one, in the place of the one of its key, which may be on another node.
    mutating func set(_ config: EncodedConfig) {
        remove(config.key)
        nodeNames[config.key] = config.nodeName
        let position = Self.position(of: config.key, in: of(config.nodeName))
        lists[config.nodeName, default: []].insert(config, at: position)
    }

    /// Removes the one of a key, if there is one.
    mutating func remove(_ key: ConfigKey) {
        guard let nodeName = nodeNames.removeValue(forKey: key) else { return }
        let position = Self.position(of: key, in: of(nodeName))
        lists[nodeName]?.remove(at: position)
        if lists[nodeName]?.isEmpty == true { lists[nodeName] = nil }
    }

    /// Where the config of a key stands, or would, by bisection.
    private static func position(of key: ConfigKey, in list: [EncodedConfig]) -> Int {
        var low = 0
        var high = list.count
        while low < high {
            let middle = (low + high) / 2
            if list[middle].key < key { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
