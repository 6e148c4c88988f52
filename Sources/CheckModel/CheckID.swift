package import JSON
import Platform

/// The identity of one instance as a runner reports it, made from exactly the bytes that the runner was sent.
package enum CheckID {
    /// The check ID of one instance: `<check>:<name>:<hash>`, or `<check>:<hash>` when it has no name.
    ///
    /// The hash is FNV-1 of the config's FastDigest (8 bytes, big-endian), the instance and `init_config`, in
    /// lower-case hexadecimal without leading zeros.
    ///
    /// - Parameters:
    ///   - checkName: the check.
    ///   - instanceName: the instance's `name`, else its `namespace`; nil or empty when it has neither.
    ///   - instance: the instance's bytes as sent.
    ///   - initConfig: the bytes of `init_config` as sent; empty when it was null.
    ///   - fastDigest: the FastDigest of the whole config as sent.
    static func of(
        checkName: String, instanceName: String?, instance: [UInt8], initConfig: [UInt8], fastDigest: UInt64
    ) -> String {
        var hash = FNV1()
        hash.add((0..<8).map { UInt8(truncatingIfNeeded: fastDigest >> (56 - 8 * UInt64($0))) })
        hash.add(instance)
        hash.add(initConfig)
        let digits = String(hash.value, radix: 16)
        guard let instanceName, !instanceName.isEmpty else { return "\(checkName):\(digits)" }
        return "\(checkName):\(instanceName):\(digits)"
    }

    /// The name under which an agent identifies an instance: its `name` if that is not empty, else its `namespace`.
    ///
    /// Agents decode a few common options together, and use no name at all if one of them has the wrong type. A number
    /// or boolean is used as it is written.
    package static func instanceName(_ instance: JSONValue) -> String? {
        guard case .object(let members) = instance else { return nil }
        return instanceName(members)
    }

    /// The name of the instance that has these members.
    static func instanceName(_ members: some Sequence<(key: ExactText, value: JSONValue)>) -> String? {
        var name = ""
        var namespace = ""
        for (key, value) in members {
            if case .null = value { continue }
            switch key {
            case "name", "namespace":
                guard let text = scalarText(value) else { return nil }
                if key == "name" { name = text } else { namespace = text }
            case "service":
                guard isScalar(value) else { return nil }
            case "tags":
                guard case .array(let tags) = value, tags.allSatisfy({ isNull($0) || isScalar($0) }) else { return nil }
            case "empty_default_hostname", "no_index":
                guard case .bool = value else { return nil }
            case "min_collection_interval":
                guard case .number = value else { return nil }
            default: continue
            }
        }
        return !name.isEmpty ? name : !namespace.isEmpty ? namespace : nil
    }

    private static func isNull(_ value: JSONValue) -> Bool {
        if case .null = value { true } else { false }
    }

    private static func isScalar(_ value: JSONValue) -> Bool {
        switch value {
        case .bool, .number, .string: true
        case .null, .array, .object: false
        }
    }

    private static func scalarText(_ value: JSONValue) -> String? {
        switch value {
        case .string(let text): text
        case .bool, .number: String(decoding: value.encoded(), as: UTF8.self)
        case .null, .array, .object: nil
        }
    }
}

extension WireConfig {
    /// The check ID of each instance, in order. An instance that is not JSON has no name.
    package var checkIDs: [String] {
        checkIDs(names: instances.map { (try? JSONValue(parsing: $0)).flatMap(CheckID.instanceName) })
    }

    /// The check IDs of instances whose names are known.
    func checkIDs(names: [String?]) -> [String] {
        let fastDigest = fastDigest
        return zip(instances, names).map { instance, name in
            CheckID.of(
                checkName: checkName, instanceName: name, instance: instance, initConfig: initConfig ?? [],
                fastDigest: fastDigest)
        }
    }
}
