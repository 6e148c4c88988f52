import Platform

/// The namespace and name of an object.
struct NamespacedName: Hashable, Comparable, CustomStringConvertible {
    @ExactText private(set) var namespace: String
    @ExactText private(set) var name: String

    static func < (left: NamespacedName, right: NamespacedName) -> Bool {
        (left.namespace, left.name) < (right.namespace, right.name)
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
