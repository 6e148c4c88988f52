import JSON

extension CheckConfig {
    /// The version of the config: 64 bits that follow from what decides how the check runs, whatever the order of keys and tags.
    ///
    /// It is the protocol's Digest (MurmurHash3 over check name, instances, `init_config`, identifiers, node name, logs, service id and
    /// `ignore_autodiscovery_tags`, one after the other), with one difference: the canonical form of an instance is our JSON with sorted keys and
    /// sorted tags, where upstream takes what go-yaml v2 emits. So digests of configs without instances are the same number in both systems, others
    /// are not. A digest does not travel when configs are dispatched.
    package var digest: UInt64 {
        WireConfig(self, instances: instances.map(\.canonicalInstance)).fastDigest
    }

    /// The digest as people and APIs see it: lower-case hexadecimal without leading zeros.
    package var digestText: String {
        String(digest, radix: 16)
    }
}

extension WireConfig {
    /// The protocol's FastDigest: as the Digest, but over the bytes sent. It goes into the check IDs.
    package var fastDigest: UInt64 {
        let payloads = instances + [initConfig ?? []]
        var input: [UInt8] = []
        input.reserveCapacity(payloads.reduce(checkName.utf8.count + serviceID.utf8.count + 64) { $0 + $1.count })
        input.append(checkName)
        for payload in payloads { input.append(contentsOf: payload) }
        for identifier in adIdentifiers { input.append(identifier) }
        input.append(nodeName)
        input.append(contentsOf: logs ?? [])
        input.append(serviceID)
        input.append(ignoreAutodiscoveryTags ? "true" : "false")
        return Murmur3.hash(input)
    }
}
