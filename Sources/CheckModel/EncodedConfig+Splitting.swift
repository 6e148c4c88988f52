import JSON
package import Platform

extension EncodedConfig {
    /// Whether its instances can be dispatched apart from each other. An exclusive config stays whole: while its parts
    /// were joined again, an instance could run on two nodes.
    package var isSplittable: Bool { handOver != .exclusive && hasParts }

    private var hasParts: Bool { isConfirmed && nodeName.isEmpty && key.shard.isEmpty }

    /// Splits instances off, each into a config of its own, with the bytes that sharding would give it.
    ///
    /// - Parameters:
    ///   - shards: the names of their parts (`InstanceIdentity.shard`). Those of no instance are ignored.
    ///   - evenExclusive: whether to split an exclusive config, too.
    /// - Returns: the parts, and under its own key the config without them: nil if nothing is left of it. Without any
    ///   part, nil.
    package func split(
        _ shards: Set<ExactText>, evenExclusive: Bool = false
    ) -> (parts: [EncodedConfig], rest: EncodedConfig?)? {
        // It is our own encoding; should it ever not be readable, the config stays whole.
        guard isSplittable || evenExclusive && hasParts, let config = decodedWire else { return nil }
        let instances = config.instances.compactMap { try? JSONValue(parsing: $0).objectValue }.map {
            PatchedInstance($0, tags: [], hasDefaultHostname: true)
        }
        // The only instance is known by its name alone.
        let identities = self.identities.isEmpty ? InstanceIdentity.all(instances) : self.identities
        let indices = identities.indices.filter { shards.contains(ExactText(identities[$0].shard)) }
        guard !indices.isEmpty, instances.count == identities.count else { return nil }
        let parts = indices.map { index in
            var part = config
            part.instances = [config.instances[index]]
            part.logs = nil
            part.serviceID = identities[index].serviceID(config.serviceID)
            return self.part(part, key: key.shard(identities[index].shard), [instances[index]])
        }
        let kept = identities.indices.filter { !indices.contains($0) }
        guard !kept.isEmpty || config.logs != nil else { return (parts, nil) }
        var rest = config
        rest.instances = kept.map { config.instances[$0] }
        return (parts, part(rest, key: key, kept.map { instances[$0] }))
    }

    private func part(_ config: WireConfig, key: ConfigKey, _ instances: [PatchedInstance]) -> EncodedConfig {
        let share = Double(max(1, instances.count)) / Double(instanceCount)
        return EncodedConfig(
            config, key: key, digest: digest, handOver: handOver, rules: rules?.part(share), instances: instances)
    }
}
