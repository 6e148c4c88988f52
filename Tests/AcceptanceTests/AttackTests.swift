import HTTPClient
import Platform
import TestKit
import TestSupport
import Testing

/// The real program under attack over TLS, by a client of its own: `clients/attack.py`. Each attack has a server of its
/// own, and they go on side by side, since the slow ones wait for the server's time-outs.
@Suite(.timeLimit(.minutes(10))) struct AttackTests {
    @Test func `slow readers and writers time out without affecting other clients`() async throws {
        try await attack("slow")
    }

    @Test func `endless bodies use bounded memory`() async throws {
        try await attack("bodies", 300)
    }

    @Test func `a connection without a TLS handshake is closed and leaks nothing`() async throws {
        try await attack("garbage")
    }

    @Test func `clients without a token hold a quarter of the connections, and others reconnect`() async throws {
        try await attack("flood", 10_000, descriptors: "1024:12000")
    }

    @Test func `a client that opens connections without a pause crowds out nobody else`() async throws {
        try await attack("crowd", Int(processEnvironment()["TEST_CONNECTIONS"] ?? "") ?? 5_000)
    }

    @Test func `TLS key updates without a pause hold up nobody else`() async throws {
        try await attack("updates", 4)
    }

    @Test func `a flood of connections leaves file descriptors for everything else`() async throws {
        let output = try await attack("flood", 10_000, descriptors: "512:512")
        #expect(!output.contains("Too many open files"), "\(output)")
    }

    @Test func `opening and closing many connections leaks nothing`() async throws {
        try await attack("churn", Int(processEnvironment()["TEST_CONNECTIONS"] ?? "") ?? 5_000)
    }

    /// Starts a server, lets the client attack it, prints what the client said, and expects that it was content.
    ///
    /// - Returns: what the server said.
    @discardableResult
    private func attack(_ kind: String, _ number: Int = 0, descriptors: String? = nil) async throws -> String {
        let directory = try TemporaryDirectory()
        let text = String(repeating: "x", count: 10_000)
        for index in 0..<20 {
            try directory.write(
                "conf.d/\(index).json",
                #"{"cluster_check": true, "init_config": {}, "instances": [{"name": "\#(index)", "text": "\#(text)"}]}"#
            )
        }
        let agent = try RunningClusterAgent(
            "one", in: directory,
            ["--confd_path=\(directory.path)/conf.d", "--cluster_checks.warmup_duration=0", "--shutdown_delay=0"],
            descriptors: descriptors)
        let client = try await agent.client()
        await client.shutdown()
        let attacker = try ChildProcess(
            "/usr/bin/env",
            [
                "python3", "\(TestEnvironment.root)/Tests/AcceptanceTests/clients/attack.py", "\(agent.port)",
                "\(agent.process.id)", RunningClusterAgent.token, kind, "\(number)",
            ], outputPath: "\(directory.path)/attack.log")
        let end = try await attacker.wait(within: .seconds(540))
        print("attack: \(kind)\n\(attacker.output)")
        #expect(end == .exited(0), "\(attacker.output)\(agent.process.output)")
        return agent.process.output
    }
}
