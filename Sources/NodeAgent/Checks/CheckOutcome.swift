import CheckModel

/// Why a run of a check failed: a kind to count by, and a message to act on.
struct CheckFailure: Error, Sendable, Equatable, CustomStringConvertible {
    typealias Kind = FailureKind

    let kind: Kind
    /// One line for people.
    let message: String
    /// How long the server's certificate is still valid, if it was judged; negative if it is not.
    var secondsToExpiry: Int64?

    /// - Parameter message: is scrubbed: errors of libraries may quote what they were given.
    init(_ kind: Kind, _ message: String, secondsToExpiry: Int64? = nil) {
        self.kind = kind
        self.secondsToExpiry = secondsToExpiry
        self.message = Scrubbing.scrubbed(message)
    }

    var description: String {
        "\(kind.rawValue): \(message)"
    }
}

/// The result of a run that succeeded.
struct CheckSuccess: Sendable, Equatable {
    /// Samples read by `prometheus`; 0 for other checks.
    var samples = 0
    /// How long the server's certificate is still valid, if it was judged.
    var secondsToExpiry: Int64?
}

/// How a run ended.
typealias CheckOutcome = Result<CheckSuccess, CheckFailure>
