import Glibc
import HTTPServer
import Platform
import TestKit
import Testing

@testable import NodeAgent

/// A token that is changed while some see it earlier than others.
@Suite struct AgentTokenTests {
    private static let (old, new) = ("old-token-of-32-characters-or-more", "new-token-of-32-characters-or-more")

    private let path = "/tmp/node-agent-test-token-\(SystemEntropy().uuid())"
    private let clock = ManualClock()

    private func token(account: String? = nil, log: RecordingLog = RecordingLog()) throws -> AgentToken {
        try writeFile(path, Array(Self.old.utf8))
        let options = try Options(
            table: OptionTable(NodeAgentOptions.authToken, NodeAgentOptions.authTokenFile),
            arguments: ["--cluster_agent.auth_token_file=\(path)"], environment: [:])
        return AgentToken(
            try SharedToken(
                options, value: NodeAgentOptions.authToken, file: NodeAgentOptions.authTokenFile, every: .seconds(5),
                clock: clock), account: try account.map { try RereadFile($0, every: .seconds(60), clock: clock) },
            clock: clock, log: Log(sink: log))
    }

    private func write(_ text: String) throws {
        try writeFile(path, Array(text.utf8))
        clock.advance(by: .seconds(5))
    }

    private func isAccepted(_ text: String, by token: AgentToken) -> Bool {
        let request = HTTPRequest(
            method: .get, path: "/", headers: HTTPHeaders([("Authorization", "Bearer \(text)")]), body: [],
            peer: PeerAddress(host: "127.0.0.1", port: 1))
        return token.refusal(of: request) == nil
    }

    @Test func `a cluster-agent that refuses the new token gets the former one`() throws {
        defer { unsafe unlink(path) }
        let token = try token()
        #expect(token.presented == Self.old)
        try write(Self.new)
        #expect(token.presented == Self.new)
        token.handleRejection(of: Self.new, because: "refused")
        #expect(token.presented == Self.old, "refused: the one before")
        token.handleRejection(of: Self.new, because: "refused")
        #expect(token.presented == Self.old, "a late refusal of the new one changes nothing")
        token.handleRejection(of: Self.old, because: "refused")
        #expect(token.presented == Self.new, "the cluster-agent has the new one by now")
    }

    @Test func `the ServiceAccount's token comes first, and the shared one where that is rejected`() throws {
        let account = path + "-account"
        defer { for path in [path, account] { unsafe unlink(path) } }
        try writeFile(account, Array("first.account.token".utf8))
        let log = RecordingLog()
        let token = try token(account: account, log: log)
        #expect(token.presented == "first.account.token")
        #expect(!isAccepted("first.account.token", by: token), "it opens nothing here")
        token.handleRejection(of: "first.account.token", because: "refused")
        #expect(token.presented == Self.old)
        token.handleRejection(of: Self.old, because: "refused")
        #expect(token.presented == "first.account.token", "both are rejected: in turn")
        token.handleRejection(of: "first.account.token", because: "refused")
        try writeFile(account, Array("second.account.token".utf8))
        clock.advance(by: .seconds(60))
        #expect(token.presented == "second.account.token", "the kubelet has renewed it")
        try writeFile(account, Array("third.account.token".utf8))
        token.handleRejection(of: "second.account.token", because: "refused")
        #expect(token.presented == "third.account.token", "a refusal reads it again at once")
        token.handleRejection(of: "third.account.token", because: "refused")
        token.handleRejection(of: "third.account.token", because: "refused")
        #expect(token.presented == Self.old)
        clock.advance(by: .seconds(60))
        #expect(token.presented == "third.account.token", "it is tried again after a minute")
        token.handleRejection(of: "third.account.token", because: "it asked for those of b")
        #expect(log.values(of: "reason").last == "it asked for those of b")
        clock.advance(by: .seconds(60))
        #expect(token.presented == Self.old, "then after two")
        clock.advance(by: .seconds(60))
        #expect(token.presented == "third.account.token")
    }

    @Test func `without a former token a refused token is sent again`() throws {
        defer { unsafe unlink(path) }
        let token = try token()
        token.handleRejection(of: Self.old, because: "refused")
        #expect(token.presented == Self.old)
    }

    @Test func `a refusal reads the token file again at once`() throws {
        defer { unsafe unlink(path) }
        let token = try token()
        try writeFile(path, Array(Self.new.utf8))
        #expect(token.presented == Self.old, "it is not looked at more often than every 5 s")
        token.handleRejection(of: Self.old, because: "refused")
        #expect(token.presented == Self.new)
    }

    @Test func `callers may use either token for a while`() throws {
        defer { unsafe unlink(path) }
        let token = try token()
        try write(Self.new)
        #expect(isAccepted(Self.new, by: token))
        #expect(isAccepted(Self.old, by: token))
        clock.advance(by: .seconds(300))
        #expect(isAccepted(Self.new, by: token))
        #expect(!isAccepted(Self.old, by: token))
    }
}
