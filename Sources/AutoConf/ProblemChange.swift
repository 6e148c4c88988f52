package import Kubernetes

/// How the problems of one object changed. Deleting an object is no change: none of its problems was solved.
package struct ProblemChange: Hashable, Sendable {
    /// The object that Events are about, a Service or a ClusterCheck; nil for a file or a directory.
    package let object: ObjectReference?
    /// Problems that are new.
    package let appeared: [ConfigProblem]
    /// Problems that are gone.
    let solved: [ConfigProblem]
    /// Whether configs that its author wrote before stay in use.
    package let keepsLast: Bool
    /// How many problems of severity `error` the object has now. Warnings are not counted: no check is missing because
    /// of them.
    package let remaining: Int

    /// Whether everything of the object can be used now, and could not before.
    package var isMended: Bool {
        remaining == 0 && solved.contains { $0.severity == .error }
    }
}
