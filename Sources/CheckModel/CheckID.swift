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
        for (option, accepts) in commonOptions {
            if let value = members[option], value != .null, !accepts(value) { return nil }
        }
        let names = ["name", "namespace"].compactMap { members[$0].flatMap(scalarText) }
        return names.first { !$0.isEmpty }
    }

    private static let commonOptions: [(option: String, accepts: @Sendable (JSONValue) -> Bool)] = [
        ("name", { scalarText($0) != nil }),
        ("namespace", { scalarText($0) != nil }),
        ("service", { scalarText($0) != nil }),
        ("tags", { $0.arrayValue?.allSatisfy { $0 == .null || scalarText($0) != nil } ?? false }),
        ("empty_default_hostname", { $0.boolValue != nil }),
        ("no_index", { $0.boolValue != nil }),
        ("min_collection_interval", { if case .number = $0 { true } else { false } }),
    ]

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
