import HTTPClient
import HTTPServer
import Platform
import Synchronization
import TestKit
import TestSupport
import Testing

@Suite struct TLSTests {
    private static let otherPin = "sha256//" + String(repeating: "A", count: 43) + "="

    /// Asks a new server, believing what `trust` makes of its identity and of another one; the status or the kind of
    /// the error.
    private func ask(_ trust: (_ server: TLSIdentity, _ other: TLSIdentity) -> TLSTrust) async throws -> String {
        let server = try TLSServer()
        let client = try secureClient(trust(server.identity, try TLSServer.identity()))
        let result: String
        do throws(HTTPClientError) {
            result = String(try await client.send(ClientRequest(url: server.url()), deadline: farDeadline).status)
        } catch {
            result = kind(error)
            #expect(server.seen("Host").isEmpty)
        }
        await client.shutdown()
        await server.stop()
        return result
    }

    @Test func `a server certified by the given CA is trusted`() async throws {
        #expect(try await ask { server, _ in TLSTrust(caPEM: server.certificatePEM) } == "200")
    }

    @Test func `a server certified by another CA is not trusted`() async throws {
        #expect(try await ask { _, other in TLSTrust(caPEM: other.certificatePEM) } == "tls")
    }

    @Test func `without a CA the system's root certificates decide`() async throws {
        #expect(try await ask { _, _ in TLSTrust() } == "tls")
    }

    @Test func `an unreadable CA is an error`() async throws {
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
        #expect(try await ask { _, _ in TLSTrust(caPEM: Array(broken.utf8)) } == "invalidOptions")
    }

    @Test func `a pinned key is enough without a CA`() async throws {
        #expect(try await ask { server, _ in TLSTrust(pinnedPublicKey: server.publicKeyPin) } == "200")
    }

    @Test func `another key than the pinned one is refused`() async throws {
        #expect(try await ask { _, other in TLSTrust(pinnedPublicKey: other.publicKeyPin) } == "tls")
        #expect(try await ask { _, _ in TLSTrust(pinnedPublicKey: Self.otherPin) } == "tls")
    }

    @Test func `with a CA and a pin both must match`() async throws {
        #expect(
            try await ask { server, _ in
                TLSTrust(caPEM: server.certificatePEM, pinnedPublicKey: server.publicKeyPin)
            } == "200")
        #expect(
            try await ask { server, other in
                TLSTrust(caPEM: server.certificatePEM, pinnedPublicKey: other.publicKeyPin)
            } == "tls")
        #expect(
            try await ask { server, other in
                TLSTrust(caPEM: other.certificatePEM, pinnedPublicKey: server.publicKeyPin)
            } == "tls")
    }

    @Test func `a pin is checked even without verification`() async throws {
        #expect(try await ask { _, _ in TLSTrust(verifies: false) } == "200")
        #expect(try await ask { _, other in TLSTrust(caPEM: other.certificatePEM, verifies: false) } == "200")
        #expect(try await ask { _, other in TLSTrust(pinnedPublicKey: other.publicKeyPin, verifies: false) } == "tls")
    }

    @Test func `a pin is checked again when the server is replaced`() async throws {
        let first = try TLSServer()
        let client = try secureClient(TLSTrust(pinnedPublicKey: first.identity.publicKeyPin))
        let request = ClientRequest(url: first.url())
        #expect(try await client.send(request, deadline: farDeadline).status == 200)
        await first.stop()
        let second = try TLSServer(port: first.port)
        #expect(kind(await failure(client, request)) == "tls")
        #expect(second.seen("Host").isEmpty)
        await second.stop()
    }

    @Test func `the name in the certificate must match the URL`() async throws {
        let server = try TLSServer(try TLSServer.identity(["api.example"]))
        let client = try secureClient(TLSTrust(caPEM: server.identity.certificatePEM))
        let target = ConnectTarget(host: "127.0.0.1", port: server.port)
        let good = ClientRequest(url: "https://api.example/", connectTo: target)
        #expect(try await client.send(good, deadline: farDeadline).status == 200)
        let error = await failure(client, ClientRequest(url: "https://other.example/", connectTo: target))
        #expect(kind(error) == "tls")
        #expect(error?.description.contains("check the CA and the names in the certificate") == true)
        await server.stop()
    }

    @Test func `a given server name is verified in place of the URL's host`() async throws {
        let server = try TLSServer(try TLSServer.identity(["api.example"]))
        let ca = server.identity.certificatePEM
        let right = try secureClient(TLSTrust(caPEM: ca, serverName: "api.example"))
        #expect(try await right.send(ClientRequest(url: server.url()), deadline: farDeadline).status == 200)
        #expect(server.seen("Host") == ["127.0.0.1:\(server.port)"])
        let wrong = try secureClient(TLSTrust(caPEM: ca, serverName: "other.example"))
        #expect(kind(await failure(wrong, ClientRequest(url: server.url()))) == "tls")
        await server.stop()
    }

    @Test func `a port without TLS is a TLS error`() async throws {
        let server = try RawServer { $0.write("HTTP/1.1 400 Bad Request\r\n\r\n") }
        let client = try secureClient(TLSTrust())
        #expect(kind(await failure(client, ClientRequest(url: server.url(scheme: "https")))) == "tls")
    }

    @Test func `every request carries the newest token`() async throws {
        let server = try TLSServer()
        let tokens = Mutex(["one", "two", nil, "", "three"].makeIterator())
        let client = try secureClient(TLSTrust(caPEM: server.identity.certificatePEM)) {
            $0.bearerToken = { tokens.withLock { $0.next() ?? nil } }
        }
        for _ in 0..<5 { _ = try await client.send(ClientRequest(url: server.url()), deadline: farDeadline) }
        #expect(server.seen("Authorization") == ["Bearer one", "Bearer two", nil, nil, "Bearer three"])
        await server.stop()
    }

    @Test func `the request's own Authorization header wins`() async throws {
        let server = try TLSServer()
        let client = try secureClient(TLSTrust(caPEM: server.identity.certificatePEM)) { $0.bearerToken = { "token" } }
        let request = ClientRequest(url: server.url(), headers: [("authorization", "Basic eDp5")])
        _ = try await client.send(request, deadline: farDeadline)
        #expect(server.seen("Authorization") == ["Basic eDp5"])
        await server.stop()
    }

    @Test func `a token that would break the header is refused`() async throws {
        let server = try TLSServer()
        let client = try secureClient(TLSTrust(caPEM: server.identity.certificatePEM)) {
            $0.bearerToken = { "to\nken" }
        }
        let error = await failure(client, ClientRequest(url: server.url()))
        #expect(kind(error) == "invalidRequest")
        #expect(error?.description.contains("ken\n") == false)
        #expect(server.seen("Host").isEmpty)
        await server.stop()
    }

    @Test func `the token is not sent to a redirect's target`() async throws {
        let identity = try TLSServer.identity()
        let other = try TLSServer(identity)
        let target = other.url("/there")
        let server = try TLSServer(identity) { _ in HTTPResponse(status: 307, headers: [("Location", target)]) }
        let client = try secureClient(TLSTrust(caPEM: identity.certificatePEM)) { $0.bearerToken = { "token" } }
        let request = ClientRequest(url: server.url(), maximumRedirects: 1)
        #expect(try await client.send(request, deadline: farDeadline).status == 200)
        #expect(server.seen("Authorization") == ["Bearer token"])
        #expect(other.seen("Authorization") == [nil])
        await server.stop()
        await other.stop()
    }

    @Test func `an expired certificate is named as such`() async throws {
        let openssl = try OpenSSL()
        let folder = openssl.directory.path
        try await openssl.run(["ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", "\(folder)/k.pem"])
        try await openssl.run(["req", "-new", "-key", "\(folder)/k.pem", "-subj", "/CN=x", "-out", "\(folder)/r.pem"])
        try await openssl.run([
            "x509", "-req", "-days", "-1", "-in", "\(folder)/r.pem", "-signkey", "\(folder)/k.pem", "-out",
            "\(folder)/c.pem",
        ])
        let served = try await openssl.serve(["-cert", "\(folder)/c.pem", "-key", "\(folder)/k.pem"])
        let client = try secureClient(TLSTrust(caPEM: try readFile("\(folder)/c.pem", atMost: 1 << 20)))
        let error = await failure(client, ClientRequest(url: "https://127.0.0.1:\(served.port)/"))
        #expect(error?.description.contains("certificate has expired") == true, "\(error?.description ?? "none")")
        withExtendedLifetime(served.process) {}
    }

    @Test func `a redirect to plain HTTP is refused`() async throws {
        let plain = try RawServer(answer: RequestTests.ok)
        let target = plain.url()
        let server = try TLSServer { _ in HTTPResponse(status: 302, headers: [("Location", target)]) }
        let client = try secureClient(TLSTrust(caPEM: server.identity.certificatePEM))
        #expect(kind(await failure(client, ClientRequest(url: server.url(), maximumRedirects: 1))) == "invalidRedirect")
        #expect(plain.seen.connections == 0)
        await server.stop()
    }

    @Test func `a server without a certificate is refused, with a pin alone too`() async throws {
        let openssl = try OpenSSL()
        let arguments = ["-nocert", "-cipher", "aNULL:@SECLEVEL=0", "-tls1_2"]
        let (process, port) = try await openssl.serve(arguments)
        for trust in [TLSTrust(pinnedPublicKey: Self.otherPin), TLSTrust(verifies: false)] {
            let client = try secureClient(trust)
            #expect(kind(await failure(client, ClientRequest(url: "https://127.0.0.1:\(port)/"))) == "tls")
        }
        withExtendedLifetime(process) {}
    }

    @Test func `a client certificate is sent to a server that asks for one`() async throws {
        let openssl = try OpenSSL()
        let server = try await openssl.makeIdentity("server")
        let ours = try await openssl.makeIdentity("client")
        let path = openssl.directory.path
        let (process, port) = try await openssl.serve([
            "-cert", "\(path)/server.pem", "-key", "\(path)/server.key", "-Verify", "1", "-verify_return_error",
            "-CAfile",
            "\(path)/client.pem",
        ])
        let request = ClientRequest(url: "https://127.0.0.1:\(port)/")
        let known = try secureClient(
            TLSTrust(caPEM: server.certificate, clientCertificatePEM: ours.certificate, clientKeyPEM: ours.key))
        let response = try await known.send(request, deadline: farDeadline)
        #expect(response.status == 200)
        #expect(response.text.contains("Subject: CN=client"))
        try await openssl.run([
            "ec", "-in", "\(path)/client.key", "-aes256", "-passout", "pass:p", "-out", "\(path)/locked",
        ])
        let locked = try readFile("\(path)/locked", atMost: 1 << 20)
        for (password, isRight) in [("p", true), ("q", false)] {
            var trust = TLSTrust(
                caPEM: server.certificate, clientCertificatePEM: ours.certificate, clientKeyPEM: locked,
                clientKeyPassword: password)
            #expect(
                (try? await secureClient(trust).send(request, deadline: farDeadline).status) == (isRight ? 200 : nil))
            trust.ciphers = "NONSENSE"
            #expect(kind(await failure(try secureClient(trust), request)) == "invalidOptions")
        }
        let unlocked = TLSTrust(
            caPEM: server.certificate, clientCertificatePEM: ours.certificate, clientKeyPEM: locked)
        #expect(kind(await failure(try secureClient(unlocked), request)) == "invalidOptions", "nobody is asked for it")
        let unknown = try secureClient(TLSTrust(caPEM: server.certificate))
        #expect(kind(await failure(unknown, request)) == "tls")
        let mixed = try secureClient(
            TLSTrust(caPEM: server.certificate, clientCertificatePEM: ours.certificate, clientKeyPEM: server.key))
        let error = await failure(mixed, request)
        #expect(kind(error) == "invalidOptions")
        #expect(error?.description.contains("client certificate or key cannot be used") == true)
        withExtendedLifetime(process) {}
    }
}
