package import JSON
package import Platform

/// What tells an instance apart from the others of a list, wherever it stands among them, so that a key made of it does
/// not change when others come and go.
package struct InstanceIdentity: Hashable, Sendable {
    /// The longest name that is used as it is, in bytes; a longer one would make long keys.
    private static let longestName = 100

    /// Its name, if no other instance of the list has it, else a hash of its content.
    @ExactText package private(set) var name: String
    /// The position among those with the same name, which have the same content.
    package let rank: Int

    /// The identity of each instance of a list.
    package static func all(_ instances: [JSONValue]) -> [InstanceIdentity] {
        all(names: instances.map { CheckID.instanceName($0) ?? "" }) { instances[$0].canonicalInstance }
    }

    /// The same of instances that have been encoded.
    static func all(_ instances: [PatchedInstance]) -> [InstanceIdentity] {
        all(names: instances.map { $0.name ?? "" }) { instances[$0].canonical }
    }

    private static func all(names: [String], canonical: (Int) -> [UInt8]) -> [InstanceIdentity] {
        var counts: [ExactText: Int] = [:]
        for name in names { counts[name, default: 0] += 1 }
        var ranks: [ExactText: Int] = [:]
        return names.enumerated().map { index, name in
            let isUnique = !name.isEmpty && name.utf8.count <= longestName && counts[name] == 1
            let text = isUnique ? "name:\(name)" : "content:\(hash(of: canonical(index)))"
            defer { ranks[text, default: 0] += 1 }
            return InstanceIdentity(name: text, rank: ranks[text, default: 0])
        }
    }

    /// The name of the part of a config that has this instance alone.
    package var shard: String { "instance\(rank == 0 ? "" : "-\(rank)"):\(name)" }

    /// The service ID of that part: upstream has the index there, which nobody interprets.
    package func serviceID(_ whole: String) -> String { "\(whole)#instance-shard-\(hash)" }

    /// A short form of it for what must be plain text: it does not change either.
    private var hash: String {
        let text = Self.hash(of: Array(name.utf8))
        return rank == 0 ? text : "\(text)-\(rank)"
    }

    private static func hash(of bytes: [UInt8]) -> String {
        var hash = FNV1a()
        hash.add(bytes)
        return String(hash.value, radix: 16)
    }
}
