/// Why an annotation, a file or a template gives no config: one line for those who wrote it.
package struct AutoConfError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong, and where within the object.
    package let description: String

    init(_ description: String) {
        self.description = description
    }
}
