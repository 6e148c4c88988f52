/// The kinds of failure of a check's run, as our agents tell them, and as metrics and logs name them.
package enum FailureKind: String, Sendable, CaseIterable, Comparable {
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
    package static func < (left: FailureKind, right: FailureKind) -> Bool {
        allCases.firstIndex(of: left) ?? 0 < allCases.firstIndex(of: right) ?? 0
    }
}
