/// Something wrong with one object: a Service's annotations, a file, a directory.
package struct ConfigProblem: Hashable, Sendable, CustomStringConvertible {
    /// How much it matters.
    package enum Severity: String, Sendable {
        /// Something that its author may not have meant; no config for the cluster is lost by it.
        case warning
        /// At least one config that was meant for the cluster is not used, or only as it was before.
        case error
    }

    /// The object, such as `kube_service://shop/web` or `file:/etc/conf.d/http_check.json`.
    package let object: String
    /// What is wrong, and where in the object.
    package let reason: String
    /// How much it matters.
    package let severity: Severity

    init(_ object: String, _ reason: String, _ severity: Severity = .error) {
        self.object = object
        self.reason = reason
        self.severity = severity
    }

    /// `object: reason`.
    package var description: String {
        "\(object): \(reason)"
    }
}
