/// The name of an object within the cluster, of a type that is known from elsewhere.
struct NamespacedName: Hashable, Comparable, CustomStringConvertible {
    let namespace: String
    let name: String

    static func < (left: NamespacedName, right: NamespacedName) -> Bool {
        (left.namespace, left.name) < (right.namespace, right.name)
    }

    /// `namespace/name`.
    var description: String {
        "\(namespace)/\(name)"
    }

    /// What autodiscovery calls the Service of this name.
    var serviceEntity: String {
        "kube_service://\(self)"
    }

    /// What autodiscovery calls one address among the endpoints of the Service of this name; all of them, without an address.
    func endpointEntity(_ address: String = "") -> String {
        "kube_endpoint_uid://\(self)/\(address)"
    }
}
