/// Why a pattern is not one, or not one that this matcher takes.
package struct PatternError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Characters before the place.
    package let offset: Int
    /// What is wrong there.
    package let reason: String

    /// `character 3: reason`, counted from 1.
    package var description: String {
        "character \(offset + 1): \(reason)"
    }
}
