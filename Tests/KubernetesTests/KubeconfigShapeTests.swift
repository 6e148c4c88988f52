import HTTPClient
import JSON
import Platform
import TestKit
import Testing

@testable import Kubernetes

private let clock = SystemClock()

/// Kubeconfigs as tools write them, with made-up data.
@Suite struct KubeconfigShapeTests {
    private static let authority = base64(certificate)

    private static func base64(_ text: String) -> String {
        var letters: [UInt8] = []
        Base64.encode(Array(text.utf8), into: &letters)
        return String(decoding: letters, as: UTF8.self)
    }

    private static func read(
        _ text: String, in folder: TemporaryDirectory? = nil
    ) throws -> KubernetesConfiguration {
        let folder = try folder ?? TemporaryDirectory()
        return try .kubeconfig(path: try folder.write("config", text), environment: [:], clock: clock)
    }

    /// The text over lines of 24 letters, each after `prefix`.
    private static func lines(_ text: String, after prefix: String) -> String {
        var rest = text[...]
        var lines: [String] = []
        while !rest.isEmpty {
            lines.append("\(prefix)\(rest.prefix(24))")
            rest = rest.dropFirst(24)
        }
        return lines.joined(separator: "\n")
    }

    private static func config(_ authority: String, user: String = "token: t") -> String {
        """
        apiVersion: v1
        kind: Config
        clusters:
        - cluster:
            certificate-authority-data: \(authority)
            server: https://10.0.0.1:6443
          name: k
        contexts:
        - context: {cluster: k, user: u, namespace: agents}
          name: c
        current-context: c
        users:
        - name: u
          user:
            \(user)
        """
    }

    @Test func `kind's and k3s' are read: everything is in the file`() throws {
        let text = """
            apiVersion: v1
            clusters:
            - cluster:
                certificate-authority-data: \(Self.authority)
                server: https://127.0.0.1:36581
              name: kind-kind
            contexts:
            - context:
                cluster: kind-kind
                user: kind-kind
              name: kind-kind
            current-context: kind-kind
            kind: Config
            preferences: {}
            users:
            - name: kind-kind
              user:
                client-certificate-data: \(Self.base64("CERT"))
                client-key-data: \(Self.base64("KEY"))
            """
        let read = try Self.read(text)
        #expect(read.server == "https://127.0.0.1:36581" && read.namespace == "default" && read.token == nil)
        #expect(read.trust.caPEM == Array(certificate.utf8))
        #expect(read.trust.clientCertificatePEM == Array("CERT".utf8))
        #expect(read.trust.clientKeyPEM == Array("KEY".utf8))
    }

    @Test func `minikube's is read: it has extensions and names files`() throws {
        let folder = try TemporaryDirectory()
        let key = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----"
        for (name, text) in [("ca.crt", certificate), ("client.crt", certificate), ("client.key", key)] {
            try folder.write(".minikube/\(name)", text)
        }
        let text = """
            apiVersion: v1
            clusters:
            - cluster:
                certificate-authority: .minikube/ca.crt
                extensions:
                - extension:
                    last-update: Mon, 23 Nov 2026 08:35:38 UTC
                    provider: minikube.sigs.k8s.io
                    version: v1.38.0
                  name: cluster_info
                server: https://192.168.49.2:8443
              name: minikube
            contexts:
            - context:
                cluster: minikube
                extensions:
                - extension: {last-update: 'Mon, 23 Nov 2026 08:35:38 UTC'}
                  name: context_info
                namespace: default
                user: minikube
              name: minikube
            current-context: minikube
            kind: Config
            users:
            - name: minikube
              user:
                client-certificate: .minikube/client.crt
                client-key: \(folder.path)/.minikube/client.key
            """
        let read = try Self.read(text, in: folder)
        #expect(read.trust.caPEM == Array(certificate.utf8))
        #expect(read.trust.clientCertificatePEM == Array(certificate.utf8))
        #expect(read.trust.clientKeyPEM == Array(key.utf8))
    }

    @Test func `AKS' is read: a token beside a client certificate`() throws {
        let user = """
            client-certificate-data: \(Self.base64("CERT"))
                client-key-data: \(Self.base64("KEY"))
                token: 4a6b0c
            """
        let read = try Self.read(Self.config(Self.authority, user: user))
        #expect(read.token?.text == "4a6b0c" && read.trust.clientKeyPEM == Array("KEY".utf8))
        #expect(read.namespace == "agents")
    }

    @Test(arguments: [
        (
            """
            exec:
                  apiVersion: client.authentication.k8s.io/v1beta1
                  args: [--region, eu-central-1, eks, get-token, --cluster-name, shop]
                  command: aws
                  env:
                  - name: AWS_PROFILE
                    value: shop
            """, "aws"
        ),
        (
            """
            exec:
                  apiVersion: client.authentication.k8s.io/v1beta1
                  command: gke-gcloud-auth-plugin
                  installHint: Install gke-gcloud-auth-plugin for use with kubectl
                  provideClusterInfo: true
            """, "gke-gcloud-auth-plugin"
        ),
    ])
    func `EKS' and GKE's name a plugin, and are refused by its name`(user: String, plugin: String) {
        let reason = refusal { try Self.read(Self.config(Self.authority, user: user)) } ?? "nothing"
        #expect(
            reason.contains("users[u].exec: exec plugins are not run, so '\(plugin)' is not either; give this user a"),
            "\(reason)")
    }

    /// Another user's plugin, or a field that none of ours, affects nothing.
    @Test func `what is not of the current context, or unknown, is ignored`() throws {
        let text = """
            \(Self.config(Self.authority))
            - name: other
              user: {exec: {command: aws}}
            colour: red
            extensions: [{name: x, extension: {}}]
            preferences: {colors: true}
            """
        #expect(try Self.read(text).token?.text == "t")
    }

    @Test(arguments: ["|\n", ">\n", ">-\n", "|+\n", "\n", "\"\n", "'\n"])
    func `data over several lines is read, however they are joined`(style: String) throws {
        let quote = style.first.map { "\"'".contains($0) ? String($0) : "" } ?? ""
        let text = Self.config(style + Self.lines(Self.authority, after: "      ") + quote)
        #expect(Self.authority.utf8.count > 48)
        #expect(try Self.read(text).trust.caPEM == Array(certificate.utf8), "\(text)")
    }

    @Test func `empty fields count as missing`() throws {
        let user = """
            token: ""
                tokenFile: ""
                username: ""
                password:
                as: ''
                as-groups: []
                as-user-extra: {}
                exec: null
                auth-provider: ~
                client-certificate-data: ""
                client-key:
            """
        let read = try Self.read(Self.config("\"\"", user: user))
        #expect(read.token == nil && read.trust.caPEM == nil && read.trust.clientCertificatePEM == nil)
    }

    @Test(arguments: [
        ("contexts: null\nclusters: null\nusers: null\ncurrent-context: \"\"\n", "current-context: is not set"),
        ("# nothing\n", "current-context: is not set"), ("current-context: c\n", "contexts: there is no 'c'"),
        ("current-context: c\ncontexts: ~\n", "contexts: there is no 'c'"),
        (
            "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: \"\"}}]\nclusters: [{name: k, cluster: {server: https://h}}]\n",
            "contexts[c].user: is not set"
        ),
        (
            "current-context: c\ncontexts: [{name: c, context: {cluster: k}}]\nclusters: [{name: k, cluster: }]\n",
            "clusters[k]: has no server"
        ),
        ("current-context: 7\n", "current-context is a number, not a string; quote it"),
    ])
    func `what is missing for being empty is named`(text: String, expected: String) {
        let reason = refusal { try Self.read(text) } ?? "nothing"
        #expect(reason.hasSuffix(": \(expected)"), "\(reason)")
    }

    /// As client-go has it. The file need not even exist.
    @Test func `data goes before a file`() throws {
        let text = Self.config(
            "\(Self.authority)\n    certificate-authority: /nonexistent/ca.crt",
            user: """
                client-certificate: /nonexistent/c
                    client-certificate-data: \(Self.base64("CERT"))
                    client-key-data: \(Self.base64("KEY"))
                    client-key: /nonexistent/k
                """)
        let read = try Self.read(text)
        #expect(read.trust.caPEM == Array(certificate.utf8))
        #expect(read.trust.clientCertificatePEM == Array("CERT".utf8) && read.trust.clientKeyPEM == Array("KEY".utf8))
    }

    @Test func `anchors are read`() throws {
        let text = """
            current-context: c
            clusters: [{name: &k k, cluster: &cluster {server: https://h}}, {name: copy, cluster: *cluster}]
            users: [{name: u, user: {token: t}}]
            contexts: [{name: c, context: {cluster: *k, user: u}}]
            """
        #expect(try Self.read(text).server == "https://h")
    }
}
