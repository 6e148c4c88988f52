import CheckOptions
package import JSON
import Platform

/// A config ready to be dispatched: patched, and its bytes encoded once. It never changes, and is shared by all that
/// hold it.
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
    private let checkIDs: CheckIDs
    private let collectionSeconds: Int32
    /// How it is handed over from one node-agent to another.
    package let handOver: HandOverPolicy
    /// Where it may run and what it costs; nil if nothing is said.
    package let rules: PlacementRules?
    /// The groups of targets that a Prometheus scrapes in place of an agent that runs it, as JSON, with commas between
    /// them; nil if no Prometheus may run it, or its bytes are not known.
    package let scrapeTargets: [UInt8]?

    /// The encoded form of a config.
    ///
    /// - Parameters:
    ///   - config: the config as it is sent.
    ///   - key: where it comes from.
    ///   - digest: the digest of the config as its author wrote it.
    ///   - handOver: how it is handed over.
    ///   - rules: where it may run and what it costs.
    ///   - instances: its instances.
    init(
        _ config: WireConfig, key: ConfigKey, digest: UInt64, handOver: HandOverPolicy, rules: PlacementRules?,
        instances: [PatchedInstance]
    ) {
        self.rules = rules
        let ids = config.checkIDs(names: instances.map(\.name))
        // A Prometheus that is cut off scrapes on. Of most checks it is known by their name that none runs them.
        let mayBeScraped = handOver != .exclusive && ScrapeTarget.checkNames.contains(config.checkName)
        scrapeTargets = mayBeScraped ? try? config.scrapeTargets(ids) : nil
        self.key = key
        keyHash = Murmur3.hash(key.bytes)
        self.digest = digest
        checkName = config.checkName
        nodeName = config.nodeName
        wire = config.encoded()
        contentHash = Murmur3.hash(wire)
        checkIDs = CheckIDs(ids, instances)
        collectionSeconds = instances.first?.collectionSeconds ?? 15
        self.handOver = handOver
    }

    /// A config of which only what a mirror tells is known: it can be placed and moved, but not sent.
    ///
    /// - Parameters:
    ///   - instances: the number of its instances, by which it costs.
    ///   - handOver: how it is handed over.
    package init(
        unconfirmed key: ConfigKey, contentHash: UInt64, instances: Int, nodeName: String,
        handOver: HandOverPolicy = .sticky
    ) {
        (rules, scrapeTargets) = (nil, nil)
        self.key = key
        keyHash = Murmur3.hash(key.bytes)
        digest = 0
        checkName = key.check
        self.nodeName = nodeName
        wire = []
        self.contentHash = contentHash
        checkIDs = .unknown(count: max(1, instances))
        collectionSeconds = 15
        self.handOver = handOver
    }

    /// Whether its bytes are known. If not, only a mirror told of it, and nobody can be sent it.
    package var isConfirmed: Bool { !wire.isEmpty }

    /// Whether one of its instances has this check ID.
    package func has(_ checkID: String) -> Bool {
        instanceIDs.contains { $0.hasSameBytes(as: checkID) }
    }

    /// The check ID of each instance, in order, made from the bytes in `wire`; empty while those are not known.
    package var instanceIDs: [String] {
        switch checkIDs {
        case .one(let id): [id]
        case .several(let instances): instances.map(\.id)
        case .unknown: []
        }
    }

    /// The config as operators see it: the ID of its check, or of the first one and how many there are. While its bytes
    /// are not known, its key.
    package var checkID: String {
        switch checkIDs {
        case .one(let id): id
        case .several(let instances):
            instances.first.map { "\($0.id) and \(instances.count - 1) more" } ?? key.description
        case .unknown: key.description
        }
    }

    /// What tells its instances apart, in order; empty unless it has several and their bytes are known.
    package var identities: [InstanceIdentity] {
        if case .several(let instances) = checkIDs { instances.map(\.identity) } else { [] }
    }

    /// The number of instances that it counts for: never 0.
    package var instanceCount: Int {
        switch checkIDs {
        case .one: 1
        case .several(let instances): max(1, instances.count)
        case .unknown(let count): count
        }
    }

    /// What running it costs until it is measured: its weight, if its author states one, else one for each instance;
    /// never nothing.
    package var cost: Double { rules?.weight ?? Double(instanceCount) }

    /// How often its instances run, as its first one says (`min_collection_interval`), else every 15 s.
    package var collectionInterval: Duration { .seconds(collectionSeconds) }

    /// Why no Prometheus may run it; nil if one may, or its bytes are not known.
    package var whyNotScraped: String? {
        guard isConfirmed, scrapeTargets == nil else { return nil }
        guard handOver != .exclusive else { return "the check is exclusive, and one that is cut off scrapes on" }
        guard let config = decodedWire else { return "its own bytes cannot be read" }
        do throws(CheckOptionError) { _ = try config.scrapeTargets(config.checkIDs) } catch { return error.description }
        return nil
    }

    /// `wire` as people may see it, without secrets; made anew each time.
    package var shownWire: [UInt8] {
        // Should it ever not be readable, nothing of it is shown.
        Scrubbing.scrubbed(decodedWire ?? WireConfig(checkName: checkName)).encoded()
    }

    /// The same, decoded: what an author may compare with what was written.
    package var shown: JSONValue {
        guard let wire = decodedWire.map(Scrubbing.scrubbed) else { return .null }
        func read(_ bytes: [UInt8]?) -> JSONValue { bytes.flatMap { try? JSONValue(parsing: $0) } ?? .null }
        return .object([
            "check_name": .string(wire.checkName), "source": .string(wire.source),
            "init_config": read(wire.initConfig), "instances": .array(wire.instances.map(read)),
        ])
    }

    /// `wire` as it is decoded, each time anew; nil if it is not known, or, though it is our own encoding, not
    /// readable.
    var decodedWire: WireConfig? {
        (try? JSONValue(parsing: wire)).flatMap { try? WireConfig($0, message: "", place: "") }
    }

    /// The digest as people and APIs see it: lower-case hexadecimal without leading zeros.
    package var digestText: String {
        String(digest, radix: 16)
    }
}

/// The check IDs of a config. Most configs have one, which needs no array.
private enum CheckIDs: Sendable {
    case one(String)
    /// Several, or none.
    case several([(id: String, identity: InstanceIdentity)])
    /// Only their number is known.
    case unknown(count: Int)

    init(_ ids: [String], _ instances: [PatchedInstance]) {
        self = ids.count == 1 ? .one(ids[0]) : .several(Array(zip(ids, InstanceIdentity.all(instances))))
    }
}
