import HTTPClient
import Platform
import TestKit
import Testing

@testable import Kubernetes

private let clock = SystemClock()
@Suite struct KubeconfigTests {
    /// A kubeconfig whose only cluster and user have the given fields.
    private static func config(
        cluster: String = #""server":"https://h:6443""#, user: String = #""token":"t""#, context: String = "c",
        more: String = ""
    ) -> String {
        """
        {"apiVersion":"v1","kind":"Config","preferences":{},"current-context":"\(context)",
        "clusters":[{"name":"k","cluster":{\(cluster)}}],"users":[{"name":"u","user":{\(user)}}],
        "contexts":[{"name":"c","context":{"cluster":"k","user":"u"}}\(more)]}
        """
    }

    private static func read(
        _ text: String, _ environment: [String: String] = [:]
    ) throws -> KubernetesConfiguration {
        let folder = try TemporaryDirectory()
        return try .kubeconfig(path: try folder.write("config", text), environment: environment, clock: clock)
    }

    @Test(
        arguments: [
            ([:], .direct), (["HTTPS_PROXY": ""], .direct), (["HTTP_PROXY": "p:1", "ALL_PROXY": "p:1"], .direct),
            (["HTTPS_PROXY": "p:3128"], .url("http://p:3128")),
            (["https_proxy": "HTTP://u:pw@p:1"], .url("http://u:pw@p:1")),
            (["HTTPS_PROXY": "https://p", "https_proxy": "http://q"], .url("https://p")),
            (["HTTPS_PROXY": "socks5://p:1"], .url("socks5h://p:1")),
            (
                ["HTTPS_PROXY": "p:1", "NO_PROXY": "10.0.0.0/8, .svc,*.corp,h:6444,i:443,fd00::1,.h,::/0x"],
                .url("http://p:1")
            ), (["HTTPS_PROXY": "p:1", "no_proxy": "*"], .direct),
            (["HTTPS_PROXY": "p:1", "NO_PROXY": "x, *"], .direct),
        ] as [([String: String], ProxyPolicy)])
    func `the environment names the proxy and who needs none`(
        environment: [String: String], proxy: ProxyPolicy
    ) throws {
        #expect(try Self.read(Self.config(cluster: #""server":"https://h:6443""#), environment).proxy == proxy)
        #expect(
            try Self.read(Self.config(cluster: #""server":"https://[fd00::2]:6443/x""#), environment).proxy == proxy)
    }

    @Test(arguments: [
        ("h.example:6443", "example"), ("h.example:6443", "h.example"), ("h.example", "x, *.example"),
        ("h.example:6443", ".EXAMPLE"), ("h.example:6443", "h.example:6443"), ("h.example", "h.example:443"),
        ("10.1.2.3:6443", "10.0.0.0/8"), ("10.1.2.3:6443", "10.1.2.3"), ("10.1.2.3:6443", "10.1.2.3:6443"),
        ("[fd00::2]:6443", "fd00::/8"), ("[fd00::2]:6443", "FD00:0::2"), ("[fd00::2]:6443", "[fd00::2]:6443"),
        ("127.0.0.5", ""), ("localhost:6443", "x"), ("[::1]:6443", ""),
    ])
    func `a server that NO_PROXY names is reached directly`(authority: String, exceptions: String) throws {
        let config = Self.config(cluster: #""server":"https://\#(authority)/x""#)
        #expect(try Self.read(config, ["HTTPS_PROXY": "p:1", "NO_PROXY": exceptions]).proxy == .direct)
    }

    @Test(arguments: [
        ("h.example", ".h.example"), ("h.example", "*.h.example"), ("h.example", "ample"),
        ("h.example", "h.example:80"),
        ("10.1.2.3", "10.2.0.0/15"), ("10.1.2.3", "1.2.3"), ("10.1.2.3", "10.1.2.3/33"), ("[fd00::2]", "10.0.0.0/0"),
        ("[fd00::2]", "fd00::2/127:443"), ("h", ","),
    ])
    func `a server that NO_PROXY does not name is reached through the proxy`(
        authority: String, exceptions: String
    ) throws {
        let read = try Self.read(
            Self.config(cluster: #""server":"https://\#(authority)""#),
            ["HTTPS_PROXY": "https://u:pw@p.example:1/x", "NO_PROXY": exceptions])
        #expect(read.proxyAuthority == "p.example:1")
    }

    @Test func `the kubeconfig's proxy goes before the environment's, without exceptions`() throws {
        let text = Self.config(cluster: #""server":"https://h","proxy-url":"socks5://u:pw@p:1""#)
        let proxy = try Self.read(text, ["HTTPS_PROXY": "q:1", "NO_PROXY": "h"]).proxy
        #expect(proxy == .url("socks5h://u:pw@p:1"))
    }

    @Test(arguments: [
        "ftp://u:S3cr3t@p", "http://", "http://S3cr3t p", "http://u:S3cr3t@p:99999", "http://u:S3/cr3t@p:1",
        "http://[S3cr3t", "p\nS3cr3t",
    ])
    func `a proxy that cannot be used is an error without its value`(proxy: String) {
        let reason = refusal {
            try Self.read(Self.config(cluster: #""server":"https://h""#), ["HTTPS_PROXY": proxy])
        }
        #expect(reason == "HTTPS_PROXY: a proxy is http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT")
    }

    @Test func `the current context is read`() throws {
        let ca =
            "\"server\":\"https://h:6443/prefix/\",\"certificate-authority-data\":\"Q0E=\",\"tls-server-name\":\"n\""
        let user = #""client-certificate-data":"Q0VSVA==","client-key-data":"S0VZ","token":"t""#
        let configuration = try Self.read("\n " + Self.config(cluster: ca, user: user))
        #expect(configuration.server == "https://h:6443/prefix")
        #expect(configuration.trust.caPEM == Array("CA".utf8))
        #expect(configuration.trust.serverName == "n")
        #expect(configuration.trust.clientCertificatePEM == Array("CERT".utf8))
        #expect(configuration.trust.clientKeyPEM == Array("KEY".utf8))
        #expect(configuration.token?.text == "t")
        #expect(configuration.namespace == "default")
        #expect(configuration.trust.verifies)
    }

    @Test func `relative paths are relative to the kubeconfig`() throws {
        let folder = try TemporaryDirectory()
        try folder.write("ca.pem", certificate)
        try folder.write("secret", "from file\n")
        let path = try folder.write(
            "config",
            Self.config(
                cluster: #""server":"https://h","certificate-authority":"ca.pem""#,
                user: #""token":"constant","tokenFile":"secret""#))
        let configuration = try KubernetesConfiguration.kubeconfig(path: path, environment: [:], clock: clock)
        #expect(configuration.trust.caPEM == Array(certificate.utf8))
        #expect(configuration.token?.text == "from file")
    }

    @Test(arguments: [
        (config(cluster: #""server":"http://h""#), "clusters[k].server: 'http://h' is not an https URL"),
        (config(cluster: #""server":"https://""#), "clusters[k].server: 'https://' is not"),
        (config(cluster: #""server":"https://h/?a=b""#), "clusters[k].server: 'https://h/?a=b' is not a URL"),
        (config(cluster: ""), "clusters[k]: has no server"),
        (config(cluster: #""server":"https://h","proxy-url":"ftp://p""#), "clusters[k].proxy-url: a proxy is http://"),
        (
            config(
                cluster: #""server":"https://h","insecure-skip-tls-verify":true,"certificate-authority-data":"Q0E=""#),
            "contradict each other"
        ),
        (
            config(cluster: #""server":"https://h","certificate-authority-data":"?""#),
            "certificate-authority-data: is not"
        ),
        (
            config(cluster: #""server":"https://h","certificate-authority-data":" \n""#),
            "certificate-authority-data: is not"
        ),
        (
            config(user: #""exec":{"command":"aws"}"#),
            "users[u].exec: exec plugins are not run, so 'aws' is not either; give this user a token"
        ),
        (
            config(user: #""auth-provider":{"name":"oidc"}"#),
            "users[u].auth-provider: auth providers such as 'oidc' are not supported"
        ),
        (config(user: #""username":"a","password":"b""#), "users[u].username: basic authentication is not supported"),
        (config(user: #""token":"t","as":"root""#), "users[u].as: impersonation is not supported"),
        (config(user: #""client-key-data":"S0VZ""#), "a client certificate and its key must be given together"),
        (config(user: #""tokenFile":"/nonexistent/t""#), "users[u].tokenFile: /nonexistent/t: No such file"),
        (config(context: ""), "current-context: is not set"),
        (config(context: "x"), "contexts: there is no 'x'"),
        (config(more: #",{"name":"c","context":{}}"#), "contexts: there is more than one 'c'"),
        (config(context: "d", more: #",{"name":"d","context":{"cluster":"z"}}"#), "clusters: there is no 'z'"),
        (#"{"clusters":[{"cluster":{}}]}"#, "clusters[0].name is missing"),
        (#"{"clusters":3}"#, "clusters is a number, not an array"),
        (config(cluster: #""server":1"#), "clusters[k].server is a number, not a string; quote it"),
        (config(user: #""password":"b""#), "users[u].password: basic authentication is not supported"),
        (config(user: #""as-groups":["g"]"#), "users[u].as-groups: impersonation is not supported"),
        (
            config(context: "d", more: #",{"name":"d","context":{"cluster":"k","user":""}}"#),
            "contexts[d].user: is not set"
        ),
        (config(context: "d", more: #",{"name":"d","context":null}"#), "contexts[d].cluster: is not set"),
        ("", "current-context: is not set"),
    ])
    func `an error in a kubeconfig names the place`(text: String, expected: String) throws {
        let folder = try TemporaryDirectory()
        let path = try folder.write("config", text)
        let reason = refusal { try .kubeconfig(path: path, environment: [:], clock: clock) } ?? "nothing"
        #expect(reason.hasPrefix("kubeconfig \(path): "), "\(reason)")
        #expect(reason.contains(expected), "\(reason)")
    }

    @Test(arguments: [
        ("{", ":1:2: ends where"), ("a: b\n c: d\n", ":2:"), ("a: &x b\n---\nc: d\n", ":2:1: a second document"),
        ("contexts: []\ncontexts: []\n", ":2:1: duplicate key contexts"), ("users:\n\t- name: u\n", ":2:2: "),
    ])
    func `a text that cannot be read says where`(text: String, expected: String) throws {
        let folder = try TemporaryDirectory()
        let path = try folder.write("config", text)
        let reason = refusal { try .kubeconfig(path: path, environment: [:], clock: clock) } ?? "nothing"
        #expect(reason.hasPrefix("kubeconfig \(path)\(expected)"), "\(reason)")
    }

    @Test func `a missing file is named`() {
        let reason = refusal { try .kubeconfig(path: "/nonexistent/config", environment: [:], clock: clock) }
        #expect(reason == "kubeconfig /nonexistent/config: No such file or directory")
    }

    @Test func `insecure-skip-tls-verify turns verification off`() throws {
        let text = Self.config(cluster: #""server":"https://h","insecure-skip-tls-verify":true"#)
        #expect(try !Self.read(text).trust.verifies)
    }
}
