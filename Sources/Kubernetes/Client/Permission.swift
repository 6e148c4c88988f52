package import Platform

/// Something that a user of the API may be allowed to do.
package struct Permission: Hashable, Sendable, CustomStringConvertible {
    /// What: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`.
    @ExactText package private(set) var verb: String
    /// The API group; empty for the core group.
    @ExactText package private(set) var group: String
    /// With what, in the plural: `pods`; with a subresource: `pods/status`.
    @ExactText package private(set) var resource: String
    /// Where; nil for all namespaces, and for what has none.
    package let namespace: String?
    /// With which one; nil for all.
    package let name: String?

    /// A permission.
    package init(
        _ verb: String, _ resource: String, group: String = "", namespace: String? = nil, name: String? = nil
    ) {
        self.verb = verb
        self.group = group
        self.resource = resource
        self.namespace = namespace
        self.name = name
    }

    /// As one says it: `list pods in namespace cluster-agent`, `update leases.coordination.k8s.io/x in namespace y`,
    /// `watch nodes`.
    package var description: String {
        let kind = group.isEmpty ? resource : "\(resource).\(group)"
        let object = name.map { "\(kind)/\($0)" } ?? kind
        return "\(verb) \(object)" + (namespace.map { " in namespace \($0)" } ?? "")
    }
}
