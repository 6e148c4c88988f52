import HTTPServer
import Platform

/// The certificate that node-agents and followers see: from files, or self-signed at start.
enum ServingIdentity {
    /// - Parameter hosts: names and addresses that a self-signed certificate is made for.
    /// - Throws: `StartError` naming the option.
    static func make(_ options: Options, hosts: [String], clock: any Clock) throws(StartError) -> TLSIdentity {
        let identity = try load(options, hosts: hosts, clock: clock)
        let out = options[AgentOptions.certificateOut]
        if !out.isEmpty {
            do throws(FileError) {
                try writeFile(out, identity.certificatePEM)
            } catch {
                throw StartError("--cluster_agent.tls_certificate_out: \(error)")
            }
        }
        return identity
    }

    private static func load(
        _ options: Options, hosts: [String], clock: any Clock
    ) throws(StartError) -> TLSIdentity {
        let certificate = options[AgentOptions.certificateFile]
        let key = options[AgentOptions.keyFile]
        guard certificate.isEmpty == key.isEmpty else {
            throw .usage("--cluster_agent.tls_certificate_file and --cluster_agent.tls_key_file: give both or neither")
        }
        do {
            guard !certificate.isEmpty else { return try TLSIdentity.selfSigned(hosts: hosts, now: clock.wallTime()) }
            return try TLSIdentity(
                certificatePEM: try readFile(certificate, atMost: 1 << 20), keyPEM: try readFile(key, atMost: 1 << 20))
        } catch {
            throw StartError("--cluster_agent.tls_certificate_file, --cluster_agent.tls_key_file: \(error)")
        }
    }
}
