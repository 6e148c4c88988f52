import HTTPClient
import JSON
package import Platform
import YAML

extension KubernetesConfiguration {
    /// The configuration of a kubeconfig file's current context. The file is YAML or JSON.
    ///
    /// - Parameter environment: names the proxy, where the kubeconfig names none.
    /// - Throws: `KubernetesError.configuration`.
    package static func kubeconfig(
        path: String, environment: [String: String], clock: any Clock
    ) throws(KubernetesError) -> KubernetesConfiguration {
        let contents: [UInt8]
        do { contents = try readFile(path, atMost: 1 << 20) } catch { throw .configuration("kubeconfig \(error)") }
        return try Kubeconfig(contents, path: path).configuration(environment, clock)
    }
}

/// The supported fields of a kubeconfig file, as client-go takes them: an empty field counts as missing, an unknown one
/// is ignored.
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

    /// Reads the text of the kubeconfig at `path`.
    init(_ text: [UInt8], path: String) throws(KubernetesError) {
        self.path = path
        let whole: JSONValue
        do throws(YAMLError) {
            whole = try JSONValue(jsonOrYAML: text)
        } catch {
            throw .configuration("kubeconfig \(error.description(in: path))")
        }
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
            all.append(Named(name: text, entry: try Entry(named[key] ?? .null, top.path, place: "\(list)[\(text)]")))
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
        let cluster = try find(try context.name("cluster"), in: clusters, "clusters")
        guard let server = try cluster.text("server") else { throw cluster.wrong("has no server") }
        let user = try find(try context.name("user"), in: users, "users")
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
        for key in ["username", "password"] where user.hasContent(key) {
            throw user.wrong(key, "basic authentication is not supported; \(advice)")
        }
        for key in ["as", "as-uid", "as-groups", "as-user-extra"] where user.hasContent(key) {
            throw user.wrong(key, "impersonation is not supported; give the permissions to this user itself")
        }
    }

    private func credentials(
        _ cluster: Entry, _ user: Entry, _ clock: any Clock
    ) throws(KubernetesError) -> Credentials {
        let isInsecure = try cluster.flag("insecure-skip-tls-verify")
        var constant = TLSTrust(serverName: try cluster.text("tls-server-name"), verifies: !isInsecure)
        var parts: [Credentials.Part] = []
        constant.caPEM = try pem(cluster, "certificate-authority", .authority, &parts, clock)
        if isInsecure, constant.caPEM != nil || !parts.isEmpty {
            throw cluster.wrong("a certificate authority and insecure-skip-tls-verify contradict each other")
        }
        constant.clientCertificatePEM = try pem(user, "client-certificate", .certificate, &parts, clock)
        constant.clientKeyPEM = try pem(user, "client-key", .key, &parts, clock)
        let credentials = Credentials(constant, parts, token: try token(user, clock), clock: clock)
        if (credentials.trust.clientCertificatePEM == nil) != (credentials.trust.clientKeyPEM == nil) {
            throw user.wrong("a client certificate and its key must be given together")
        }
        return credentials
    }

    /// The inline data of the kubeconfig; nil if there is none. A file, which data goes before, is added to the parts.
    private func pem(
        _ entry: Entry, _ key: String, _ kind: Credentials.Part.Kind, _ parts: inout [Credentials.Part],
        _ clock: any Clock
    ) throws(KubernetesError) -> [UInt8]? {
        if let data = try entry.text("\(key)-data") {
            // A text over several lines has line breaks in it, or blanks where YAML folded them.
            let letters = data.utf8.filter { !" \r\n".utf8.contains($0) }
            guard let decoded = Base64.decode(letters), !decoded.isEmpty else {
                throw entry.wrong("\(key)-data", "is not Base64")
            }
            return decoded
        }
        guard let file = try entry.text(key) else { return nil }
        do { parts.append(try Credentials.Part(kind, resolved(file), clock: clock)) } catch {
            throw entry.wrong(key, "\(error)")
        }
        return nil
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
        guard json != .null else {
            members = [:]
            return
        }
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

    /// The name of another entry.
    func name(_ key: String) throws(KubernetesError) -> String {
        guard let name = try text(key) else { throw wrong(key, "is not set") }
        return name
    }

    /// Whether a member is there, and is neither null nor empty.
    func hasContent(_ key: String) -> Bool {
        guard let value = self[key] else { return false }
        return ![.string(""), .array([]), .object([:])].contains(value)
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
        let isUnquoted = expected == "a string" && value.arrayValue == nil && value.objectValue == nil
        let hint = isUnquoted ? "; quote it" : ""
        return .configuration("kubeconfig \(path): \(self.place(key)) is \(value.kind), not \(expected)\(hint)")
    }

    private func place(_ key: String) -> String {
        place.isEmpty ? key : "\(place).\(key)"
    }
}
