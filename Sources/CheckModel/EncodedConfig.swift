import JSON

/// A config ready to be dispatched: patched, and its bytes encoded once. It never changes, and is shared by all that hold it.
package final class EncodedConfig: Sendable {
    /// Where it comes from.
    package let key: ConfigKey
    /// A hash of `key`, by which ties between nodes are broken: the same in every process.
    package let keyHash: UInt64
    /// The version of the config as its author wrote it.
    package let digest: UInt64
    /// The check's name.
    package let checkName: String
    /// The node that an endpoints check is pinned to; empty for others.
    package let nodeName: String
    /// The protocol's JSON object, ready to be joined into an answer.
    package let wire: [UInt8]
    /// A hash of `wire`; the revision of a node is made of these.
    package let contentHash: UInt64
    /// The check ID of each instance, in order, made from the bytes in `wire`.
    package let instanceIDs: [String]
    /// What running it costs until something better is known: one for each instance, and never nothing.
    package let cost: Double
    /// How often its instances run, as its first one says (`min_collection_interval`), else every 15 s.
    package let collectionInterval: Duration

    /// The encoded form of `config`, which is patched already.
    ///
    /// - Parameters:
    ///   - config: the patched config.
    ///   - digest: the digest of the config before it was patched.
    init(_ config: CheckConfig, digest: UInt64) {
        let wireConfig = WireConfig(config)
        key = config.key
        keyHash = Murmur3.hash(Array(config.key.description.utf8))
        self.digest = digest
        checkName = config.checkName
        nodeName = config.nodeName
        wire = wireConfig.encoded()
        contentHash = Murmur3.hash(wire)
        instanceIDs = wireConfig.checkIDs(names: config.instances.map(CheckID.instanceName))
        cost = Double(max(1, config.instances.count))
        collectionInterval = Self.interval(of: config.instances.first)
    }

    private static func interval(of instance: JSONValue?) -> Duration {
        // Upstream reads it as a whole number; a fraction, which its runners do not take, is as good as none.
        guard let seconds = instance?["min_collection_interval"]?.integerValue, (1...86_400).contains(seconds) else {
            return .seconds(15)
        }
        return .seconds(seconds)
    }

    /// `wire` as people may see it, without secrets; made anew each time.
    package var shownWire: [UInt8] {
        // It is our own encoding; should it ever not be readable, nothing of it is shown.
        guard let json = try? JSONValue(parsing: wire), let config = try? WireConfig(json, message: "", place: "")
        else {
            return WireConfig(checkName: checkName).encoded()
        }
        return Scrubbing.scrubbed(config).encoded()
    }

    /// The digest as people and APIs see it: lower-case hexadecimal without leading zeros.
    package var digestText: String {
        String(digest, radix: 16)
    }
}
