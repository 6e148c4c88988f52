import JSON

/// What the dispatcher changes in every config before it is sent.
package struct ConfigPatch: Hashable, Sendable {
    /// Tags for every instance. In an instance they are sorted together with its own.
    package let extraTags: [String]

    /// A patch that adds `extraTags`.
    package init(extraTags: [String] = []) {
        self.extraTags = extraTags
    }

    /// A patch with the tags that the options ask for.
    ///
    /// - Parameters:
    ///   - extraTags: `cluster_checks.extra_tags`, first.
    ///   - clusterName: `cluster_name`; empty if unknown, and then no tag names it.
    ///   - clusterTagName: `cluster_checks.cluster_tag_name`; empty for no such tag. `kube_cluster_name` is always
    ///     added.
    package init(extraTags: [String], clusterName: String, clusterTagName: String) {
        var tags = extraTags
        if !clusterName.isEmpty {
            if !clusterTagName.isEmpty { tags.append("\(clusterTagName):\(clusterName)") }
            tags.append("kube_cluster_name:\(clusterName)")
        }
        self.extraTags = tags
    }

    /// Patches and encodes a config. It is a pure function: the same config has the same bytes under any leader.
    ///
    /// A cluster check loses its `ad_identifiers`, and its instances get `empty_default_hostname: true`, since it does
    /// not check the host that runs it. An endpoints check, which has a node name, keeps both as they are. Both get the
    /// extra tags.
    ///
    /// - Throws: `CheckModelError.instanceIsNotObject`.
    package func encode(_ config: CheckConfig) throws(CheckModelError) -> EncodedConfig {
        let isEndpointsCheck = !config.nodeName.isEmpty
        var instances: [PatchedInstance] = []
        for (index, instance) in config.instances.enumerated() {
            guard case .object(let members) = instance else {
                throw .instanceIsNotObject(key: config.key, index: index, kind: instance.kind)
            }
            instances.append(PatchedInstance(members, tags: extraTags, hasDefaultHostname: isEndpointsCheck))
        }
        var sent = WireConfig(config, instances: instances.map(\.canonical))
        let digest = sent.digest(handOver: config.handOver)
        sent.instances = instances.map(\.sent)
        sent.clusterCheck = false
        if !isEndpointsCheck { sent.adIdentifiers = [] }
        return EncodedConfig(
            sent, key: config.key, digest: digest, handOver: config.handOver, rules: config.rules,
            instances: instances)
    }
}
