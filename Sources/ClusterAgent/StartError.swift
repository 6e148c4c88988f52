/// Why the cluster-agent cannot start: the place and what to do about it.
package struct StartError: Error, Sendable, CustomStringConvertible {
    /// One line for the operator.
    package let reason: String
    /// Whether an option is wrong (exit code 2) and not the world around (exit code 1).
    package let isUsage: Bool

    /// An error of the world around: a port in use, a file that cannot be read.
    init(_ reason: String) {
        self.reason = reason
        isUsage = false
    }

    /// An error in the options, taken together.
    static func usage(_ reason: String) -> StartError {
        StartError(reason: reason, isUsage: true)
    }

    private init(reason: String, isUsage: Bool) {
        self.reason = reason
        self.isUsage = isUsage
    }

    /// The reason.
    package var description: String {
        reason
    }
}
