/// Why a program cannot start: the place and what to do about it.
package struct StartError: Error, Sendable, CustomStringConvertible {
    /// One line for the operator.
    package let description: String
    /// Whether an option is wrong (exit code 2) and not the world around (exit code 1).
    package let isUsage: Bool

    /// An error of the world around: a port in use, a file that cannot be read.
    package init(_ description: String) {
        self.init(description, isUsage: false)
    }

    /// An error in the options, taken together.
    package static func usage(_ description: String) -> StartError {
        StartError(description, isUsage: true)
    }

    private init(_ description: String, isUsage: Bool) {
        self.description = description
        self.isUsage = isUsage
    }
}
