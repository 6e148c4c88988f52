import Glibc
import Platform
import TestKit
import TestSupport
import Testing

/// Changes that reach those who wait for them at a replica that does not lead.
@Suite(.serialized, .timeLimit(.minutes(5))) struct FollowerPushTests {
    @Test func `a node-agent at a follower that polls once an hour gets an edited annotation at once`() async throws {
        try await ReplicatedCluster.run(replicas: 2, services: 6) { cluster in
            try await cluster.settle(configs: 6)
            let follower = 1 - (try await cluster.leader())
            let directory = cluster.plane.directory
            try directory.write("node.token", RunningClusterAgent.token)
            let node = try ChildProcess(
                try TestEnvironment.program("node-agent"),
                [
                    "run", "--cluster_agent.url=\(cluster.urls[follower])",
                    "--cluster_agent.auth_token_file=\(directory.path)/node.token",
                    "--cluster_agent.tls_verify=false", "--hostname=node", "--cmd_port=0", "--metrics_port=0",
                    "--listen_host=127.0.0.1", "--ad_config_poll_interval=1h",
                    "--cluster_checks.node_expiration_timeout=10",
                ], outputPath: "\(directory.path)/node.log")
            try await eventually(within: .seconds(60), "its share; \(node.output)") {
                node.output.contains("waiting for changes") && node.output.contains("configs changed")
            }
            for number in 0..<6 {
                try await cluster.plane.kubectl(
                    "annotate", "--overwrite", "service", "service-\(number)",
                    #"ad.datadoghq.com/service.checks={"http_check":{"instances":[{"name":"edited\#(number)","url":"http://%%host%%/"}]}}"#
                )
            }
            try await eventually(within: .seconds(60), "the edited configs; \(node.output)") {
                let lines = node.output.split(separator: "\n")
                return lines.contains { $0.contains("configs changed") && !$0.contains("removed=0") }
            }
            #expect(!node.output.contains("polling for changes"), "\(node.output)")
            node.signal(SIGTERM)
            #expect(try await node.wait(within: .seconds(30)) == .exited(0))
        }
    }
}
