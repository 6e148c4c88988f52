import HTTPServer
import Platform

/// The certificate that node-agents and followers see: from files, which are read again when they change, or
/// self-signed at start. And the CA of node-agents' own certificates, if they have any.
struct ServingIdentity: Sendable {
    /// The identity at start.
    let identity: TLSIdentity
    /// The one that is served now.
    let served: Watched<TLSIdentity>
    private let files: (certificate: RereadFile, key: RereadFile)?
    private let authority: RereadFile?

    /// - Parameter hosts: names and addresses that a self-signed certificate is made for.
    /// - Throws: `StartError` naming the option.
    init(_ options: Options, hosts: [String], clock: any Clock) throws(StartError) {
        let (certificate, key) = (options[AgentOptions.certificateFile], options[AgentOptions.keyFile])
        guard certificate.isEmpty == key.isEmpty else {
            throw .usage("--cluster_agent.tls_certificate_file and --cluster_agent.tls_key_file: give both or neither")
        }
        do {
            if certificate.isEmpty {
                files = nil
                identity = try TLSIdentity.selfSigned(hosts: hosts)
            } else {
                let interval = Duration.seconds(10)
                let read = (
                    certificate: try RereadFile(certificate, every: interval, clock: clock),
                    key: try RereadFile(key, every: interval, clock: clock)
                )
                files = read
                identity = try Self.identity(read)
            }
        } catch {
            throw StartError("--cluster_agent.tls_certificate_file, --cluster_agent.tls_key_file: \(error)")
        }
        do throws(FileError) {
            let path = options[AgentOptions.clientAuthorityFile]
            authority =
                path.isEmpty
                ? nil
                : try RereadFile(
                    path, every: .seconds(10), clock: clock,
                    accepts: { TLSServerOptions.problem(ofAuthority: Array($0.utf8)) })
        } catch {
            throw StartError("--\(AgentOptions.clientAuthorityFile.key): \(error)")
        }
        served = Watched(identity)
        do throws(FileError) {
            let out = options[AgentOptions.certificateOut]
            if !out.isEmpty { try writeFile(out, identity.certificatePEM) }
            if certificate.isEmpty, let path = OperatorToken.certificatePath(options) {
                try writeFile(path, identity.certificatePEM)
            }
        } catch {
            throw StartError("the certificate cannot be written: \(error)")
        }
    }

    /// The CA of node-agents' certificates in PEM; nil if they need none.
    var clientAuthorityPEM: [UInt8]? { authority.map { Array($0.text.utf8) } }

    /// Has `server` use what the files hold, and publishes its key, until cancelled. A pair that does not fit (one file
    /// was replaced and the other not yet) is tried again; the last good one stays.
    func follow(_ server: HTTPServer, _ published: PublishedAddress, clock: any Clock, log: Log) async {
        guard files != nil || authority != nil else { return _ = try? await clock.sleep(until: .distantFuture) }
        var current = texts
        var problem: String?
        var authorityProblem: FileError?
        while (try? await clock.sleep(until: clock.now() + .seconds(10))) != nil {
            let newest = texts
            if let found = authority?.problem, found != authorityProblem {
                log.warning("the CA of node-agents cannot be used; the last good one stays", ["problem": found])
            }
            authorityProblem = authority?.problem
            guard newest != current else { continue }
            do throws(HTTPServerError) {
                let identity = try files.map { files throws(HTTPServerError) in try Self.identity(files) } ?? identity
                try server.replaceIdentity(identity, clientAuthorityPEM: clientAuthorityPEM)
                served.set(identity)
                published.replace(publicKeyPin: identity.publicKeyPin)
                (current, problem) = (newest, nil)
                log.info("the certificate or the CA of node-agents changed")
            } catch {
                if problem != "\(error)" {
                    log.warning("the new certificate cannot be used; the old one stays", ["problem": error])
                }
                problem = "\(error)"
            }
        }
    }

    private var texts: [String] {
        [files?.certificate.text, files?.key.text, authority?.text].compactMap { $0 }
    }

    private static func identity(
        _ files: (certificate: RereadFile, key: RereadFile)
    ) throws(HTTPServerError) -> TLSIdentity {
        try TLSIdentity(certificatePEM: Array(files.certificate.text.utf8), keyPEM: Array(files.key.text.utf8))
    }
}
