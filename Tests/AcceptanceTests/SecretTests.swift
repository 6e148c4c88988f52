import JSON
import Platform
import TestKit
import TestSupport
import Testing

/// `secret`: what it prints, looked at with OpenSSL's own command line.
@Suite(.timeLimit(.minutes(2))) struct SecretTests {
    private let openssl: OpenSSL
    private var directory: TemporaryDirectory { openssl.directory }

    init() throws {
        openssl = try OpenSSL()
    }

    private func printed(_ arguments: String..., input: JSONValue? = nil) async throws -> JSONValue {
        let (end, output) = try await directory.runClusterAgent(
            ["secret"] + arguments, input: input.map { String(decoding: $0.encoded(), as: UTF8.self) } ?? "")
        guard end == .exited(0) else { throw TestFailure("secret \(arguments): \(end): \(output)") }
        return try JSONValue(parsing: Array(output.utf8))
    }

    /// Writes the certificate and the key, and says what OpenSSL reads in the certificate.
    private func certificate(_ name: String, _ secret: JSONValue, _ options: String...) async throws -> String {
        try directory.write("\(name).crt", secret.secretFile("tls.crt"))
        try directory.write("\(name).key", secret.secretFile("tls.key"))
        return try await openssl.run(["x509", "-noout", "-in", "\(directory.path)/\(name).crt"] + options)
    }

    @Test func `the Secret has new tokens, and a certificate for the Service with its key`() async throws {
        let (first, second) = (try await printed("--namespace", "shop"), try await printed("--namespace=shop"))
        let labels = [("name", "cluster-agent"), ("instance", "cluster-agent"), ("part-of", "cluster-agent")].map {
            (ExactText("app.kubernetes.io/\($0)"), JSONValue.string($1))
        }
        var rest = first.objectValue ?? [:]
        rest["data"] = nil
        #expect(
            JSONValue.object(rest)
                == .object([
                    "apiVersion": .string("v1"), "kind": .string("Secret"), "type": .string("Opaque"),
                    "metadata": .object([
                        "name": .string("cluster-agent"), "namespace": .string("shop"),
                        "labels": .object(Dictionary(uniqueKeysWithValues: labels)),
                    ]),
                ]))
        let keys = ["operator-token", "tls.crt", "tls.key", "token"]
        #expect(first["data"]?.objectValue?.keys.map(\.text).sorted() == keys)
        for key in keys { #expect(first.secretFile(key) != second.secretFile(key), "\(key) is the same again") }
        for token in [first.secretFile("token"), first.secretFile("operator-token"), second.secretFile("token")] {
            #expect(token.count == 64 && token.allSatisfy { "0123456789abcdef".utf8.contains($0) })
        }
        #expect(first.secretFile("token") != first.secretFile("operator-token"))

        let names = try await certificate("first", first, "-ext", "subjectAltName")
        let service = ["cluster-agent", "cluster-agent.shop", "cluster-agent.shop.svc"]
        #expect(
            names.split(separator: "\n").last?.split(separator: ", ").map { $0.drop { $0 == " " } }
                == (service + ["cluster-agent.shop.svc.cluster.local"]).map { "DNS:\($0)" })
        let file = "\(directory.path)/first.crt"
        let verified = try await openssl.run([
            "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "cluster-agent.shop.svc", "-CAfile",
            file, file,
        ])
        #expect(verified == "\(file): OK\n")
        let key = try await openssl.run(["pkey", "-in", "\(directory.path)/first.key", "-pubout"])
        #expect(try await openssl.run(["x509", "-noout", "-pubkey", "-in", file]) == key)
    }

    @Test func `names, hosts and days are as given`() async throws {
        let secret = try await printed(
            "--name", "mine", "--days", "30", "--hosts", "checks.example.com,10.0.0.7", "--namespace", "a")
        #expect(secret["metadata"]?["name"] == .string("mine"))
        let names = try await certificate("mine", secret, "-ext", "subjectAltName")
        #expect(names.contains("DNS:cluster-agent.a.svc,"), "\(names)")
        #expect(names.hasSuffix(", DNS:checks.example.com, IP Address:10.0.0.7\n"), "\(names)")
        let file = "\(directory.path)/mine.crt"
        let day = 86_400
        _ = try await openssl.run(["x509", "-noout", "-in", file, "-checkend", "\(30 * day - 600)"])
        await #expect(throws: TestFailure.self) {
            try await openssl.run(["x509", "-noout", "-in", file, "-checkend", "\(30 * day + 600)"])
        }
    }

    @Test func `renewing a token gives that token alone`() async throws {
        for key in ["token", "operator-token"] {
            let patch = try await printed("--renew", key)
            #expect(patch.objectValue?.keys.map(\.text) == ["data"])
            #expect(patch["data"]?.objectValue?.keys.map(\.text) == [key])
            #expect(patch.secretFile(key).count == 64)
        }
    }

    /// A node-agent trusts the certificate that it has until its file is updated, and from then on the new one alone.
    @Test func `the old certificate issues the new one, with the same names and another key`() async throws {
        let old = try await printed("--namespace=shop", "--hosts=checks.example.com")
        let new = try await printed("--renew", "certificate", "--days=30", input: old)
        let newest = try await printed("--renew=certificate", input: merged(old, new))
        for (patch, name) in [(new, "new"), (newest, "newest")] {
            #expect(patch.objectValue?.keys.map(\.text) == ["data"])
            #expect(patch["data"]?.objectValue?.keys.map(\.text).sorted() == ["tls.crt", "tls.key"])
            let names = try await certificate(name, patch, "-ext", "subjectAltName")
            #expect(try await certificate("old", old, "-ext", "subjectAltName") == names)
            #expect(patch.secretFile("tls.key") != old.secretFile("tls.key"))
            let key = try await openssl.run(["pkey", "-in", "\(directory.path)/\(name).key", "-pubout"])
            #expect(try await certificate(name, patch, "-pubkey") == key)
        }
        for (anchor, name) in [("old", "new"), ("new", "new"), ("new", "newest"), ("newest", "newest")] {
            #expect(try await trusts(anchor, name), "\(anchor) is trusted, and \(name) is not")
        }
        for (anchor, name) in [("new", "old"), ("newest", "new"), ("old", "newest")] {
            #expect(try await !trusts(anchor, name), "\(anchor) is trusted, and so is \(name)")
        }
    }

    /// Whether who trusts one certificate, as libcurl and Go do, trusts the other.
    private func trusts(_ anchor: String, _ name: String) async throws -> Bool {
        let (anchor, file) = ("\(directory.path)/\(anchor).crt", "\(directory.path)/\(name).crt")
        let arguments = [
            "verify", "-partial_chain", "-purpose", "sslserver", "-no-CApath", "-no-CAstore", "-CAfile", anchor, file,
        ]
        return (try? await openssl.run(arguments)) == "\(file): OK\n"
    }

    private func merged(_ secret: JSONValue, _ patch: JSONValue) -> JSONValue {
        var members = secret.objectValue ?? [:]
        let data = (secret["data"]?.objectValue ?? [:]).merging(patch["data"]?.objectValue ?? [:]) { $1 }
        members["data"] = .object(data)
        return .object(members)
    }

    @Test(arguments: [
        (["--namespace=Shop"], 2, "--namespace=Shop: not allowed; it takes: a namespace"),
        (["--namespace=a.b"], 2, "--namespace=a.b: not allowed"),
        (["--name=-"], 2, "--name=-: not allowed"),
        (["--days=0"], 2, "--days=0: not allowed"),
        (["--hosts=a b"], 2, "--hosts: TLS host: neither an address nor an ASCII host name"),
        (["--renew=key"], 2, "--renew=key: not allowed; it takes: one of token, operator-token, certificate"),
        (["--renew=token", "--namespace=x"], 2, "--namespace: not with --renew"),
        (["--renew=token", "--hosts=x"], 2, "--hosts: not with --renew"),
        (["--cluster_agent.cmd_port=1"], 2, "--cluster_agent.cmd_port: unknown option"),
        (["shop"], 2, "an argument alone: options are written --key=value"),
    ])
    func `a wrong option is named`(arguments: [String], status: Int32, line: String) async throws {
        let (end, output) = try await directory.runClusterAgent(["secret"] + arguments)
        #expect(end == .exited(status))
        #expect(output.contains(line), "\(output)")
        #expect(output.split(separator: "\n").count == 1, "\(output)")
    }

    @Test func `what no certificate can be renewed from is said without what is in it`() async throws {
        let secret = try await printed()
        let foreign = try await foreignSecret(secret)
        let other = try await printed()
        let mixed = merged(
            secret, .object(["data": .object(["tls.key": other["data"]?["tls.key"] ?? .null])]))
        func with(_ key: String, _ text: String) -> JSONValue {
            merged(secret, .object(["data": .object([ExactText(key): .string(text)])]))
        }
        for (input, reason) in [
            (JSONValue.null, "no Secret"), (.object(["kind": .string("ConfigMap")]), "no Secret"),
            (.object(["kind": .string("Secret")]), "the Secret has no data of the key tls.crt"),
            (with("tls.key", "S3cr3t!"), "data[tls.key]: not base64"),
            (with("tls.crt", "S3cr"), "TLS certificate: no certificate in it"),
            (mixed, "TLS private key: it is not the key of the first certificate"),
            (foreign, "TLS certificate: it may not issue another one: renew it where it comes from"),
        ] {
            let (end, output) = try await directory.runClusterAgent(
                ["secret", "--renew=certificate"], input: String(decoding: input.encoded(), as: UTF8.self))
            #expect(end == .exited(1) && output.contains("standard input: \(reason)"), "\(output)")
            #expect(!output.contains("S3cr") && !output.contains("MII"), "\(output)")
        }
        let unread = try await directory.runClusterAgent(["secret", "--renew=certificate"], input: "{\"kind\": S3cr3t")
        #expect(unread.end == .exited(1) && unread.output.contains("standard input:1:"), "\(unread.output)")
        #expect(!unread.output.contains("S3cr3t"))
    }

    /// One whose certificate an authority has issued, as cert-manager's.
    private func foreignSecret(_ secret: JSONValue) async throws -> JSONValue {
        let path = directory.path
        _ = try await openssl.makeIdentity("authority")
        try await openssl.run([
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x", "-keyout",
            "\(path)/leaf.key", "-out", "\(path)/leaf.csr",
        ])
        try await openssl.run([
            "x509", "-req", "-in", "\(path)/leaf.csr", "-CA", "\(path)/authority.pem", "-CAkey",
            "\(path)/authority.key", "-out", "\(path)/leaf.pem",
        ])
        func encoded(_ name: String) throws -> JSONValue {
            var text: [UInt8] = []
            Base64.encode(try readFile("\(path)/\(name)", atMost: 1 << 16), into: &text)
            return .string(String(decoding: text, as: UTF8.self))
        }
        let files: [ExactText: JSONValue] = ["tls.crt": try encoded("leaf.pem"), "tls.key": try encoded("leaf.key")]
        return merged(secret, .object(["data": .object(files)]))
    }

    @Test func `the help says what to do with it`() async throws {
        let (end, help) = try await directory.runClusterAgent(["secret", "--help"])
        #expect(end == .exited(0))
        for text in ["| kubectl create --filename -\n", "--renew token |", "--patch-file /dev/stdin", "--days=…"] {
            #expect(help.contains(text), "\(help)")
        }
        #expect(!help.contains("cmd_port"))
    }
}

extension JSONValue {
    /// The contents of a key of a Secret; empty if there is none.
    func secretFile(_ key: String) -> [UInt8] {
        Base64.decode((self["data"]?[key]?.stringValue ?? "").utf8) ?? []
    }
}
