package import Kubernetes

/// What changed in what is wrong with one object. An object that is gone makes no change: nothing about it was mended.
package struct ProblemChange: Hashable, Sendable {
    /// The Service, to write Events about; nil for a file or a directory.
    package let object: ObjectReference?
    /// The object as problems name it, such as `kube_service://shop/web`.
    package let entity: String
    /// Problems that were not there before.
    package let appeared: [ConfigProblem]
    /// Problems that are no more.
    package let solved: [ConfigProblem]
    /// How many problems of severity `error` the object has now; warnings are not counted, they keep no check from running.
    package let remaining: Int

    /// Whether everything of the object can be used now, and could not before.
    package var isMended: Bool {
        remaining == 0 && solved.contains { $0.severity == .error }
    }
}
