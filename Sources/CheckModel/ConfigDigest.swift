import JSON
import Platform

extension CheckConfig {
    /// The version of the config: a 64-bit hash of what decides how the check runs, independent of the order of keys
    /// and tags.
    ///
    /// It is the protocol's Digest (MurmurHash3 of check name, instances, `init_config`, identifiers, node name, logs,
    /// service id and `ignore_autodiscovery_tags`, concatenated), with two differences. The canonical form of an
    /// instance is JSON with sorted keys and sorted tags, where upstream uses the output of go-yaml v2. So only the
    /// digests of configs without instances are the same in both systems. And a `handOver` other than `sticky` follows
    /// at the end. Agents are not sent digests.
    package var digest: UInt64 {
        WireConfig(self, instances: instances.map(\.canonicalInstance)).digest(handOver: handOver)
    }

    /// The digest as people and APIs see it: lower-case hexadecimal without leading zeros.
    package var digestText: String {
        String(digest, radix: 16)
    }
}

extension WireConfig {
    /// The protocol's FastDigest: like the Digest, but of the bytes sent. Check IDs are computed from it.
    /// So the policy of the hand-over, which agents of Datadog do not know, is no part of it.
    var fastDigest: UInt64 {
        hash(followedBy: "")
    }

    /// The Digest of a config with this policy, of which these are the canonical bytes.
    func digest(handOver: HandOverPolicy) -> UInt64 {
        hash(followedBy: handOver == .sticky ? "" : handOver.rawValue)
    }

    private func hash(followedBy more: String) -> UInt64 {
        let payloads = instances + [initConfig ?? []]
        var input: [UInt8] = []
        input.reserveCapacity(payloads.reduce(checkName.utf8.count + serviceID.utf8.count + 64) { $0 + $1.count })
        input.append(checkName)
        for payload in payloads { input.append(contentsOf: payload) }
        for identifier in adIdentifiers { input.append(identifier.text) }
        input.append(nodeName)
        input.append(contentsOf: logs ?? [])
        input.append(serviceID)
        input.append(ignoreAutodiscoveryTags ? "true" : "false")
        input.append(more)
        return Murmur3.hash(input)
    }
}
