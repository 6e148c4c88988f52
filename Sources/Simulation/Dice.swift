import Platform

/// Draws from one stream of a world's seed. Streams are independent, so that another draw in one place changes no
/// other.
package final class Dice: Sendable {
    private let entropy: SeededEntropy

    /// The stream `name` of `seed`.
    package init(seed: UInt64, stream name: String) {
        entropy = SeededEntropy(seed: FNV1a(name).value ^ seed &* 0x9E37_79B9_7F4A_7C15)
    }

    /// A number below `count`, which is at least 1 (Lemire's multiplication, its bias below 2⁻⁴⁰ for what a simulation
    /// counts).
    package func index(below count: Int) -> Int {
        Int(UInt64(count).multipliedFullWidth(by: entropy.next()).high)
    }

    /// A number in `range`.
    package func number(in range: ClosedRange<Int>) -> Int {
        range.lowerBound + index(below: range.count)
    }

    /// A duration in `range`, in whole nanoseconds.
    package func duration(in range: ClosedRange<Duration>) -> Duration {
        let width = range.upperBound.nanoseconds - range.lowerBound.nanoseconds
        return range.lowerBound + .nanoseconds(index(below: Int(width) + 1))
    }

    /// True in `probability` of the draws.
    package func chance(_ probability: Double) -> Bool {
        entropy.fraction() < probability
    }

    /// One of `elements`, which must not be empty.
    package func pick<Element>(_ elements: [Element]) -> Element {
        elements[index(below: elements.count)]
    }

    /// `elements` in a drawn order (Fisher and Yates).
    package func shuffled<Element>(_ elements: [Element]) -> [Element] {
        var elements = elements
        for last in elements.indices.reversed().dropLast() {
            elements.swapAt(last, index(below: last + 1))
        }
        return elements
    }
}
