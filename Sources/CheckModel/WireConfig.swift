import JSON
package import Platform

/// A config on the wire: the bytes that an agent gets, decoded from base64.
///
/// Instances and similar fields are bytes, because check IDs are computed from exactly the bytes sent. We write them as
/// JSON; agents read them as YAML.
package struct WireConfig: Hashable, Sendable {
    /// `check_name`.
    @ExactText package var checkName: String
    /// `instances`; an empty list is sent as null.
    package var instances: [[UInt8]]
    /// `init_config`; nil is sent as null.
    package var initConfig: [UInt8]?
    /// `metric_config`; nil is sent as null.
    package var metricConfig: [UInt8]?
    /// `logs`; nil is sent as null.
    package var logs: [UInt8]?
    /// `ad_identifiers`; an empty list is sent as null. To an agent, a config that has some is a template.
    package var adIdentifiers: [ExactText]
    /// `provider`.
    @ExactText package var provider: String
    /// `service_id`.
    @ExactText package var serviceID: String
    /// `cluster_check`; false when dispatched.
    package var clusterCheck: Bool
    /// `node_name`.
    @ExactText package var nodeName: String
    /// `source`.
    @ExactText package var source: String
    /// `ignore_autodiscovery_tags`.
    package var ignoreAutodiscoveryTags: Bool
    /// `check_tag_cardinality`.
    @ExactText package var checkTagCardinality: String
    /// `handover`: whether it must never run on two agents. Sent only if it must not: `"handover":"exclusive"`.
    package var isExclusive: Bool

    /// A config of `checkName`; everything not given is empty.
    package init(
        checkName: String, instances: [[UInt8]] = [], initConfig: [UInt8]? = nil, metricConfig: [UInt8]? = nil,
        logs: [UInt8]? = nil, adIdentifiers: [ExactText] = [], provider: String = "", serviceID: String = "",
        clusterCheck: Bool = false, nodeName: String = "", source: String = "", ignoreAutodiscoveryTags: Bool = false,
        checkTagCardinality: String = "", isExclusive: Bool = false
    ) {
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
        self.isExclusive = isExclusive
    }

    /// The bytes of `config`, each part encoded by `JSONValue.encoded`.
    package init(_ config: CheckConfig) {
        self.init(config, instances: config.instances.map { $0.encoded() })
    }

    /// The bytes of `config`, with other instances.
    init(_ config: CheckConfig, instances: [[UInt8]]) {
        self.init(
            checkName: config.checkName, instances: instances,
            initConfig: config.initConfig?.encoded(), metricConfig: config.metricConfig?.encoded(),
            logs: config.logs?.encoded(), adIdentifiers: config.adIdentifiers, provider: config.provider,
            serviceID: config.serviceID, clusterCheck: config.clusterCheck, nodeName: config.nodeName,
            source: config.source, ignoreAutodiscoveryTags: config.ignoreAutodiscoveryTags,
            checkTagCardinality: config.checkTagCardinality, isExclusive: config.handOver == .exclusive)
    }

    /// The JSON object of the protocol, every key present, and ours if it says something.
    package func encoded() -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(expectedLength)
        output.append("{\"check_name\":")
        JSONValue.encode(checkName, into: &output)
        output.append(",\"instances\":")
        Self.encode(list: instances, into: &output, Self.encode)
        output.append(",\"init_config\":")
        Self.encode(initConfig, into: &output)
        output.append(",\"metric_config\":")
        Self.encode(metricConfig, into: &output)
        output.append(",\"logs\":")
        Self.encode(logs, into: &output)
        output.append(",\"ad_identifiers\":")
        Self.encode(list: adIdentifiers, into: &output) { JSONValue.encode($0.text, into: &$1) }
        output.append(",\"advanced_ad_identifiers\":null,\"provider\":")
        JSONValue.encode(provider, into: &output)
        output.append(",\"service_id\":")
        JSONValue.encode(serviceID, into: &output)
        output.append(
            clusterCheck ? ",\"cluster_check\":true,\"node_name\":" : ",\"cluster_check\":false,\"node_name\":")
        JSONValue.encode(nodeName, into: &output)
        output.append(",\"source\":")
        JSONValue.encode(source, into: &output)
        output.append(",\"ignore_autodiscovery_tags\":\(ignoreAutodiscoveryTags),\"check_tag_cardinality\":")
        JSONValue.encode(checkTagCardinality, into: &output)
        output.append(",\"metrics_excluded\":false,\"logs_excluded\":false")
        if isExclusive { output.append(Self.exclusiveMember) }
        output.append(UInt8(ascii: "}"))
        return output
    }

    private static let exclusiveMember = ",\"handover\":\"\(HandOverPolicy.exclusive.rawValue)\""

    /// The length of `encoded` if no text has escapes, or a few bytes more. The bytes are kept for long, so little
    /// capacity may be wasted.
    private var expectedLength: Int {
        // The length if every field is empty.
        var length = 326
        if isExclusive { length += Self.exclusiveMember.utf8.count }
        length += checkName.utf8.count + provider.utf8.count + serviceID.utf8.count
        length += nodeName.utf8.count + source.utf8.count + checkTagCardinality.utf8.count
        for identifier in adIdentifiers { length += identifier.text.utf8.count + 3 }
        for instance in instances { length += Base64.encodedLength(of: instance.count) + 3 }
        length += Base64.encodedLength(of: initConfig?.count ?? 0)
        length += Base64.encodedLength(of: metricConfig?.count ?? 0)
        return length + Base64.encodedLength(of: logs?.count ?? 0)
    }

    private static func encode(_ bytes: [UInt8]?, into output: inout [UInt8]) {
        guard let bytes else { return output.append("null") }
        output.append(UInt8(ascii: "\""))
        Base64.encode(bytes, into: &output)
        output.append(UInt8(ascii: "\""))
    }

    /// Appends a list. An empty one is null, as Go encodes a nil slice, and as agents expect.
    private static func encode<Element>(
        list: [Element], into output: inout [UInt8], _ encode: (Element, inout [UInt8]) -> Void
    ) {
        guard !list.isEmpty else { return output.append("null") }
        output.append(UInt8(ascii: "["))
        for (index, element) in list.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            encode(element, &output)
        }
        output.append(UInt8(ascii: "]"))
    }
}
