import CheckModel

/// Why a run of a check failed: a kind to count by, and a message to act on.
struct CheckFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kinds of failure, as metrics and logs name them.
    enum Kind: String, Sendable, CaseIterable, Comparable {
        /// The instance is invalid, or a file that it names cannot be used.
        case config
        /// This agent does not run the check, or does not follow one of its options.
        case unsupported
        /// The host name cannot be resolved.
        case dns
        /// Nothing listens at the address.
        case refused
        /// The connection failed or was lost.
        case connect
        /// The TLS handshake failed.
        case tls
        /// The time limit was exceeded.
        case timeout
        /// It was due once more and still waited for a worker, or its answer found no memory.
        case starved
        /// The status is unexpected, or the redirects are too many or lead nowhere.
        case status
        /// The server's certificate has expired, or will soon.
        case certificate
        /// The body does not contain what it should.
        case content
        /// The answer is not HTTP, not an exposition, or too large.
        case malformed

        /// In the order of declaration.
        static func < (left: Kind, right: Kind) -> Bool {
            allCases.firstIndex(of: left) ?? 0 < allCases.firstIndex(of: right) ?? 0
        }
    }

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
