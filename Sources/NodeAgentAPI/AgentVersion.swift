import CheckModel
import JSON

/// The version that node-agents see. They take a major version 1 with a minor below 21 for an old protocol: be 7 or more.
package struct AgentVersion: Sendable {
    private let major: Int
    private let minor: Int
    private let patch: Int
    private let commit: String

    /// A version; `commit` may be empty.
    package init(major: Int, minor: Int, patch: Int, commit: String = "") {
        self.major = major
        self.minor = minor
        self.patch = patch
        self.commit = commit
    }

    /// The JSON object that `GET /version` answers.
    var body: [UInt8] {
        JSONValue.object([
            "Major": .number(String(major)), "Minor": .number(String(minor)), "Patch": .number(String(patch)),
            "Pre": .string(""), "Meta": .string(""), "Commit": .string(commit),
        ]).encoded()
    }
}
