import HTTPClient
import JSON
import Platform
import Synchronization
import TestKit
import Testing

@testable import HTTPServer
@testable import Kubernetes

/// The system's clock, which a test moves on.
private final class SkippingClock: Clock {
    private let system = SystemClock()
    private let skipped = Mutex(Duration.zero)

    func skip(_ duration: Duration) {
        skipped.withLock { $0 += duration }
    }

    func now() -> Instant { system.now() + skipped.withLock { $0 } }
    func wallTime() -> WallTime { system.wallTime() }
    func sleep(until deadline: Instant) async throws {
        try await system.sleep(until: system.now() + (deadline - now()))
    }
}

/// PEM that is whole; nothing looks inside.
private func pem(_ label: String, _ content: String = "MAA=") -> String {
    "-----BEGIN \(label)-----\n\(content)\n-----END \(label)-----"
}

@Suite struct PEMTests {
    @Test(arguments: [
        pem("CERTIFICATE"),
        "comment\n" + pem("CERTIFICATE") + "\r\n\r\n" + pem("CERTIFICATE", "MAMB\r\nAQE=") + "\nend",
        pem("TRUSTED CERTIFICATE", "MAAx"),
    ])
    func `a complete certificate is accepted`(text: String) {
        #expect(PEM.problem(in: text, label: PEM.certificate) == nil)
    }

    @Test(arguments: [
        "PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY",
    ])
    func `every kind of private key is accepted`(label: String) {
        #expect(PEM.problem(in: pem(label), label: PEM.privateKey) == nil)
        #expect(
            PEM.problem(in: pem(label, "Proc-Type: 4,ENCRYPTED\nDEK-Info: x\n\nAAAA"), label: PEM.privateKey) == nil)
    }

    @Test(arguments: [
        ("", "holds no PEM block CERTIFICATE"), ("no PEM", "holds no PEM block CERTIFICATE"),
        (pem("PRIVATE KEY"), "holds no PEM block CERTIFICATE"),
        ("-----BEGIN CERTIFICATE-----\nMAA=", "the PEM block CERTIFICATE has no end"),
        (pem("CERTIFICATE") + "\n-----BEGIN CERTIFICATE-----\nMA", "the PEM block CERTIFICATE has no end"),
        (pem("CERTIFICATE", "?"), "the PEM block CERTIFICATE is not Base64"),
        (pem("CERTIFICATE", ""), "the PEM block CERTIFICATE is not Base64"),
        (pem("CERTIFICATE", "MAMB"), "the PEM block CERTIFICATE is no certificate"),
        (pem("CERTIFICATE", "AAAA"), "the PEM block CERTIFICATE is no certificate"),
        ("-----END CERTIFICATE-----", "a PEM block ends that did not begin"),
        ("-----BEGIN A-----\n" + pem("CERTIFICATE"), "a PEM block begins inside another"),
    ])
    func `truncated PEM is refused`(text: String, expected: String) {
        #expect(PEM.problem(in: text, label: PEM.certificate) == expected)
    }

    @Test func `a real certificate is accepted and its first half is not`() throws {
        let identity = try TLSIdentity.selfSigned(hosts: [])
        let text = String(decoding: identity.certificatePEM, as: UTF8.self)
        #expect(PEM.problem(in: text, label: PEM.certificate) == nil)
        for count in stride(from: 0, to: text.utf8.count - 30, by: 37) {
            #expect(PEM.problem(in: String(text.prefix(count)), label: PEM.certificate) != nil)
        }
    }
}

@Suite struct CredentialsTests {
    private static func configuration(
        _ volume: ProjectedVolume, _ clock: any Clock
    ) throws -> KubernetesConfiguration {
        try .inCluster(
            environment: ["KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "1"],
            directory: volume.path, clock: clock)
    }

    @Test func `a swapped volume is read within a minute`() throws {
        let (first, second) = (pem("CERTIFICATE"), pem("CERTIFICATE", "MAMBAQE="))
        let volume = try ProjectedVolume(["token": "one", "ca.crt": first])
        let clock = SkippingClock()
        let configuration = try Self.configuration(volume, clock)
        try volume.swap(["token": "two", "ca.crt": second])
        #expect(configuration.token?.text == "one")
        #expect(configuration.trust.caPEM == Array(first.utf8))
        clock.skip(.seconds(60))
        #expect(configuration.token?.text == "two")
        #expect(configuration.trust.caPEM == Array(second.utf8))
    }

    @Test func `a missing, empty or broken file changes nothing and is logged once`() throws {
        let ca = pem("CERTIFICATE")
        let volume = try ProjectedVolume(["token": "one", "ca.crt": ca])
        let clock = SkippingClock()
        let configuration = try Self.configuration(volume, clock)
        let broken = [
            (["token": " \n", "ca.crt": ""], ["ca.crt: holds no PEM block CERTIFICATE", "token: empty"]),
            ([:], ["ca.crt: No such file or directory", "token: No such file or directory"]),
            (["token": "two", "ca.crt": String(ca.dropLast(9))], ["ca.crt: the PEM block CERTIFICATE has no end"]),
        ]
        for (files, expected) in broken {
            try volume.swap(files)
            clock.skip(.seconds(60))
            #expect(configuration.token?.text == (files["token"] == "two" ? "two" : "one"))
            #expect(configuration.trust.caPEM == Array(ca.utf8))
            let problems = configuration.credentials.takeNewProblems()
            #expect(problems?.map { String($0.description.dropFirst(volume.path.count + 1)) } == expected)
            #expect(configuration.credentials.takeNewProblems() == nil)
        }
        try volume.swap(["token": "three", "ca.crt": ca])
        clock.skip(.seconds(60))
        _ = (configuration.token?.text, configuration.trust)
        #expect(configuration.credentials.takeNewProblems() == [])
    }

    @Test func `the client certificate and its key are read again together`() throws {
        let (old, new) = ("MAA=", "MAMBAQE=")
        let folder = try TemporaryDirectory()
        try folder.write("tls.crt", pem("CERTIFICATE", old))
        try folder.write("tls.key", pem("EC PRIVATE KEY", old))
        let path = try folder.write(
            "config",
            """
            {"current-context":"c","contexts":[{"name":"c","context":{"cluster":"k","user":"u"}}],
            "clusters":[{"name":"k","cluster":{"server":"https://h"}}],
            "users":[{"name":"u","user":{"client-certificate":"tls.crt","client-key":"tls.key"}}]}
            """)
        let clock = SkippingClock()
        let configuration = try KubernetesConfiguration.kubeconfig(path: path, environment: [:], clock: clock)
        try folder.write("tls.crt", pem("CERTIFICATE", new))
        try folder.write("tls.key", pem("EC PRIVATE KEY", new))
        #expect(configuration.trust.clientCertificatePEM == Array(pem("CERTIFICATE", old).utf8))
        clock.skip(.seconds(60))
        #expect(configuration.trust.clientCertificatePEM == Array(pem("CERTIFICATE", new).utf8))
        #expect(configuration.trust.clientKeyPEM == Array(pem("EC PRIVATE KEY", new).utf8))
    }
}

/// Requests over TLS while the server's CA is replaced.
@Suite struct CARotationTests {
    /// Answers lists at once, and watches when the test says so.
    private final class Handler: HTTPHandler {
        let watches = Mutex<[Responder]>([])

        func handle(_ request: HTTPRequest, _ responder: Responder) {
            guard request.query?.contains("watch=true") == true else {
                let page = #"{"metadata":{"resourceVersion":"7"},"items":[]}"#
                return responder.respond(HTTPResponse(status: 200, body: [Array(page.utf8)]))
            }
            watches.withLock { $0.append(responder) }
        }

        func endWatches(_ text: String) {
            let responders = watches.withLock { $0 }
            for responder in responders { responder.respond(HTTPResponse(status: 200, body: [Array(text.utf8)])) }
        }
    }

    private let clock = SkippingClock()
    private let handler = Handler()
    private let log = RecordingLog()

    private func identity() throws -> TLSIdentity {
        try TLSIdentity.selfSigned(hosts: ["127.0.0.1"])
    }

    private static func text(_ identity: TLSIdentity) -> String {
        String(decoding: identity.certificatePEM, as: UTF8.self)
    }

    /// Whether a list succeeds; a failure must be one of TLS.
    private func lists(_ client: KubernetesClient) async -> Bool {
        do throws(KubernetesError) {
            let source = ResourceSource<Service>(client: client)
            return try await source.list(ListRequest(limit: 1), deadline: clock.now() + .seconds(120))
                .resourceVersion == "7"
        } catch {
            #expect(error.description.contains("certificate"), "\(error)")
            return false
        }
    }

    /// Calls `body` with a client of a server with TLS, while a watch is under way that was opened under the first CA;
    /// it ends, whole, after `body`, and then so many connections are left.
    private func whileWatching(
        connectionsLeft: Int,
        _ body: (KubernetesClient, HTTPServer, ProjectedVolume) async throws -> Void
    ) async throws {
        let first = try identity()
        let server = try HTTPServer(
            options: HTTPServerOptions(
                name: "api", host: "127.0.0.1", port: 0, tls: TLSServerOptions(identity: first)),
            handler: handler, clock: SystemClock(), log: Log(sink: NoLog()))
        try server.start()
        let volume = try ProjectedVolume(["token": "t", "ca.crt": Self.text(first)])
        let configuration = try KubernetesConfiguration.inCluster(
            environment: ["KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": String(server.port)],
            directory: volume.path, clock: clock)
        let client = try KubernetesClient(configuration, userAgent: "test/1", clock: clock, log: Log(sink: log))
        let deadline = clock.now() + .seconds(600)
        async let events = watch(client, deadline)
        try await eventually("the watch") { !handler.watches.withLock { $0.isEmpty } }
        let result: Result<Void, any Error>
        do { result = .success(try await body(client, server, volume)) } catch { result = .failure(error) }
        handler.endWatches(#"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}"# + "\n")
        #expect(await events == ["open", "9"])
        try await eventually(within: .seconds(120), "the connections to close") {
            server.openConnections == connectionsLeft
        }
        await client.shutdown()
        await server.stop(within: .seconds(1))
        try result.get()
    }

    private func watch(_ client: KubernetesClient, _ deadline: Instant) async -> [String] {
        var seen: [String] = []
        do throws(KubernetesError) {
            let request = WatchRequest(resourceVersion: "7", timeoutSeconds: 300)
            try await ResourceSource<Service>(client: client).watch(request, deadline: deadline) { event in
                switch event {
                case .opened: seen.append("open")
                case .bookmark(let version): seen.append(version)
                default: seen.append("?")
                }
                return true
            }
        } catch {
            seen.append("\(error)")
        }
        return seen
    }

    @Test func `a new CA is trusted within a minute and an open watch goes on`() async throws {
        try await whileWatching(connectionsLeft: 1) { client, server, volume in
            let second = try identity()
            try server.replaceIdentity(second)
            #expect(await !lists(client))
            try volume.swap(["token": "t", "ca.crt": Self.text(second)])
            clock.skip(.seconds(60))
            #expect(await lists(client))
            let third = try identity()
            try server.replaceIdentity(third)
            try volume.swap(["token": "t", "ca.crt": Self.text(third)])
            clock.skip(.seconds(60))
            let leases = KubernetesLeaseClient(client: client, namespace: "n", name: "l", clock: clock)
            guard case .lease = await leases.get(deadline: clock.now() + .seconds(120)) else {
                Issue.record("the election's request did not reach the server")
                return
            }
            #expect(
                log.messages
                    == Array(repeating: "the CA or our certificate changed: new connections are opened", count: 2))
        }
    }

    @Test func `a failed handshake reads the files again at once`() async throws {
        try await whileWatching(connectionsLeft: 1) { client, server, volume in
            let second = try identity()
            try server.replaceIdentity(second)
            try volume.swap(["token": "t", "ca.crt": Self.text(second)])
            #expect(await !lists(client))
            #expect(await lists(client))
        }
    }

    @Test func `a broken CA changes nothing and is logged once`() async throws {
        try await whileWatching(connectionsLeft: 2) { client, server, volume in
            let ca = try readFile("\(volume.path)/ca.crt", atMost: 1 << 20)
            try volume.swap(["token": "t", "ca.crt": String(decoding: ca.prefix(200), as: UTF8.self)])
            clock.skip(.seconds(60))
            for _ in 0..<3 {
                #expect(await lists(client))
                clock.skip(.seconds(60))
            }
            #expect(log.messages == ["a file of our credentials cannot be used; its last good contents stay"])
            #expect(log.values(of: "reason") == ["\(volume.path)/ca.crt: the PEM block CERTIFICATE has no end"])
        }
    }
}
