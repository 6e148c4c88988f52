import CheckModel
import Platform

/// The namespace and name of an object.
struct NamespacedName: Hashable, Comparable, CustomStringConvertible {
    @ExactText private(set) var namespace: String
    @ExactText private(set) var name: String

    init(namespace: String, name: String) {
        self.namespace = namespace
        self.name = name
    }

    static func < (left: NamespacedName, right: NamespacedName) -> Bool {
        (left.namespace, left.name) < (right.namespace, right.name)
    }

    /// What the source of a config, or an object in problems, names; nil for one that is not in Kubernetes.
    init?(ofSource source: String) {
        let prefixes = ["kube_service://", "kube_endpoint_uid://", ConfigKey.clusterCheckPrefix]
        guard let prefix = prefixes.first(where: { source.utf8.starts(with: $0.utf8) }) else { return nil }
        let parts = source.dropFirst(prefix.utf8.count).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count >= 2 else { return nil }
        self.init(namespace: String(parts[0]), name: String(parts[1]))
    }

    /// `namespace/name`.
    var description: String {
        "\(namespace)/\(name)"
    }

    /// What autodiscovery calls the Service with this name.
    var serviceEntity: String {
        "kube_service://\(self)"
    }

    /// What autodiscovery calls one address of the endpoints of the Service with this name, or all of them if it is
    /// empty.
    func endpointEntity(_ address: String = "") -> String {
        "kube_endpoint_uid://\(self)/\(address)"
    }
}
