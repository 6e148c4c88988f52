package import JSON
package import Platform

/// Where a config comes from: the source object, the check, and what tells it apart from others of that check there. It
/// survives edits, and others coming and going.
package struct ConfigKey: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// All copies of a key share one object. A config's key is in half a dozen tables, and four fields would take 56
    /// bytes in each.
    private final class Fields: Sendable {
        let source: ExactText
        let check: ExactText
        let entry: ExactText
        let index: Int
        let shard: ExactText
        /// Made once: hashing the texts costs more than all else of a look-up.
        let hash: Int

        init(source: ExactText, check: ExactText, entry: ExactText, index: Int, shard: ExactText) {
            self.source = source
            self.check = check
            self.entry = entry
            self.index = index
            self.shard = shard
            var hasher = Hasher()
            for text in [source, check, entry, shard] { hasher.combine(text) }
            hasher.combine(index)
            hash = hasher.finalize()
        }
    }

    private let fields: Fields

    /// The source object, such as `kube_service://shop/web` or `file:/etc/conf.d/http_check.json`.
    package var source: String { fields.source.text }
    /// The check's name.
    package var check: String { fields.check.text }
    /// What tells the config apart in its source; empty where the check's name does.
    package var entry: String { fields.entry.text }
    /// The rank among the configs of this source that nothing else tells apart, from 0.
    package var index: Int { fields.index }
    /// The part of the config, if it was split for dispatching; empty for a whole config.
    package var shard: String { fields.shard.text }

    /// How the source of a ClusterCheck's config begins; its namespace and name follow, with a slash between them.
    package static let clusterCheckPrefix = "cluster_check://"

    /// How the source of a target's config begins that HTTP service discovery lists; the URL follows.
    package static let discoveryPrefix = "prometheus_http_sd:"

    /// The key of a config of `check` in `source`.
    package init(source: String, check: String, entry: String = "", index: Int) {
        fields = Fields(
            source: ExactText(source), check: ExactText(check), entry: ExactText(entry), index: index, shard: "")
    }

    private init(_ fields: Fields) {
        self.fields = fields
    }

    /// The key of a part of this config.
    package func shard(_ name: String) -> ConfigKey {
        ConfigKey(
            Fields(
                source: fields.source, check: fields.check, entry: fields.entry, index: index, shard: ExactText(name)))
    }

    /// The key of the config that this is a part of; its own if it is none.
    package var whole: ConfigKey {
        shard.isEmpty ? self : ConfigKey(source: source, check: check, entry: entry, index: index)
    }

    /// Whether both name the same config.
    package static func == (left: ConfigKey, right: ConfigKey) -> Bool {
        left.fields === right.fields || areEqual(left.fields, right.fields)
    }

    /// Orders by source, check, entry, index, shard.
    package static func < (left: ConfigKey, right: ConfigKey) -> Bool {
        let (left, right) = (left.fields, right.fields)
        if left.source != right.source { return left.source < right.source }
        if left.check != right.check { return left.check < right.check }
        if left.entry != right.entry { return left.entry < right.entry }
        return left.index != right.index ? left.index < right.index : left.shard < right.shard
    }

    /// Hashes all that is compared.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(fields.hash)
    }

    private static func areEqual(_ left: Fields, _ right: Fields) -> Bool {
        left.hash == right.hash && left.index == right.index && left.source == right.source
            && left.check == right.check && left.entry == right.entry && left.shard == right.shard
    }

    /// `source#check#index`, with `#entry` before the index and `#shard` after it if there are any.
    package var description: String {
        String(decoding: bytes, as: UTF8.self)
    }

    /// The UTF-8 of the description.
    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(source.utf8.count + check.utf8.count + shard.utf8.count + 8)
        bytes.append(contentsOf: source.utf8)
        for part in [check] + (entry.isEmpty ? [] : [entry]) + [String(index)] + (shard.isEmpty ? [] : [shard]) {
            bytes.append(UInt8(ascii: "#"))
            bytes.append(contentsOf: part.utf8)
        }
        return bytes
    }
}

/// One check's configuration as its author wrote it, variables resolved, not yet patched for dispatch.
///
/// Fields are those of the protocol's config object. `instances` and the others that are sent as base64 are lossless
/// JSON.
package struct CheckConfig: Hashable, Sendable {
    /// Where it comes from.
    package var key: ConfigKey
    /// `check_name`: the integration to run.
    @ExactText package var checkName: String
    /// `instances`: one JSON object each.
    package var instances: [JSONValue]
    /// `init_config`; nil travels as null.
    package var initConfig: JSONValue?
    /// `metric_config`; nil travels as null.
    package var metricConfig: JSONValue?
    /// `logs`; nil travels as null.
    package var logs: JSONValue?
    /// `ad_identifiers`; empty travels as null.
    package var adIdentifiers: [ExactText]
    /// `provider`, such as `kubernetes-services` or `file`.
    @ExactText package var provider: String
    /// `service_id`, such as `kube_service://shop/web`; empty for files.
    @ExactText package var serviceID: String
    /// `cluster_check`: whether the cluster-agent dispatches it.
    package var clusterCheck: Bool
    /// `node_name`: set only for endpoints checks that are pinned to a node.
    @ExactText package var nodeName: String
    /// `source`: for people.
    @ExactText package var source: String
    /// `ignore_autodiscovery_tags`.
    package var ignoreAutodiscoveryTags: Bool
    /// `check_tag_cardinality`: empty, `low`, `orchestrator` or `high`.
    @ExactText package var checkTagCardinality: String
    /// How it is handed over from one node-agent to another. Of this, agents are sent only what they must know.
    package var handOver: HandOverPolicy
    /// Where it may run and what it costs; nil if nothing is said.
    package var rules: PlacementRules?

    /// A config of `checkName`; everything not given is empty, and it is a cluster check.
    package init(
        key: ConfigKey, checkName: String, instances: [JSONValue] = [], initConfig: JSONValue? = nil,
        metricConfig: JSONValue? = nil,
        logs: JSONValue? = nil, adIdentifiers: [ExactText] = [], provider: String = "", serviceID: String = "",
        clusterCheck: Bool = true, nodeName: String = "", source: String = "", ignoreAutodiscoveryTags: Bool = false,
        checkTagCardinality: String = "", handOver: HandOverPolicy = .sticky, rules: PlacementRules? = nil
    ) {
        self.key = key
        self.checkName = checkName
        self.instances = instances
        self.initConfig = initConfig
        self.metricConfig = metricConfig
        self.logs = logs
        self.adIdentifiers = adIdentifiers
        self.provider = provider
        self.serviceID = serviceID
        self.clusterCheck = clusterCheck
        self.nodeName = nodeName
        self.source = source
        self.ignoreAutodiscoveryTags = ignoreAutodiscoveryTags
        self.checkTagCardinality = checkTagCardinality
        self.handOver = handOver
        self.rules = rules
    }
}
