package import Platform

/// Which checks an agent can run, as it says itself. An agent that says nothing can run any.
package struct CheckCompatibility: Hashable, Sendable {
    /// The checks that it runs, sorted; empty for any.
    package let include: [ExactText]
    /// The checks that it does not run, sorted.
    package let exclude: [ExactText]
    /// The version of the agent's checks, for people; empty if it says none.
    @ExactText package private(set) var version: String

    /// The most names in one list.
    package static let maximumNames = 2_000

    /// Which checks an agent can run.
    package init(include: [ExactText], exclude: [ExactText] = [], version: String = "") {
        self.include = Set(include).sorted()
        self.exclude = Set(exclude).sorted()
        _version = ExactText(wrappedValue: version)
    }

    /// Whether it runs a check of this name.
    package func runs(_ check: String) -> Bool {
        (include.isEmpty || Self.has(check, include)) && !Self.has(check, exclude)
    }

    /// By bisection.
    private static func has(_ check: String, _ names: [ExactText]) -> Bool {
        let name = ExactText(check)
        var (low, high) = (0, names.count)
        while low < high {
            let middle = (low + high) / 2
            if names[middle] < name { low = middle + 1 } else { high = middle }
        }
        return low < names.count && names[low] == name
    }
}
