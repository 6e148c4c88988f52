import COpenSSL
import Glibc

/// Reads and writes the socket of a connection, in plain text or through TLS. Never blocks.
enum Transport: ~Copyable {
    /// The result of a read or a write.
    enum Outcome: Equatable {
        case bytes(Int)
        /// Retry when the socket is readable.
        case needsInput
        /// Retry when the socket is writable.
        case needsRoom
        /// TLS has read a share of records without application data. Retry once others have had their turn.
        case interrupted
        /// The client has closed its sending side.
        case ended
        /// The connection is broken.
        case failed
        /// The client sent plain HTTP to a TLS port.
        case failedAsPlainHTTP
    }

    case plain(Int32)
    case tls(TLSSession)

    /// Whether requests can be read: always in plain text, after the handshake with TLS.
    var isEstablished: Bool {
        switch self {
        case .plain: true
        case .tls(let session): session.isEstablished
        }
    }

    /// The certificate that the client has shown, once the handshake is over; nil if it has none.
    var clientCertificate: ClientCertificate? {
        switch self {
        case .plain: nil
        case .tls(let session): session.clientCertificate
        }
    }

    /// Why the certificate that the client has shown is refused; nil if it is not, or there is none.
    var clientCertificateProblem: String? {
        switch self {
        case .plain: nil
        case .tls(let session): session.clientCertificateProblem
        }
    }

    /// Whether TLS has buffered bytes that the socket no longer reports.
    var hasBufferedInput: Bool {
        switch self {
        case .plain: false
        case .tls(let session): session.hasBufferedInput
        }
    }

    /// Reads into `buffer`.
    mutating func read(into buffer: UnsafeMutableRawBufferPointer) -> Outcome {
        switch consume self {
        case .plain(let number):
            self = .plain(number)
            return Self.outcome(unsafe recv(number, buffer.baseAddress, buffer.count, 0), isRead: true)
        case .tls(var session):
            let outcome = unsafe session.read(into: buffer)
            self = .tls(session)
            return outcome
        }
    }

    /// Writes `buffer`. After `needsRoom` or `needsInput` pass the same bytes again, at any address.
    func write(_ buffer: UnsafeRawBufferPointer) -> Outcome {
        switch self {
        case .plain(let number):
            return Self.outcome(
                unsafe send(number, buffer.baseAddress, buffer.count, Int32(MSG_NOSIGNAL)), isRead: false)
        case .tls(let session):
            return unsafe session.write(buffer)
        }
    }

    /// Tells the client that nothing more follows, if the protocol allows it.
    func sendCloseNotify() {
        switch self {
        case .plain: break
        case .tls(let session): session.sendCloseNotify()
        }
    }

    private static func outcome(_ count: Int, isRead: Bool) -> Outcome {
        if count > 0 { return .bytes(count) }
        if count == 0 { return isRead ? .ended : .needsRoom }
        guard errno == EAGAIN || errno == EINTR else { return .failed }
        return isRead ? .needsInput : .needsRoom
    }
}

/// The server side of a TLS connection.
@safe struct TLSSession: ~Copyable {
    /// How often a call may read the socket: a record and the read that finds no more of it, twice.
    private static let readsPerCall: UInt32 = 4
    /// The bytes of records that a client may send after the handshake without any application data among them: four
    /// full records. The records of one key update have 27 bytes.
    private static let idleRecordBytes: UInt64 = 65_536

    private let pointer: OpaquePointer
    /// The bytes read from the socket when the last application data came.
    private var bytesAtLastData: UInt64 = 0

    /// A session on the socket `number`, which it does not own. Nil if OpenSSL has no memory.
    init?(_ context: TLSContext, socket number: Int32) {
        guard let session = unsafe SSL_new(context.pointer) else { return nil }
        guard unsafe SSL_set_fd(session, number) == 1 else {
            unsafe SSL_free(session)
            return nil
        }
        unsafe SSL_set_accept_state(session)
        unsafe copenssl_limit_reads(session)
        unsafe pointer = session
    }

    deinit {
        unsafe SSL_free(pointer)
    }

    var isEstablished: Bool {
        unsafe SSL_is_init_finished(pointer) == 1
    }

    var clientCertificate: ClientCertificate? {
        unsafe ClientCertificate(ofSession: pointer)
    }

    var clientCertificateProblem: String? {
        let result = unsafe SSL_get_verify_result(pointer)
        guard result != Int(X509_V_OK) else { return nil }
        return unsafe X509_verify_cert_error_string(result).map { unsafe String(cString: $0) } ?? "error \(result)"
    }

    var hasBufferedInput: Bool {
        unsafe SSL_has_pending(pointer) == 1
    }

    /// Reads; performs the handshake first.
    ///
    /// A client that sends nothing but records without application data, such as key updates, fails.
    mutating func read(into buffer: UnsafeMutableRawBufferPointer) -> Transport.Outcome {
        clearErrors()
        unsafe copenssl_allow_reads(pointer, Self.readsPerCall)
        let wasEstablished = isEstablished
        let count = unsafe SSL_read(pointer, buffer.baseAddress, Int32(clamping: buffer.count))
        let bytes = unsafe copenssl_bytes_read(pointer)
        guard count <= 0 else {
            bytesAtLastData = bytes
            return .bytes(Int(count))
        }
        if !wasEstablished { bytesAtLastData = bytes }
        let outcome = outcome(count)
        switch outcome {
        case .needsInput, .needsRoom:
            if bytes - bytesAtLastData > Self.idleRecordBytes { return .failed }
            return unsafe outcome == .needsInput && copenssl_is_drained(pointer) == 0 ? .interrupted : outcome
        default:
            return outcome
        }
    }

    func write(_ buffer: UnsafeRawBufferPointer) -> Transport.Outcome {
        clearErrors()
        unsafe copenssl_allow_reads(pointer, Self.readsPerCall)
        let count = unsafe SSL_write(pointer, buffer.baseAddress, Int32(clamping: buffer.count))
        return count > 0 ? .bytes(Int(count)) : outcome(count)
    }

    /// Sends `close_notify` if the handshake is complete and nothing has failed.
    func sendCloseNotify() {
        guard isEstablished else { return }
        ERR_clear_error()
        unsafe SSL_shutdown(pointer)
        ERR_clear_error()
    }

    /// SSL_get_error is correct only if the error queue was empty before the call. Clearing the queue costs far more
    /// than peeking at it.
    private func clearErrors() {
        if ERR_peek_error() != 0 { ERR_clear_error() }
    }

    private func outcome(_ result: Int32) -> Transport.Outcome {
        switch unsafe SSL_get_error(pointer, result) {
        case SSL_ERROR_WANT_READ: return .needsInput
        case SSL_ERROR_WANT_WRITE: return .needsRoom
        case SSL_ERROR_ZERO_RETURN: return .ended
        default:
            let isPlainHTTP = copenssl_is_plain_http(ERR_peek_error()) == 1
            ERR_clear_error()
            return isPlainHTTP ? .failedAsPlainHTTP : .failed
        }
    }
}
