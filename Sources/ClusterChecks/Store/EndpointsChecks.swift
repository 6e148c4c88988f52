package import CheckModel
import Platform

/// The endpoints checks: configs that their source has pinned to a Kubernetes node. The agent there fetches them
/// whether or not it reports.
package struct EndpointsChecks: Sendable {
    /// By Kubernetes node, sorted by key: an answer is one of these lists.
    private var lists: [ExactText: [EncodedConfig]] = [:]
    private var nodeNames: [ConfigKey: String] = [:]
    /// By Kubernetes node: the version of the store in which its checks last changed, also if it has none any more.
    private var changes: [ExactText: UInt64] = [:]

    /// No checks.
    init() {}

    /// The number of checks.
    package var count: Int { nodeNames.count }

    /// Their keys, in no particular order.
    var keys: some Collection<ConfigKey> { nodeNames.keys }

    /// The Kubernetes nodes that have checks, sorted.
    package var nodes: [String] { lists.keys.sortedTexts() }

    /// The checks of a Kubernetes node, sorted by key; empty for an unknown one.
    package func of(_ nodeName: String) -> [EncodedConfig] { lists[nodeName] ?? [] }

    /// The check of a key; nil if there is none.
    func config(_ key: ConfigKey) -> EncodedConfig? {
        // Most clusters have none: do not even hash the key then.
        guard !nodeNames.isEmpty, let nodeName = nodeNames[key], let list = lists[nodeName] else { return nil }
        let position = Self.position(of: key, in: list)
        return position < list.count && list[position].key == key ? list[position] : nil
    }

    /// The version of the store since which a Kubernetes node has had its checks; 0 if it never had any.
    func changed(_ nodeName: String) -> UInt64 { changes[nodeName] ?? 0 }

    /// Adds a check. It replaces the one of the same key, on whichever node that is.
    mutating func set(_ config: EncodedConfig, version: UInt64) {
        remove(config.key, version: version)
        changes[config.nodeName] = version
        nodeNames[config.key] = config.nodeName
        let position = Self.position(of: config.key, in: of(config.nodeName))
        lists[config.nodeName, default: []].insert(config, at: position)
    }

    /// Removes the check of a key, if there is one.
    mutating func remove(_ key: ConfigKey, version: UInt64) {
        guard let nodeName = nodeNames.removeValue(forKey: key) else { return }
        changes[nodeName] = version
        let position = Self.position(of: key, in: of(nodeName))
        lists[nodeName]?.remove(at: position)
        if lists[nodeName]?.isEmpty == true { lists[nodeName] = nil }
    }

    /// The position of the first config whose key is not less than `key`, by bisection.
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
