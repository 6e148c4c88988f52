/// How far a transfer had got when it timed out.
package enum TransferPhase: Sendable, Hashable, CustomStringConvertible {
    /// No connection was started: the name was being resolved, or all connections to the host were in use.
    case waiting
    /// The TCP connection was not established.
    case connecting
    /// The TLS handshake was not complete.
    case handshaking
    /// The request was being sent or had been sent, and the response header was not complete.
    case awaitingHeaders
    /// The response header was complete, the body was not.
    case receivingBody

    /// What the transfer was waiting for, as the end of a sentence.
    package var description: String {
        switch self {
        case .waiting: "before connecting: the name was not resolved, or no connection was free"
        case .connecting: "while connecting: check the address, firewalls and network policies"
        case .handshaking: "in the TLS handshake: the port accepts connections but does not finish TLS"
        case .awaitingHeaders: "while waiting for the response header: the server is slow or stuck"
        case .receivingBody: "while receiving the response body"
        }
    }
}

/// Why a request got no response. A response with any status, even 500, is not an error here.
package enum HTTPClientError: Error, Sendable, Equatable {
    /// The options of the client contradict each other, or the installed libcurl does not support them.
    case invalidOptions(String)
    /// The method, a header field or the token cannot be sent; nothing was sent.
    case invalidRequest(String)
    /// The URL is malformed or its scheme is not allowed.
    case invalidURL(String)
    /// The server redirects to a URL that is malformed or whose scheme is not allowed.
    case invalidRedirect(String)
    /// The host name does not resolve to an address.
    case nameNotResolved(host: String)
    /// Nothing listens on the address.
    case connectionRefused(String)
    /// The connection could not be established, or broke before the response was complete.
    case connectionFailed(String)
    /// TLS failed: the identity of the peer is wrong, it rejects our certificate, or it does not speak TLS.
    case tls(String)
    /// The deadline, the connect timeout or the idle timeout passed.
    case timedOut(TransferPhase)
    /// The body exceeds the limit of the request, in bytes.
    case responseTooLarge(limit: Int)
    /// The bodies of all responses together exceed the budget of the client, in bytes.
    case tooMuchAtOnce(limit: Int)
    /// The server redirected more often than the request allows.
    case tooManyRedirects(Int)
    /// The response is not valid HTTP/1.1.
    case malformedResponse(String)
    /// The caller cancelled the transfer.
    case cancelled
    /// The client was shut down.
    case closed
}

extension HTTPClientError: CustomStringConvertible {
    /// A sentence for operators: what happened and what to check.
    package var description: String {
        switch self {
        case .invalidOptions(let reason): "the HTTP client cannot be set up: \(reason)"
        case .invalidRequest(let reason): "the request cannot be sent: \(reason)"
        case .invalidURL(let reason): "invalid URL: \(reason)"
        case .invalidRedirect(let reason): "the server redirects to a URL that is not followed: \(reason)"
        case .nameNotResolved(let host):
            "the name \(host) was not resolved: check its spelling and the DNS of this machine"
        case .connectionRefused(let address):
            "\(address) refused the connection: check that something listens there"
        case .connectionFailed(let reason): "the connection failed: \(reason)"
        case .tls(let reason): "TLS failed: \(reason)"
        case .timedOut(let phase): "timed out \(phase)"
        case .responseTooLarge(let limit): "the response body is larger than the \(limit) bytes allowed"
        case .tooMuchAtOnce(let limit): "the bodies of all responses together are larger than \(limit) bytes"
        case .tooManyRedirects(let limit): "the server redirects more than \(limit) times"
        case .malformedResponse(let reason): "the response is not valid HTTP: \(reason)"
        case .cancelled: "the request was cancelled"
        case .closed: "the HTTP client was shut down"
        }
    }
}
