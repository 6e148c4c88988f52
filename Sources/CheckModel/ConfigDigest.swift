import JSON

extension CheckConfig {
    /// The version of the config: a 64-bit hash of what decides how the check runs, independent of the order of keys
    /// and tags.
    ///
    /// It is the protocol's Digest (MurmurHash3 of check name, instances, `init_config`, identifiers, node name, logs,
    /// service id and `ignore_autodiscovery_tags`, concatenated), with one difference: the canonical form of an
    /// instance is JSON with sorted keys and sorted tags, where upstream uses the output of go-yaml v2. So only the
    /// digests of configs without instances are the same in both systems. Agents are not sent digests.
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
    /// The protocol's FastDigest: like the Digest, but of the bytes sent. Check IDs are computed from it.
    var fastDigest: UInt64 {
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
