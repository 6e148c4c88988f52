package import HTTPClient
package import Platform

/// Where the API server is, whom to believe, and who we are.
package struct KubernetesConfiguration: Sendable {
    /// Where a pod finds its service account.
    package static let serviceAccountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount"

    /// The API server's URL: `https`, without a slash at the end; a path is a prefix of every request's.
    package let server: String
    /// Its CA, and our certificate if we have one; what comes from files is read again when it is older than 60 s.
    package var trust: TLSTrust { credentials.trust }
    /// Our token, if we have one.
    package var token: BearerToken? { credentials.token }
    /// What `trust` and `token` are read from.
    let credentials: Credentials
    let proxy: ProxyPolicy
    /// Host and port of the proxy through which the API server is reached; nil without one.
    package var proxyAuthority: String? { proxy.authority }
    /// The namespace that is meant where none is named.
    package let namespace: String

    /// A configuration.
    ///
    /// - Throws: `KubernetesError.configuration` if the URL cannot be used; `place` says where it came from.
    init(
        server: String, credentials: Credentials, proxy: ProxyPolicy, namespace: String, place: String
    ) throws(KubernetesError) {
        self.server = try Self.checked(server, place)
        self.credentials = credentials
        self.proxy = proxy
        self.namespace = namespace
    }

    /// The configuration of a pod: its environment and its service account.
    ///
    /// Token and CA are read again when they are older than 60 s (the kubelet replaces them); both also after a 401,
    /// the CA also when a connection could not be secured.
    ///
    /// - Parameter directory: another place of the service account, for tests.
    /// - Throws: `KubernetesError.configuration`, also when the CA cannot be read: another one is never trusted
    ///   instead.
    package static func inCluster(
        environment: [String: String], directory: String = serviceAccountDirectory, clock: any Clock
    ) throws(KubernetesError) -> KubernetesConfiguration {
        let host = environment["KUBERNETES_SERVICE_HOST"] ?? ""
        let port = environment["KUBERNETES_SERVICE_PORT"] ?? ""
        guard !host.isEmpty, !port.isEmpty else {
            throw .configuration(
                "unable to load in-cluster configuration: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set; "
                    + "outside a pod give a kubeconfig")
        }
        let authority: Credentials.Part
        let token: RereadFile
        do throws(FileError) {
            authority = try Credentials.Part(.authority, "\(directory)/ca.crt", clock: clock)
            token = try RereadFile("\(directory)/token", every: BearerToken.fileInterval, clock: clock)
        } catch {
            throw .configuration("unable to load in-cluster configuration: \(error)")
        }
        let isBare = host.utf8.contains(UInt8(ascii: ":")) && !host.hasPrefix("[")
        let server = "https://\(isBare ? "[\(host)]" : host):\(port)"
        return try KubernetesConfiguration(
            server: server,
            credentials: Credentials(TLSTrust(), [authority], token: .file(token), clock: clock),
            proxy: ProxyPolicy(environment: environment, server: server),
            namespace: ownNamespace(environment, directory),
            place: "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT")
    }

    /// The namespace of this pod: `POD_NAMESPACE`, else the service account's, else `default`.
    private static func ownNamespace(_ environment: [String: String], _ directory: String) -> String {
        if let given = environment["POD_NAMESPACE"], !given.isEmpty { return given }
        let file = try? readFile("\(directory)/namespace", atMost: 4096)
        let name = trimmed(String(decoding: file ?? [], as: UTF8.self))
        return name.isEmpty ? "default" : name
    }

    private static func checked(_ server: String, _ place: String) throws(KubernetesError) -> String {
        let scheme = "https://"
        guard server.lowercased().hasPrefix(scheme) else {
            throw .configuration("\(place): '\(server)' is not an https URL; credentials are only sent over https")
        }
        var text = server
        while text.hasSuffix("/") { text.removeLast() }
        let isPlain = text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
        guard text.utf8.count > scheme.utf8.count, isPlain, !text.contains(where: { "?#@".contains($0) }) else {
            throw .configuration("\(place): '\(server)' is not a URL of the form https://HOST:PORT/PREFIX")
        }
        return text
    }
}

/// Our token for the API server.
package enum BearerToken: Sendable {
    /// One that never changes.
    case constant(String)
    /// One in a file, which others replace before it expires.
    case file(RereadFile)

    /// How old a reading of a token file may be.
    package static let fileInterval = Duration.seconds(60)

    /// The newest token.
    package var text: String {
        switch self {
        case .constant(let text): text
        case .file(let file): file.text
        }
    }

    /// Why the newest reading of the file failed.
    var problem: FileError? {
        if case .file(let file) = self { file.problem } else { nil }
    }

    /// The newest token, read again now.
    func reread() -> String {
        switch self {
        case .constant(let text): text
        case .file(let file): file.reread()
        }
    }
}
