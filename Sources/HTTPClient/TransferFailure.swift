import CCurl
import Glibc

/// Translates an error code of libcurl into an `HTTPClientError` that tells operators what to do.
struct TransferFailure {
    let code: CURLcode
    /// The error message of libcurl; may be empty.
    let message: String
    /// The `errno` of the failed connect; 0 if there was none.
    let systemError: Int32
    /// Host and port, for messages.
    let authority: String
    let host: String
    /// Host and port of the proxy; nil without one.
    let proxy: String?
    let phase: TransferPhase

    /// The error.
    var error: HTTPClientError {
        switch code {
        case CURLE_COULDNT_RESOLVE_HOST: .nameNotResolved(host: host)
        case CURLE_COULDNT_CONNECT:
            systemError == ECONNREFUSED ? .connectionRefused(first) : .connectionFailed("\(first): \(reason)")
        case CURLE_COULDNT_RESOLVE_PROXY: .connectionFailed("\(first): its name was not resolved")
        case CURLE_OPERATION_TIMEDOUT: .timedOut(phase)
        case CURLE_URL_MALFORMAT: .invalidURL(detail)
        case CURLE_UNSUPPORTED_PROTOCOL:
            // A redirect to another scheme; otherwise a response without a status line, or with another HTTP version.
            message.hasPrefix("Protocol ") ? .invalidURL(detail) : .malformedResponse(detail)
        case CURLE_WEIRD_SERVER_REPLY, CURLE_BAD_CONTENT_ENCODING: .malformedResponse(detail)
        // Nothing else fails to be written: what our callbacks refuse has a reason of its own.
        case CURLE_WRITE_ERROR: .malformedResponse("\(server): its body is not compressed as its header says")
        case CURLE_OUT_OF_MEMORY where phase == .awaitingHeaders:
            .malformedResponse("\(server): a line of its header is too long")
        case CURLE_GOT_NOTHING: .connectionFailed("\(server) closed the connection without a response")
        case CURLE_PARTIAL_FILE: .connectionFailed("\(server) closed the connection in the middle of the body")
        case CURLE_RECV_ERROR, CURLE_SEND_ERROR: transmission
        default: tls ?? .connectionFailed(detail)
        }
    }

    /// A failure while bytes were sent or received; libcurl has one code for a reset, a bad chunk, a
    /// header without end and a TLS alert.
    private var transmission: HTTPClientError {
        if message.contains("chunk") || message.contains("Too large response headers") {
            return .malformedResponse(detail)
        }
        if message.contains("alert") {
            return .tls("\(detail): the server rejected the client; check the client certificate")
        }
        return .connectionFailed(detail)
    }

    private var tls: HTTPClientError? {
        switch code {
        case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
            .tls("the public key of \(server) does not match the pin: it is another server, or its key has changed")
        case CURLE_PEER_FAILED_VERIFICATION:
            .tls(
                "the certificate of \(server) is not trusted (\(reason)): check the CA and the names in the certificate"
            )
        case CURLE_SSL_CACERT_BADFILE: .invalidOptions("the CA cannot be used (\(reason)): check that it is PEM")
        case CURLE_SSL_CERTPROBLEM:
            .invalidOptions(
                "the client certificate or key cannot be used (\(reason)): check that they are PEM and belong together, "
                    + "and the password of the key")
        case CURLE_SSL_CIPHER: .invalidOptions("the ciphers cannot be used (\(reason))")
        case CURLE_SSL_CONNECT_ERROR:
            .tls("the handshake with \(server) failed (\(reason)): check that the port speaks TLS 1.2 or later")
        case CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_CLIENTCERT,
            CURLE_SSL_ENGINE_INITFAILED, CURLE_USE_SSL_FAILED:
            .tls(detail)
        default: nil
        }
    }

    /// What is connected to first.
    private var first: String { proxy.map { "the proxy \($0)" } ?? authority }

    /// The server, and what is in between, which may be to blame too.
    private var server: String { proxy.map { "\(authority) through the proxy \($0)" } ?? authority }

    private var detail: String { "\(server): \(reason)" }

    private var reason: String {
        if !message.isEmpty { return message }
        return unsafe curl_easy_strerror(code).map { unsafe String(cString: $0) } ?? "libcurl error \(code.rawValue)"
    }
}
