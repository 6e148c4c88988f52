import FoundationEssentials
import HTTPClient
package import Platform

extension KubernetesConfiguration {
    /// The configuration of a kubeconfig file's current context.
    ///
    /// A JSON file is read as it is; any other is YAML, which `kubectl` is asked to convert. Blocks while `kubectl` runs.
    ///
    /// - Throws: `KubernetesError.configuration`.
    package static func kubeconfig(path: String, clock: any Clock) throws(KubernetesError) -> KubernetesConfiguration {
        let contents: [UInt8]
        do { contents = try readFile(path, atMost: 1 << 20) } catch { throw .configuration("kubeconfig \(error)") }
        let isJSON = contents.first { $0 > UInt8(ascii: " ") } == UInt8(ascii: "{")
        let json = isJSON ? contents : try Kubectl.flattenedConfig(path: path)
        return try Kubeconfig(json: json, path: path).configuration(clock: clock)
    }
}

/// A kubeconfig file, as far as it is supported.
struct Kubeconfig {
    private struct File: Decodable {
        let currentContext: String?
        let clusters: [Named<Cluster>]?
        let contexts: [Named<Context>]?
        let users: [Named<User>]?

        enum CodingKeys: String, CodingKey {
            case currentContext = "current-context"
            case clusters, contexts, users
        }
    }

    /// What stands in a list under a name; `key` is the field that holds it.
    private protocol Entry: Decodable {
        static var key: String { get }
    }

    private struct Named<Value: Entry>: Decodable {
        let name: String
        let value: Value

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: AnyKey.self)
            name = try container.decode(String.self, forKey: AnyKey("name"))
            value = try container.decode(Value.self, forKey: AnyKey(Value.key))
        }
    }

    private struct AnyKey: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(_ text: String) { stringValue = text }
        init?(stringValue: String) { self.init(stringValue) }
        init?(intValue: Int) { nil }
    }

    private struct Context: Entry {
        static let key = "context"
        let cluster: String?
        let user: String?
        let namespace: String?
    }

    private struct Cluster: Entry {
        static let key = "cluster"
        let server: String?
        let serverName: String?
        let insecure: Bool?
        let authority: String?
        let authorityData: String?
        let proxy: String?

        enum CodingKeys: String, CodingKey {
            case server
            case serverName = "tls-server-name"
            case insecure = "insecure-skip-tls-verify"
            case authority = "certificate-authority"
            case authorityData = "certificate-authority-data"
            case proxy = "proxy-url"
        }
    }

    private struct User: Entry {
        static let key = "user"
        let certificate: String?
        let certificateData: String?
        let key: String?
        let keyData: String?
        let token: String?
        let tokenFile: String?
        let username: String?
        let impersonate: String?
        let exec: JSONValue?
        let authProvider: JSONValue?

        enum CodingKeys: String, CodingKey {
            case certificate = "client-certificate"
            case certificateData = "client-certificate-data"
            case key = "client-key"
            case keyData = "client-key-data"
            case token, tokenFile, username, exec
            case impersonate = "as"
            case authProvider = "auth-provider"
        }
    }

    private let path: String
    private let file: File

    /// Reads the JSON of the kubeconfig at `path`.
    init(json: [UInt8], path: String) throws(KubernetesError) {
        self.path = path
        do {
            file = try decode(File.self, from: json, place: path)
        } catch {
            guard case .malformed(_, let reason) = error else { throw error }
            throw .configuration("kubeconfig \(path): \(reason)")
        }
    }

    func configuration(clock: any Clock) throws(KubernetesError) -> KubernetesConfiguration {
        guard let contextName = file.currentContext, !contextName.isEmpty else {
            throw wrong("current-context", "is not set")
        }
        let context = try find(contextName, in: file.contexts, "contexts")
        let clusterName = context.cluster ?? ""
        let cluster = try find(clusterName, in: file.clusters, "clusters")
        let clusterPlace = "clusters[\(clusterName)]"
        guard let server = cluster.server, !server.isEmpty else { throw wrong(clusterPlace, "has no server") }
        if let proxy = cluster.proxy, !proxy.isEmpty { throw wrong(clusterPlace, "proxy-url is not supported") }
        let userName = context.user ?? ""
        let user = try find(userName, in: file.users, "users")
        let userPlace = "users[\(userName)]"
        try check(user, userPlace)
        return try KubernetesConfiguration(
            server: server, credentials: try credentials(cluster, clusterPlace, user, userPlace, clock),
            namespace: context.namespace ?? "default",
            place: "kubeconfig \(path): \(clusterPlace).server")
    }

    private func find<Value>(
        _ name: String, in list: [Named<Value>]?, _ what: String
    ) throws(KubernetesError) -> Value {
        let found = (list ?? []).filter { $0.name == name }
        guard let first = found.first else { throw wrong(what, "there is no '\(name)'") }
        guard found.count == 1 else { throw wrong(what, "there is more than one '\(name)'") }
        return first.value
    }

    private func check(_ user: User, _ place: String) throws(KubernetesError) {
        let advice =
            "give this user a token, a tokenFile (which is read again when it changes) or a client certificate"
        if let exec = user.exec {
            let program = exec["command"]?.text ?? ""
            throw wrong("\(place).exec", "exec plugins are not run, so '\(program)' is not either; \(advice)")
        }
        if let provider = user.authProvider {
            let name = provider["name"]?.text ?? ""
            throw wrong("\(place).auth-provider", "auth providers such as '\(name)' are not supported; \(advice)")
        }
        if user.username != nil {
            throw wrong("\(place).username", "basic authentication is not supported; \(advice)")
        }
        if user.impersonate != nil {
            throw wrong("\(place).as", "impersonation is not supported; give the permissions to this user itself")
        }
    }

    private func credentials(
        _ cluster: Cluster, _ clusterPlace: String, _ user: User, _ userPlace: String, _ clock: any Clock
    ) throws(KubernetesError) -> Credentials {
        let isInsecure = cluster.insecure ?? false
        let serverName = cluster.serverName.flatMap { $0.isEmpty ? nil : $0 }
        var constant = TLSTrust(serverName: serverName, verifies: !isInsecure)
        var parts: [Credentials.Part] = []
        let place = "\(clusterPlace).certificate-authority"
        constant.caPEM = try bytes(cluster.authorityData, file: cluster.authority, place)
        try add(cluster.authority, .authority, place, to: &parts, clock)
        if isInsecure, constant.caPEM != nil || !parts.isEmpty {
            throw wrong(clusterPlace, "a certificate authority and insecure-skip-tls-verify contradict each other")
        }
        let (certificatePlace, keyPlace) = ("\(userPlace).client-certificate", "\(userPlace).client-key")
        constant.clientCertificatePEM = try bytes(user.certificateData, file: user.certificate, certificatePlace)
        constant.clientKeyPEM = try bytes(user.keyData, file: user.key, keyPlace)
        try add(user.certificate, .certificate, certificatePlace, to: &parts, clock)
        try add(user.key, .key, keyPlace, to: &parts, clock)
        let credentials = Credentials(constant, parts, token: try token(user, userPlace, clock), clock: clock)
        if (credentials.trust.clientCertificatePEM == nil) != (credentials.trust.clientKeyPEM == nil) {
            throw wrong(userPlace, "a client certificate and its key must be given together")
        }
        return credentials
    }

    private func add(
        _ file: String?, _ kind: Credentials.Part.Kind, _ place: String, to parts: inout [Credentials.Part],
        _ clock: any Clock
    ) throws(KubernetesError) {
        guard let file, !file.isEmpty else { return }
        do { parts.append(try Credentials.Part(kind, resolved(file), clock: clock)) } catch {
            throw wrong(place, "\(error)")
        }
    }

    /// The file wins over the constant, as upstream: it can be replaced.
    private func token(_ user: User, _ place: String, _ clock: any Clock) throws(KubernetesError) -> BearerToken? {
        if let file = user.tokenFile, !file.isEmpty {
            do {
                return .file(try RereadFile(resolved(file), every: BearerToken.fileInterval, clock: clock))
            } catch {
                throw wrong("\(place).tokenFile", "\(error)")
            }
        }
        return user.token.flatMap { $0.isEmpty ? nil : .constant($0) }
    }

    /// What is given in the kubeconfig itself; nil if it is not.
    private func bytes(_ data: String?, file: String?, _ place: String) throws(KubernetesError) -> [UInt8]? {
        guard let data, !data.isEmpty else { return nil }
        guard (file ?? "").isEmpty else { throw wrong(place, "is given both as a file and as data") }
        guard let decoded = Data(base64Encoded: data) else { throw wrong("\(place)-data", "is not Base64") }
        return [UInt8](decoded)
    }

    /// Relative paths are relative to the kubeconfig's folder.
    private func resolved(_ file: String) -> String {
        guard !file.hasPrefix("/"), let slash = path.lastIndex(of: "/") else { return file }
        return "\(path[...slash])\(file)"
    }

    private func wrong(_ place: String, _ reason: String) -> KubernetesError {
        .configuration("kubeconfig \(path): \(place): \(reason)")
    }
}
