import COpenSSL
import Platform
import TestKit
import Testing

@testable import HTTPServer

@Suite(.serialized) struct TLSTests {
    static let identity = Result {
        try TLSIdentity.selfSigned(hosts: ["agent.example", "10.1.2.3", "fd00::1"])
    }

    private func tls(_ minimum: TLSServerOptions.MinimumVersion = .tls13) throws -> TLSServerOptions {
        TLSServerOptions(identity: try Self.identity.get(), minimumVersion: minimum)
    }

    @Test func `requests over TLS are answered, be they pipelined, large or answered later`() async throws {
        try await withServer(loops: 2, tls: try tls()) { server, handler in
            let client = TestClient(port: server.port)
            #expect(client.startTLS())
            let body = String(repeating: "x", count: 100_000)
            client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
            #expect(client.receive(until: body).hasSuffix("\r\n\r\n" + body))
            client.send(HTTPServerTests.get("/later") + HTTPServerTests.get("/big", HTTPServerTests.last))
            try await handler.waiting(1)[0].responder.respond(.text(200, "later"))
            let rest = client.receiveToEnd()
            #expect(rest.contains("later\n"))
            #expect(rest.utf8.count > TestHandler.big.count)
            #expect(client.hasGoodbye)
        }
    }

    @Test func `requests that TLS has already decrypted are answered once there is room`() async throws {
        try await withServer(tls: try tls()) { server, handler in
            let client = TestClient(port: server.port)
            #expect(client.startTLS())
            let count = HTTPLimits().pipelinedRequests * 3
            client.sendTogether {
                client.send(HTTPServerTests.get("/later"))
                for index in 0..<count {
                    client.send(HTTPServerTests.get("/hello", index == count - 1 ? HTTPServerTests.last : ""))
                }
            }
            let responder = try await handler.waiting(1)[0].responder
            try await eventually { server.counters.requests.value == UInt64(HTTPLimits().pipelinedRequests) }
            responder.respond(.text(200, "later"))
            #expect(client.receiveToEnd().components(of: "\r\n\r\n{}") == count)
        }
    }

    @Test func `pipelined requests in TLS records of their own are all answered`() async throws {
        try await withServer(tls: try tls()) { server, handler in
            let client = TestClient(port: server.port)
            #expect(client.startTLS())
            let count = 500
            // The first answer comes last, so that all later ones wait, and most requests wait to be read.
            client.send(HTTPServerTests.get("/later"))
            for index in 0..<count {
                client.send(HTTPServerTests.get("/hello", index == count - 1 ? HTTPServerTests.last : ""))
            }
            try await handler.waiting(1)[0].responder.respond(.text(200, "later"))
            #expect(client.receiveToEnd().components(of: "\r\n\r\n{}") == count)
        }
    }

    @Test func `only the allowed TLS versions are accepted`() async throws {
        for (minimum, maximum, expected) in [
            (TLSServerOptions.MinimumVersion.tls13, TLS1_2_VERSION, false), (.tls13, TLS1_3_VERSION, true),
            (.tls12, TLS1_2_VERSION, true), (.tls12, TLS1_1_VERSION, false),
        ] {
            try await withServer(tls: try tls(minimum)) { server, _ in
                let client = TestClient(port: server.port)
                #expect(client.startTLS(maximumVersion: maximum) == expected)
                if expected {
                    client.send(HTTPServerTests.get("/hello", HTTPServerTests.last))
                    #expect(client.receiveToEnd().hasSuffix("{}"))
                } else {
                    try await eventually { server.counters.failedHandshakes.value == 1 }
                    try await eventually { server.openConnections == 0 }
                }
            }
        }
    }

    @Test(arguments: [(["h2", "http/1.1"], "http/1.1"), ([], ""), (["h2"], nil)] as [([String], String?)])
    func `ALPN selects only HTTP/1.1`(offered: [String], expected: String?) async throws {
        try await withServer(tls: try tls()) { server, _ in
            let client = TestClient(port: server.port)
            #expect(client.startTLS(protocols: offered) == (expected != nil))
            if let expected { #expect(client.chosenProtocol == expected) }
        }
    }

    @Test func `a client that speaks plain HTTP is told to use HTTPS`() async throws {
        try await withServer(tls: try tls()) { server, _ in
            let client = TestClient(port: server.port)
            client.send(HTTPServerTests.get("/hello"))
            let answer = client.receiveToEnd()
            #expect(answer.hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
            #expect(answer.hasSuffix("this port speaks HTTPS\n"))
            try await eventually { server.openConnections == 0 }
        }
    }

    @Test func `a missing handshake times out`() async throws {
        var limits = HTTPLimits()
        limits.handshakeTimeout = .milliseconds(200)
        try await withServer(limits: limits, tls: try tls()) { server, _ in
            let silent = TestClient(port: server.port)
            #expect(silent.receiveToEnd().isEmpty)
            let garbage = TestClient(port: server.port)
            garbage.send([0x16, 0x03, 0x01, 0x02, 0x00, 0x01])
            #expect(garbage.receiveToEnd().isEmpty)
            try await eventually { server.openConnections == 0 }
        }
    }

    @Test func `new connections get a renewed certificate and open ones go on`() async throws {
        let first = try Self.identity.get()
        try await withServer(tls: try tls()) { server, _ in
            let old = TestClient(port: server.port)
            #expect(old.startTLS())
            let renewed = try TLSIdentity.selfSigned(hosts: [])
            try server.replaceIdentity(renewed)
            let new = TestClient(port: server.port)
            #expect(new.startTLS())
            #expect(old.certificatePin == first.publicKeyPin)
            #expect(new.certificatePin == renewed.publicKeyPin)
            for client in [old, new] {
                client.send(HTTPServerTests.get("/hello", HTTPServerTests.last))
                #expect(client.receiveToEnd().hasSuffix("{}"))
            }
        }
        try await withServer { server, _ in
            #expect(throws: HTTPServerError.self) { try server.replaceIdentity(try Self.identity.get()) }
        }
    }

    @Test func `a self-signed certificate names its hosts`() throws {
        let chain = try CertificateChain(pem: try Self.identity.get().certificatePEM)
        for host in ["localhost", "agent.example"] {
            #expect(unsafe X509_check_host(chain.first, host, 0, 0, nil) == 1)
        }
        for address in ["127.0.0.1", "::1", "10.1.2.3", "fd00::1"] {
            #expect(unsafe X509_check_ip_asc(chain.first, address, 0) == 1)
        }
        #expect(unsafe X509_check_host(chain.first, "other.example", 0, 0, nil) != 1)
    }

    @Test(arguments: ["", "a b", "h\u{E9}", "a,DNS:b"])
    func `a host that cannot be named in a certificate is an error`(host: String) {
        #expect(throws: HTTPServerError.self) {
            try TLSIdentity.selfSigned(hosts: [host])
        }
    }

    @Test func `an unusable certificate or key is an error that names it`() throws {
        let first = try Self.identity.get()
        let second = try TLSIdentity.selfSigned(hosts: [])
        let nothing = Array("nothing\n".utf8)
        #expect(throws: HTTPServerError.keyDoesNotMatchCertificate) {
            try TLSIdentity(certificatePEM: first.certificatePEM, keyPEM: second.privateKeyPEM)
        }
        #expect { try TLSIdentity(certificatePEM: nothing, keyPEM: first.privateKeyPEM) } throws: {
            "\($0)" == "TLS certificate: no certificate in it (PEM, -----BEGIN CERTIFICATE-----)"
        }
        #expect { try TLSIdentity(certificatePEM: first.certificatePEM, keyPEM: nothing) } throws: {
            "\($0)".hasPrefix("TLS private key: no unencrypted private key in it (PEM, -----BEGIN PRIVATE KEY-----)")
        }
        let cut = Array(first.certificatePEM.dropLast(60))
        #expect { try TLSIdentity(certificatePEM: cut, keyPEM: first.privateKeyPEM) } throws: {
            "\($0)".hasPrefix("TLS certificate: ")
        }
        let again = try TLSIdentity(
            certificatePEM: first.certificatePEM + second.certificatePEM, keyPEM: first.privateKeyPEM)
        #expect(again.publicKeyPin == first.publicKeyPin)
        #expect(first.publicKeyPin.hasPrefix("sha256//"))
        #expect(first.publicKeyPin.utf8.count == 8 + 44)
    }
}

extension TestClient {
    /// The pin of the server's key.
    var certificatePin: String {
        guard let certificate = unsafe SSL_get1_peer_certificate(tls) else { return "" }
        defer { unsafe X509_free(certificate) }
        var der: UnsafeMutablePointer<UInt8>?
        let length = unsafe i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der)
        defer { unsafe CRYPTO_free(der, #fileID, #line) }
        var digest = [UInt8](repeating: 0, count: 32)
        unsafe EVP_Digest(der, Int(length), &digest, nil, EVP_sha256(), nil)
        return "sha256//" + base64(digest)
    }
}
