/// How far a transfer had come when its time was up.
package enum TransferPhase: Sendable, Hashable, CustomStringConvertible {
    /// No connection had been begun: the name was being resolved, or all connections to the host were in use.
    case waiting
    /// The TCP connection was not answered.
    case connecting
    /// The TLS handshake was not finished.
    case handshaking
    /// The request was sent, or being sent, and the header of the response was not complete.
    case awaitingHeaders
    /// The header had come, the body had not come whole.
    case receivingBody

    /// What was waited for, as the end of a sentence.
    package var description: String {
        switch self {
        case .waiting: "before connecting: the name was not resolved yet, or no connection was free"
        case .connecting: "while connecting: check the address, firewalls and network policies"
        case .handshaking: "in the TLS handshake: the port accepts connections but does not finish TLS"
        case .awaitingHeaders: "while waiting for the response's header: the server is slow or stuck"
        case .receivingBody: "while receiving the response's body"
        }
    }
}

/// Why a request got no response. A response with any status, 500 included, is not an error here.
package enum HTTPClientError: Error, Sendable, Equatable {
    /// The client's options contradict each other or this libcurl cannot fulfil them.
    case invalidOptions(String)
    /// A method, header field or token that cannot be sent; nothing was sent.
    case invalidRequest(String)
    /// A URL that is none, or whose scheme is not allowed, also when a redirect leads to it.
    case invalidURL(String)
    /// The host's name has no address.
    case nameNotResolved(host: String)
    /// Nothing listens at the address.
    case connectionRefused(String)
    /// The connection could not be made, or broke before the response was complete.
    case connectionFailed(String)
    /// TLS failed: the peer is not who it should be, does not accept our certificate, or speaks no TLS.
    case tls(String)
    /// The deadline, or the connect or idle timeout, passed.
    case timedOut(TransferPhase)
    /// The body is larger than the request allows, in bytes.
    case responseTooLarge(limit: Int)
    /// The server redirected more often than the request allows.
    case tooManyRedirects(Int)
    /// What the server sent is not HTTP/1.1.
    case malformedResponse(String)
    /// The caller cancelled the transfer.
    case cancelled
    /// The client was shut down.
    case closed
}

extension HTTPClientError: CustomStringConvertible {
    /// One sentence for an operator: what happened and what to look at.
    package var description: String {
        switch self {
        case .invalidOptions(let reason): "the HTTP client cannot be set up: \(reason)"
        case .invalidRequest(let reason): "the request cannot be sent: \(reason)"
        case .invalidURL(let reason): "invalid URL: \(reason)"
        case .nameNotResolved(let host):
            "the name \(host) was not resolved: check its spelling and that DNS answers on this machine"
        case .connectionRefused(let address):
            "\(address) refused the connection: check that something listens there"
        case .connectionFailed(let reason): "the connection failed: \(reason)"
        case .tls(let reason): "TLS failed: \(reason)"
        case .timedOut(let phase): "timed out \(phase)"
        case .responseTooLarge(let limit): "the response's body is larger than the \(limit) bytes allowed"
        case .tooManyRedirects(let limit): "the server redirects more than \(limit) times"
        case .malformedResponse(let reason): "the response is not valid HTTP: \(reason)"
        case .cancelled: "the request was cancelled"
        case .closed: "the HTTP client was shut down"
        }
    }
}
