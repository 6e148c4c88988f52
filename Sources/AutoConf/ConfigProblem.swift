import CheckModel
package import Platform

/// A problem of one object: a Service's annotations, a file, a directory.
package struct ConfigProblem: Hashable, Sendable, CustomStringConvertible {
    /// Whether configs are lost.
    package enum Severity: String, Sendable {
        /// Something that its author may not have meant. No config for the cluster is lost.
        case warning
        /// At least one config for the cluster is not used, or only as it was before.
        case error
    }

    /// The object, such as `kube_service://shop/web` or `file:/etc/conf.d/http_check.json`.
    @ExactText package private(set) var object: String
    /// What is wrong, and where in the object.
    @ExactText package private(set) var reason: String
    /// Whether configs are lost.
    package let severity: Severity

    /// A problem of an object.
    ///
    /// - Parameter reason: names the place and the kind of the problem, and quotes no value. It is shown to people who
    ///   may not read the object, so it is scrubbed besides.
    package init(_ object: String, _ reason: String, _ severity: Severity = .error) {
        self.object = object
        self.reason = visibleLine(Scrubbing.scrubbed(reason))
        self.severity = severity
    }

    /// `object: reason`, in one line.
    package var description: String {
        "\(visibleLine(object)): \(reason)"
    }
}

/// A problem as people see it.
package struct ReportedProblem: Sendable {
    /// The problem.
    package let problem: ConfigProblem
    /// When this replica found it; nil if that is not known.
    package let since: WallTime?
    /// Whether configs that the object had before stay in use.
    package let keepsLast: Bool
}

/// Why an annotation, a file, a template or an option cannot be used: one line for its author.
package struct AutoConfError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong, and where within the object.
    @ExactText package private(set) var description: String

    init(_ description: String) {
        self.description = description
    }
}
