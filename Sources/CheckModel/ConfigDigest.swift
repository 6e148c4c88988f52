import JSON

extension CheckConfig {
    /// The version of the config: 64 bits that follow from what decides how the check runs, whatever the order of keys and tags.
    ///
    /// It is the protocol's Digest (MurmurHash3 over check name, instances, `init_config`, identifiers, node name, logs, service id and
    /// `ignore_autodiscovery_tags`, one after the other), with one difference: the canonical form of an instance is our JSON with sorted keys and
    /// sorted tags, where upstream takes what go-yaml v2 emits. So digests of configs without instances are the same number in both systems, others
    /// are not. A digest does not travel when configs are dispatched.
    package var digest: UInt64 {
        Murmur3.hash(
            digestInput(
                checkName: checkName, instances: instances.map(\.canonicalInstance),
                initConfig: initConfig?.encoded(), adIdentifiers: adIdentifiers, nodeName: nodeName,
                logs: logs?.encoded(), serviceID: serviceID, ignoreAutodiscoveryTags: ignoreAutodiscoveryTags))
    }

    /// The digest as people and APIs see it: lower-case hexadecimal without leading zeros.
    package var digestText: String {
        String(digest, radix: 16)
    }
}

extension WireConfig {
    /// The protocol's FastDigest: as the Digest, but over the bytes sent. It goes into the check IDs.
    package var fastDigest: UInt64 {
        Murmur3.hash(
            digestInput(
                checkName: checkName, instances: instances, initConfig: initConfig, adIdentifiers: adIdentifiers,
                nodeName: nodeName, logs: logs, serviceID: serviceID, ignoreAutodiscoveryTags: ignoreAutodiscoveryTags))
    }
}

private func digestInput(
    checkName: String, instances: [[UInt8]], initConfig: [UInt8]?, adIdentifiers: [String], nodeName: String,
    logs: [UInt8]?, serviceID: String, ignoreAutodiscoveryTags: Bool
) -> [UInt8] {
    var input: [UInt8] = []
    input.append(checkName)
    for instance in instances { input.append(contentsOf: instance) }
    input.append(contentsOf: initConfig ?? [])
    for identifier in adIdentifiers { input.append(identifier) }
    input.append(nodeName)
    input.append(contentsOf: logs ?? [])
    input.append(serviceID)
    input.append(ignoreAutodiscoveryTags ? "true" : "false")
    return input
}
