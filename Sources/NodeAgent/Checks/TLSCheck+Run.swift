import CheckModel
import CheckOptions
import Glibc
import Platform
import TLSClient

/// As upstream: the version, the trust in the certificate, its name and its expiry are judged, in that order.
extension TLSCheck {
    func run(_ limit: RunLimit) throws(CheckFailure) -> CheckSuccess {
        switch target {
        case .file(let path):
            let contents = try optionFile(path.text, "local_cert_path")
            let certificate = try convert(.config) { () throws(TLSClientError) in
                try PeerCertificate(file: contents)
            }
            return try judge(certificate, nil, limit)
        case .server(let server):
            let context = try context()
            let socket = try CheckSocket(to: server, limit)
            if let startTLS { try startTLS.begin(on: socket) }
            let handshake = try convert(.tls) { () throws(TLSClientError) in
                try TLSHandshake(context, socket: socket.descriptor.number, serverName: serverName?.text)
            }
            try finish(handshake, socket)
            guard Version(rawValue: handshake.version).map(versions.contains) == true else {
                throw CheckFailure(.tls, "the server speaks \(handshake.version), which allowed_versions does not have")
            }
            let certificate = try convert(.tls) { () throws(TLSClientError) in try handshake.certificate() }
            return try judge(certificate, handshake.distrust, limit)
        }
    }

    private func context() throws(CheckFailure) -> TLSClientContext {
        var options = TLSClientOptions()
        options.caDirectory = trust.caDirectory
        options.caFile = options.caDirectory == nil ? trust.caFile : nil
        options.certificateFile = trust.certificateFile
        options.keyFile = trust.keyFile
        for (path, option) in [
            (options.caFile, "tls_ca_cert"), (options.certificateFile, "tls_cert"),
            (options.keyFile, "tls_private_key"),
        ] {
            if let path { _ = try optionFile(path, option) }
        }
        options.keyPassword = trust.keyPassword?.text
        options.ciphers = trust.ciphers
        options.suites = trust.suites
        options.allowsOldVersions = versions.contains(.tls1) || versions.contains(.tls11)
        return try convert(.config) { () throws(TLSClientError) in try TLSClientContext(options) }
    }

    private func finish(_ handshake: borrowing TLSHandshake, _ socket: borrowing CheckSocket) throws(CheckFailure) {
        while true {
            switch try convert(.tls, { () throws(TLSClientError) in try handshake.advance() }) {
            case .done: return
            case .needsInput: try socket.wait(POLLIN, "the TLS handshake does not end in time")
            case .needsRoom: try socket.wait(POLLOUT, "the TLS handshake does not end in time")
            }
        }
    }

    private func judge(
        _ certificate: borrowing PeerCertificate, _ distrust: CertificateDistrust?, _ limit: RunLimit
    ) throws(CheckFailure) -> CheckSuccess {
        let left = certificate.end.map { $0 - limit.time }
        if trust.verifies, let distrust {
            throw CheckFailure(
                distrust.isExpired ? .certificate : .tls, "the certificate is not trusted: \(distrust.reason)",
                secondsToExpiry: left)
        }
        if validatesName, let name = serverName?.text, !certificate.isFor(name) {
            throw CheckFailure(.tls, "the certificate is not for \(name)", secondsToExpiry: left)
        }
        guard let left else { throw CheckFailure(.tls, "the certificate does not say when it ends") }
        if let failure = expiry.failure(secondsLeft: left) { throw failure }
        return CheckSuccess(secondsToExpiry: left)
    }

    /// What `body` returns; its error as a failure of a kind.
    private func convert<Value: ~Copyable>(
        _ kind: CheckFailure.Kind, _ body: () throws(TLSClientError) -> Value
    ) throws(CheckFailure) -> Value {
        do throws(TLSClientError) {
            return try body()
        } catch {
            switch error {
            case .invalidOptions: throw CheckFailure(.config, error.description)
            case .handshake: throw CheckFailure(kind, "the TLS handshake failed: \(error)")
            case .noCertificate: throw CheckFailure(kind, "no certificate: \(error)")
            }
        }
    }
}

extension CertificateExpiry {
    /// Why a certificate that is valid for so long fails the check; nil if it does not.
    func failure(secondsLeft left: Int64) -> CheckFailure? {
        guard left <= 0 || Duration.seconds(left) < critical else { return nil }
        let hours = abs(left) / 3_600
        let time = hours < 72 ? "\(hours) hours" : "\(hours / 24) days"
        let reason =
            left <= 0
            ? "the certificate expired \(time) ago"
            : "the certificate expires in \(time), less than days_critical or seconds_critical"
        return CheckFailure(.certificate, reason, secondsToExpiry: left)
    }
}
