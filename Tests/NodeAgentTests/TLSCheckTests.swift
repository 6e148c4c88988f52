import CheckModel
import CheckOptions
import Platform
import TestKit
import TestSupport
import Testing

@testable import NodeAgent

/// `tls` against OpenSSL's own server, and against servers that are none. `CheckTargetTests` has certificates of every
/// kind.
@Suite(.serialized, .timeLimit(.minutes(3))) struct TLSCheckTests {
    private let openssl: OpenSSL

    init() throws {
        openssl = try OpenSSL()
    }

    private func path(_ name: String) -> String { "\(openssl.directory.path)/\(name)" }

    private func serve(_ name: String, _ arguments: [String] = []) async throws -> (process: ChildProcess, port: Int) {
        _ = try await openssl.makeIdentity(name)
        return try await openssl.serve(["-cert", path("\(name).pem"), "-key", path("\(name).key")] + arguments)
    }

    private func run(_ port: Int, _ options: String = "") async throws -> CheckOutcome {
        // The certificates last two days.
        let limits = #""days_critical":1,"days_warning":1,"timeout":10"#
        return try await NetworkExecutorTests.outcome(
            "tls", #"{"server":"127.0.0.1","port":\#(port),\#(limits)\#(options)}"#)
    }

    private func failure(_ port: Int, _ options: String = "") async throws -> CheckFailure? {
        if case .failure(let failure) = try await run(port, options) { failure } else { nil }
    }

    @Test func `trust, name, version and expiry are judged`() async throws {
        let server = try await serve("one")
        let trusted = #","tls_ca_cert":"\#(path("one.pem"))""#
        guard case .success(let success) = try await run(server.port, trusted) else {
            Issue.record("down: \(try await failure(server.port, trusted)?.description ?? "")")
            return
        }
        #expect((86_400...172_800).contains(success.secondsToExpiry ?? 0))
        try openssl.directory.write(
            "authorities/x.pem", String(decoding: try readFile(path("one.pem"), atMost: 1 << 20), as: UTF8.self))
        try await openssl.run(["rehash", path("authorities")])
        for (directory, kind) in [("authorities", CheckFailure.Kind?.none), ("", .tls)] {
            let url = #"{"url":"https://127.0.0.1:\#(server.port)/","check_certificate_expiration":false,"#
            let failure = try await NetworkExecutorTests.failure(
                "http_check", #"\#(url)"tls_ca_cert":"\#(path(directory))","tls_ciphers":["TLS_AES_128_GCM_SHA256"]}"#)
            #expect(failure?.kind == kind, "\(failure?.description ?? "up")")
        }
        let cases: [(options: String, kind: CheckFailure.Kind?, reason: String)] = [
            ("", .tls, "the certificate is not trusted: self-signed certificate"),
            (#","tls_verify":false"#, nil, ""),
            (#"\#(trusted),"server_hostname":"localhost""#, .tls, "the certificate is not for localhost"),
            (#"\#(trusted),"server_hostname":"x","tls_validate_hostname":false"#, nil, ""),
            (#","tls_verify":false,"server_hostname":"x""#, .tls, "the certificate is not for x"),
            (
                #"\#(trusted),"allowed_versions":["1.2"]"#, .tls,
                "the server speaks TLSv1.3, which allowed_versions does not have"
            ),
            (
                #"\#(trusted),"seconds_critical":200000"#, .certificate,
                "the certificate expires in 4"
            ),
            (#"\#(trusted),"tls_ciphers":"NONSENSE""#, .config, "tls_ciphers: no cipher match"),
            (#"\#(trusted),"tls_ciphers":["TLS_AES_256_GCM_SHA384"]"#, nil, ""),
            (#"\#(trusted),"tls_ciphers":["TLS_NONSENSE"]"#, .config, "tls_ciphers: no cipher match"),
            (#","tls_ca_cert":"\#(path("authorities"))""#, nil, ""),
            (#","tls_ca_cert":"\#(path(""))""#, .tls, "the certificate is not trusted: self-signed certificate"),
            (#","tls_ca_cert":"\#(path("one.key"))""#, .config, "tls_ca_cert: no certificate or crl found"),
        ]
        for (options, kind, reason) in cases {
            let failure = try await failure(server.port, options)
            #expect(
                failure?.kind == kind && (failure?.message ?? "").hasPrefix(reason),
                "\(options): \(failure?.description ?? "")")
        }
    }

    @Test func `a server that asks for a certificate gets it, with the password of its key`() async throws {
        _ = try await openssl.makeIdentity("client")
        try await openssl.run([
            "ec", "-in", path("client.key"), "-aes256", "-passout", "pass:p", "-out", path("locked.key"),
        ])
        let server = try await serve(
            "two", ["-Verify", "1", "-verify_return_error", "-CAfile", path("client.pem"), "-tls1_2"])
        let shown =
            #","tls_verify":false,"tls_cert":"\#(path("client.pem"))","tls_private_key":"\#(path("locked.key"))""#
        #expect(try await failure(server.port, #"\#(shown),"tls_private_key_password":"p""#) == nil)
        #expect(try await failure(server.port, shown)?.kind == .config)
        #expect(try await failure(server.port, #"\#(shown),"tls_private_key_password":"q""#)?.kind == .config)
        #expect(try await failure(server.port, #","tls_verify":false"#)?.kind == .tls)
    }

    @Test(arguments: ["postgres", "mysql"]) func `TLS is started as a database starts it`(name: String) async throws {
        let server = try await serve("three")
        let port = UInt16(server.port)
        let isPostgres = name == "postgres"
        let database = try RawServer { connection in
            if isPostgres {
                guard connection.read(exactly: 8) == [0, 0, 0, 8, 4, 210, 22, 47] else { return }
                connection.write("S")
            } else {
                let greeting =
                    [10] + Array("8.0.36".utf8) + [0] + [UInt8](repeating: 1, count: 13) + [0, 0x08]
                    + [UInt8](repeating: 0, count: 20)
                connection.write([UInt8(greeting.count), 0, 0, 0] + greeting)
                guard let request = connection.read(exactly: 36), request.prefix(5) == [32, 0, 0, 1, 0] else { return }
            }
            connection.tunnel(to: port)
        }
        let trusted = #","tls_ca_cert":"\#(path("three.pem"))","start_tls":"\#(name)""#
        let failure = try await failure(Int(database.port), trusted)
        #expect(failure == nil, "\(failure?.description ?? "")")
    }

    @Test(arguments: [
        ("postgres", "N", CheckFailure.Kind.tls), ("postgres", "", .connect), ("mysql", "HTTP/1.1 400 X\r\n\r\n", .tls),
        ("mysql", "\u{1}", .connect), ("mysql", "\u{4}\0\0\0\u{7F}\u{4}\u{4}x", .tls),
    ]) func `a database that offers no TLS is down`(name: String, answer: String, kind: CheckFailure.Kind) async throws
    {
        let database = try RawServer { $0.write(answer) }
        #expect(try await failure(Int(database.port), #","start_tls":"\#(name)""#)?.kind == kind)
    }

    @Test func `a certificate in a file is judged in PEM and DER`() async throws {
        _ = try await openssl.makeIdentity("four")
        try await openssl.run(["x509", "-in", path("four.pem"), "-outform", "DER", "-out", path("four.der")])
        for (options, kind) in [
            (#""local_cert_path":"\#(path("four.pem"))","days_critical":1"#, CheckFailure.Kind?.none),
            (#""local_cert_path":"\#(path("four.der"))","days_critical":1"#, nil),
            (#""local_cert_path":"\#(path("four.der"))""#, .certificate),
            (#""local_cert_path":"\#(path("four.der"))","days_critical":1,"server_hostname":"x""#, .tls),
            (#""local_cert_path":"\#(path("four.key"))""#, .config), (#""local_cert_path":"/nonexistent""#, .config),
        ] {
            let failure = try await NetworkExecutorTests.failure("tls", "{\(options)}")
            #expect(failure?.kind == kind, "\(options): \(failure?.description ?? "up")")
        }
    }

    @Test func `a stopped run ends while its server is silent`() async throws {
        let silent = LoopbackListener(.isSilent)
        let clock = SystemClock()
        let executor = NetworkExecutor(clock: clock)
        let definition = try CheckDefinition(
            "tls", instance: Array(#"{"server":"127.0.0.1","port":\#(silent.port),"timeout":500}"#.utf8))
        let ended = Watched(false)
        let stop = executor.start(definition, deadline: clock.now() + definition.timeout) { _ in ended.set(true) }
        stop()
        try await eventually { ended.value }
        await executor.shutdown()
    }
}
