import HTTPClient
import JSON
package import Platform

extension KubernetesConfiguration {
    /// The configuration of a kubeconfig file's current context.
    ///
    /// A JSON file is read as it is; any other is YAML, which `kubectl` is asked to convert. Blocks while `kubectl`
    /// runs.
    ///
    /// - Parameter environment: names the proxy, where the kubeconfig names none.
    /// - Throws: `KubernetesError.configuration`.
    package static func kubeconfig(
        path: String, environment: [String: String], clock: any Clock
    ) throws(KubernetesError) -> KubernetesConfiguration {
        let contents: [UInt8]
        do { contents = try readFile(path, atMost: 1 << 20) } catch { throw .configuration("kubeconfig \(error)") }
        let isJSON = contents.first { $0 > UInt8(ascii: " ") } == UInt8(ascii: "{")
        let json = isJSON ? contents : try Kubectl.flattenedConfig(path: path)
        return try Kubeconfig(json: json, path: path).configuration(environment, clock)
    }
}

/// The supported fields of a kubeconfig file.
struct Kubeconfig {
    private let path: String
    private let top: Entry
    private let contexts: [Named]
    private let clusters: [Named]
    private let users: [Named]

    private struct Named {
        let name: String
        let entry: Entry
    }

    /// Reads the JSON of the kubeconfig at `path`.
    init(json: [UInt8], path: String) throws(KubernetesError) {
        self.path = path
        let whole: JSONValue
        do { whole = try JSONValue(parsing: json) } catch { throw .configuration("kubeconfig \(path): \(error)") }
        top = try Entry(whole, path, place: "")
        contexts = try Self.list("contexts", of: "context", in: top)
        clusters = try Self.list("clusters", of: "cluster", in: top)
        users = try Self.list("users", of: "user", in: top)
    }

    /// The entries of a list; `key` is the member that holds what stands under the name.
    private static func list(
        _ list: String, of key: String, in top: Entry
    ) throws(KubernetesError) -> [Named] {
        guard let value = top[list] else { return [] }
        guard let elements = value.arrayValue else { throw top.mismatch(list, value, "an array") }
        var all: [Named] = []
        for (index, element) in elements.enumerated() {
            let named = try Entry(element, top.path, place: "\(list)[\(index)]")
            guard let name = named["name"] else { throw named.missing("name") }
            guard let text = name.stringValue else { throw named.mismatch("name", name, "a string") }
            guard let value = named[key] else { throw named.missing(key) }
            all.append(Named(name: text, entry: try Entry(value, top.path, place: "\(list)[\(text)]")))
        }
        return all
    }

    func configuration(
        _ environment: [String: String], _ clock: any Clock
    ) throws(KubernetesError) -> KubernetesConfiguration {
        guard let contextName = try top.text("current-context") else {
            throw top.wrong("current-context", "is not set")
        }
        let context = try find(contextName, in: contexts, "contexts")
        let cluster = try find(try context.text("cluster") ?? "", in: clusters, "clusters")
        guard let server = try cluster.text("server") else { throw cluster.wrong("has no server") }
        let user = try find(try context.text("user") ?? "", in: users, "users")
        try check(user)
        return try KubernetesConfiguration(
            server: server, credentials: try credentials(cluster, user, clock),
            proxy: try proxy(cluster, environment, server: server),
            namespace: try context.text("namespace") ?? "default",
            place: "kubeconfig \(path): \(cluster.place).server")
    }

    private func proxy(
        _ cluster: Entry, _ environment: [String: String], server: String
    ) throws(KubernetesError) -> ProxyPolicy {
        if let url = try cluster.text("proxy-url"), !url.isEmpty {
            return try ProxyPolicy(url: url, place: "kubeconfig \(path): \(cluster.place).proxy-url")
        }
        return try ProxyPolicy(environment: environment, server: server)
    }

    private func find(_ name: String, in list: [Named], _ what: String) throws(KubernetesError) -> Entry {
        let found = list.filter { $0.name == name }
        guard let first = found.first else { throw top.wrong(what, "there is no '\(name)'") }
        guard found.count == 1 else { throw top.wrong(what, "there is more than one '\(name)'") }
        return first.entry
    }

    private func check(_ user: Entry) throws(KubernetesError) {
        let advice =
            "give this user a token, a tokenFile (which is read again when it changes) or a client certificate"
        if let exec = user["exec"] {
            let program = exec["command"]?.stringValue ?? ""
            throw user.wrong("exec", "exec plugins are not run, so '\(program)' is not either; \(advice)")
        }
        if let provider = user["auth-provider"] {
            let name = provider["name"]?.stringValue ?? ""
            throw user.wrong("auth-provider", "auth providers such as '\(name)' are not supported; \(advice)")
        }
        if user["username"] != nil { throw user.wrong("username", "basic authentication is not supported; \(advice)") }
        if user["as"] != nil {
            throw user.wrong("as", "impersonation is not supported; give the permissions to this user itself")
        }
    }

    private func credentials(
        _ cluster: Entry, _ user: Entry, _ clock: any Clock
    ) throws(KubernetesError) -> Credentials {
        let isInsecure = try cluster.flag("insecure-skip-tls-verify")
        var constant = TLSTrust(serverName: try cluster.text("tls-server-name"), verifies: !isInsecure)
        var parts: [Credentials.Part] = []
        constant.caPEM = try data(cluster, "certificate-authority")
        try add(cluster, "certificate-authority", .authority, to: &parts, clock)
        if isInsecure, constant.caPEM != nil || !parts.isEmpty {
            throw cluster.wrong("a certificate authority and insecure-skip-tls-verify contradict each other")
        }
        constant.clientCertificatePEM = try data(user, "client-certificate")
        constant.clientKeyPEM = try data(user, "client-key")
        try add(user, "client-certificate", .certificate, to: &parts, clock)
        try add(user, "client-key", .key, to: &parts, clock)
        let credentials = Credentials(constant, parts, token: try token(user, clock), clock: clock)
        if (credentials.trust.clientCertificatePEM == nil) != (credentials.trust.clientKeyPEM == nil) {
            throw user.wrong("a client certificate and its key must be given together")
        }
        return credentials
    }

    private func add(
        _ entry: Entry, _ key: String, _ kind: Credentials.Part.Kind, to parts: inout [Credentials.Part],
        _ clock: any Clock
    ) throws(KubernetesError) {
        guard let file = try entry.text(key) else { return }
        do { parts.append(try Credentials.Part(kind, resolved(file), clock: clock)) } catch {
            throw entry.wrong(key, "\(error)")
        }
    }

    /// A file takes precedence over inline data, as in client-go, because it can be replaced.
    private func token(_ user: Entry, _ clock: any Clock) throws(KubernetesError) -> BearerToken? {
        guard let file = try user.text("tokenFile") else { return try user.text("token").map { .constant($0) } }
        do {
            return .file(try RereadFile(resolved(file), every: BearerToken.fileInterval, clock: clock))
        } catch {
            throw user.wrong("tokenFile", "\(error)")
        }
    }

    /// The inline data of the kubeconfig; nil if there is none.
    private func data(_ entry: Entry, _ key: String) throws(KubernetesError) -> [UInt8]? {
        guard let data = try entry.text("\(key)-data") else { return nil }
        guard try entry.text(key) == nil else { throw entry.wrong(key, "is given both as a file and as data") }
        guard let decoded = Base64.decode(data.utf8) else { throw entry.wrong("\(key)-data", "is not Base64") }
        return decoded
    }

    /// Relative paths are relative to the kubeconfig's folder.
    private func resolved(_ file: String) -> String {
        guard !file.hasPrefix("/"), let slash = path.lastIndex(of: "/") else { return file }
        return "\(path[...slash])\(file)"
    }
}

/// An object in a kubeconfig, with its path in the file.
private struct Entry {
    /// The file.
    let path: String
    /// Such as `clusters[name]`; empty for the top level.
    let place: String
    private let members: [ExactText: JSONValue]

    init(_ json: JSONValue, _ path: String, place: String) throws(KubernetesError) {
        self.path = path
        self.place = place
        guard case .object(let members) = json else {
            let place = place.isEmpty ? "the document" : place
            throw .configuration("kubeconfig \(path): \(place) is \(json.kind), not an object")
        }
        self.members = members
    }

    /// A member; nil if it is missing or null.
    subscript(key: String) -> JSONValue? {
        members[key].flatMap { $0 == .null ? nil : $0 }
    }

    /// A text; nil if it is missing or empty.
    func text(_ key: String) throws(KubernetesError) -> String? {
        guard let value = self[key] else { return nil }
        guard let text = value.stringValue else { throw mismatch(key, value, "a string") }
        return text.isEmpty ? nil : text
    }

    /// A boolean; false if it is missing.
    func flag(_ key: String) throws(KubernetesError) -> Bool {
        guard let value = self[key] else { return false }
        guard let flag = value.boolValue else { throw mismatch(key, value, "a boolean") }
        return flag
    }

    func wrong(_ reason: String) -> KubernetesError {
        .configuration("kubeconfig \(path): \(place): \(reason)")
    }

    func wrong(_ key: String, _ reason: String) -> KubernetesError {
        .configuration("kubeconfig \(path): \(self.place(key)): \(reason)")
    }

    func missing(_ key: String) -> KubernetesError {
        .configuration("kubeconfig \(path): \(self.place(key)) is missing")
    }

    func mismatch(_ key: String, _ value: JSONValue, _ expected: String) -> KubernetesError {
        .configuration("kubeconfig \(path): \(self.place(key)) is \(value.kind), not \(expected)")
    }

    private func place(_ key: String) -> String {
        place.isEmpty ? key : "\(place).\(key)"
    }
}
