package import JSON
import Platform

extension WireConfig {
    /// Parses one element of a configs answer. Unknown keys are ignored; a missing key or null counts as empty.
    ///
    /// - Parameters:
    ///   - json: the element.
    ///   - message: the name of the message, for errors.
    ///   - place: where the element is in the message, for errors.
    /// - Throws: `CheckModelError.malformed`: not an object, a value of another type, not base64, or without a check
    ///   name.
    package init(_ json: JSONValue, message: String, place: String) throws(CheckModelError) {
        let fields = try Fields(json, message: message, place: place)
        self.init(checkName: try fields.string("check_name"))
        guard !checkName.isEmpty else { throw fields.failure("check_name", "is missing or empty") }
        instances = try fields.list("instances").map { (element) throws(CheckModelError) in
            try fields.base64(element, "instances")
        }
        initConfig = try fields.bytes("init_config")
        metricConfig = try fields.bytes("metric_config")
        logs = try fields.bytes("logs")
        adIdentifiers = try fields.list("ad_identifiers").map { (element) throws(CheckModelError) in
            guard let text = element.stringValue else {
                throw fields.failure("ad_identifiers", "is not a list of strings")
            }
            return ExactText(text)
        }
        provider = try fields.string("provider")
        serviceID = try fields.string("service_id")
        clusterCheck = try fields.bool("cluster_check")
        nodeName = try fields.string("node_name")
        source = try fields.string("source")
        ignoreAutodiscoveryTags = try fields.bool("ignore_autodiscovery_tags")
        checkTagCardinality = try fields.string("check_tag_cardinality")
        isExclusive = try fields.string("handover").hasSameBytes(as: HandOverPolicy.exclusive.rawValue)
    }

    /// The members of one config, read by type.
    private struct Fields {
        let members: [ExactText: JSONValue]
        let message: String
        let place: String

        init(_ json: JSONValue, message: String, place: String) throws(CheckModelError) {
            guard case .object(let members) = json else {
                throw .malformed(message: message, place: place, reason: "is \(json.kind), not an object")
            }
            self.members = members
            self.message = message
            self.place = place
        }

        func failure(_ key: String, _ reason: String) -> CheckModelError {
            .malformed(message: message, place: "\(place).\(key)", reason: reason)
        }

        func value(_ key: String) -> JSONValue? {
            let value = members[key]
            return value == .null ? nil : value
        }

        func string(_ key: String) throws(CheckModelError) -> String {
            guard let value = value(key) else { return "" }
            guard let text = value.stringValue else { throw failure(key, "is \(value.kind), not a string") }
            return text
        }

        func bool(_ key: String) throws(CheckModelError) -> Bool {
            guard let value = value(key) else { return false }
            guard let bool = value.boolValue else { throw failure(key, "is \(value.kind), not a boolean") }
            return bool
        }

        func list(_ key: String) throws(CheckModelError) -> [JSONValue] {
            guard let value = value(key) else { return [] }
            guard let elements = value.arrayValue else { throw failure(key, "is \(value.kind), not a list") }
            return elements
        }

        func bytes(_ key: String) throws(CheckModelError) -> [UInt8]? {
            guard let value = value(key) else { return nil }
            return try base64(value, key)
        }

        func base64(_ value: JSONValue, _ key: String) throws(CheckModelError) -> [UInt8] {
            guard let text = value.stringValue, let bytes = Base64.decode(text.utf8) else {
                throw failure(key, "is not base64")
            }
            return bytes
        }
    }
}
