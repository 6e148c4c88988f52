import Platform

/// The capacity that the label or annotation `cluster-agent.dev/capacity` of a Kubernetes node, or of a node-agent's
/// pod, states: how many checks its agent runs at a time. An annotation counts before a label.
package enum StatedCapacity {
    /// The name of the label and of the annotation.
    package static let key = "cluster-agent.dev/capacity"
    /// What it may be.
    package static let range = 1...10_000

    static func isKey(_ name: String) -> Bool { name.hasSameBytes(as: key) }

    /// The capacity that an object states; nil if it states none, or none that can be used.
    package static func of(_ metadata: ObjectMetadata) -> Int? {
        let text = metadata.annotations[ExactText(key)] ?? metadata.labels[ExactText(key)]
        return text.flatMap { Int($0.text) }.flatMap { range.contains($0) ? $0 : nil }
    }

    /// Why what an object states cannot be used; nil if nothing is wrong.
    package static func problem(of metadata: ObjectMetadata) -> String? {
        let isStated = metadata.annotations[ExactText(key)] != nil || metadata.labels[ExactText(key)] != nil
        guard isStated, of(metadata) == nil else { return nil }
        return "\(key) is not a whole number from \(range.lowerBound) to \(range.upperBound)"
    }
}
