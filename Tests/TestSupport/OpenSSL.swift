import Platform
package import TestKit

/// Certificates that OpenSSL's command line made, and servers that it runs, for what our own server does not do.
package final class OpenSSL: Sendable {
    package let directory: TemporaryDirectory

    package init() throws {
        directory = try TemporaryDirectory()
    }

    /// Makes a self-signed certificate `NAME.pem` and its key `NAME.key` for 127.0.0.1 and returns their contents.
    package func makeIdentity(_ name: String) async throws -> (certificate: [UInt8], key: [UInt8]) {
        let certificate = "\(directory.path)/\(name).pem"
        let key = "\(directory.path)/\(name).key"
        try await run([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            "/CN=\(name)", "-addext", "subjectAltName=IP:127.0.0.1", "-out", certificate, "-keyout", key,
        ])
        return (try readFile(certificate, atMost: 1 << 20), try readFile(key, atMost: 1 << 20))
    }

    /// Runs `openssl` and returns what it says.
    @discardableResult
    package func run(_ arguments: [String]) async throws -> String {
        let output = "\(directory.path)/output.\(arguments[0]).\(SystemEntropy().next())"
        let process = try ChildProcess("/usr/bin/openssl", arguments, outputPath: output)
        guard try await process.wait(within: .seconds(30)) == .exited(0) else {
            throw TestFailure("openssl \(arguments[0]): \(process.output)")
        }
        return process.output
    }

    /// Starts `openssl s_server` on a free port.
    package func serve(_ arguments: [String]) async throws -> (process: ChildProcess, port: Int) {
        let output = "\(directory.path)/server.\(SystemEntropy().next())"
        let process = try ChildProcess(
            "/usr/bin/openssl", ["s_server", "-accept", "127.0.0.1:0", "-www"] + arguments, outputPath: output)
        let port = try await eventually(within: .seconds(30), "s_server to listen: \(process.output)") { () -> Int? in
            let line = process.output.split(separator: "\n").first { $0.hasPrefix("ACCEPT 127.0.0.1:") }
            return line.flatMap { Int($0.split(separator: ":")[1]) }
        }
        return (process, port)
    }
}
