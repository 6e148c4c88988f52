/// Why a run of a check failed: a kind to count by, and a message to act on.
package struct CheckFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kinds of failure, as metrics and logs name them.
    package enum Kind: String, Sendable, CaseIterable, Comparable {
        /// The instance cannot be run as it is written, or this agent has no such check.
        case config
        /// The name has no address.
        case dns
        /// Nothing listens at the address.
        case refused
        /// The connection could not be made, or broke.
        case connect
        /// The TLS handshake failed.
        case tls
        /// The time was up.
        case timeout
        /// The status is not one of those expected, or there were too many redirects.
        case status
        /// The body lacks what it should contain.
        case content
        /// The answer is not HTTP, not an exposition, or too large.
        case malformed

        /// Orders as listed.
        package static func < (left: Kind, right: Kind) -> Bool {
            allCases.firstIndex(of: left) ?? 0 < allCases.firstIndex(of: right) ?? 0
        }
    }

    /// What kind of failure.
    package let kind: Kind
    /// One line for people.
    package let message: String

    /// A failure.
    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    /// `kind: message`.
    package var description: String {
        "\(kind.rawValue): \(message)"
    }
}

/// What a run that did not fail brought.
package struct CheckSuccess: Sendable, Equatable {
    /// Samples read (`prometheus`); 0 for checks that only say up or down.
    package var samples = 0
}

/// How a run ended.
package typealias CheckOutcome = Result<CheckSuccess, CheckFailure>
