import Glibc
import HTTPClient
import Platform
import TestKit
import TestSupport
import Testing

/// 1,000 malformed requests a round, of more than 20 kinds, over TLS, from a client that knows only RFC 9112:
/// `clients/malformed.py`.
@Suite(.serialized, .timeLimit(.minutes(5))) struct MalformedRequestTests {
    @Test func `each malformed request gets its status and nothing leaks`() async throws {
        let directory = try TemporaryDirectory()
        let agent = try RunningClusterAgent(
            "one", in: directory, ["--cluster_checks.warmup_duration=0", "--shutdown_delay=0"])
        let client = try await agent.client()
        var memory: [Int] = []
        var descriptors: [Int] = []
        for round in 1...3 {
            let sender = try ChildProcess(
                "/usr/bin/env",
                [
                    "python3", "\(TestEnvironment.root)/Tests/AcceptanceTests/clients/malformed.py", "\(agent.port)",
                    RunningClusterAgent.token, "1000",
                ], outputPath: "\(directory.path)/malformed-\(round).log")
            let end = try await sender.wait(within: .seconds(200))
            #expect(end == .exited(0), "\(sender.output)")
            _ = try await eventually(within: .seconds(20), "the connections to be closed") {
                agent.process.openDescriptors <= (descriptors.last ?? .max)
            }
            // What lay free between blocks in use is given back when the loops have been quiet for a moment.
            try await SystemClock().sleep(until: SystemClock().now() + .seconds(3))
            memory.append(agent.process.anonymousKilobytes)
            descriptors.append(agent.process.openDescriptors)
        }
        #expect(memory[2] - memory[1] < 1024, "RssAnon in kB after each round: \(memory)")
        #expect(descriptors[2] <= descriptors[1], "open descriptors after each round: \(descriptors)")
        #expect(try await agent.call(client, "GET", "/version").status == 200)
        await client.shutdown()
    }
}
