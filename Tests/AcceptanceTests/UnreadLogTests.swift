import Glibc
import HTTPClient
import Platform
import TestKit
import TestSupport
import Testing

/// Nobody reads the log (etcd-io/etcd#22326, moby/moby#31540): standard error is a pipe without any room.
@Suite(.timeLimit(.minutes(5))) struct UnreadLogTests {
    @Test func `a wrong option ends the program although nobody reads its error`() async throws {
        let agent = try RunningClusterAgent(
            "one", in: try TemporaryDirectory(), ["--no_such_option=1"], hasReader: false)
        #expect(try await agent.process.wait(within: .seconds(60)) == .exited(2))
    }

    @Test func `a log that nobody reads holds up neither requests, probes nor the end`() async throws {
        let directory = try TemporaryDirectory()
        try directory.write(
            "conf.d/one.json", #"{"cluster_check": true, "init_config": {}, "instances": [{"url": "http://a/"}]}"#)
        let agent = try RunningClusterAgent(
            "one", in: directory,
            [
                "--confd_path=\(directory.path)/conf.d", "--cluster_checks.warmup_duration=0", "--shutdown_delay=0",
                "--log_level=debug",
            ], hasProbes: true, hasReader: false)
        let client = try await agent.client()
        // Each refused request is a line, and each client that is closed makes a new handshake.
        for round in 0..<3 {
            let other = try await agent.client()
            for number in 0..<100 {
                let answer = try await agent.call(
                    other, "POST", "/api/v1/clusterchecks/status/node-\(round)-\(number)", body: #"{"last_change":0}"#)
                #expect(answer.status == 200)
            }
            await other.shutdown()
        }
        for path in ["/livez", "/readyz"] {
            let probe = try await agent.probe(path)
            #expect(probe.status == 200, "\(path): \(probe.text)")
        }
        await client.shutdown()
        agent.process.signal(SIGTERM)
        #expect(try await agent.process.wait(within: .seconds(60)) == .exited(0))
    }
}
