import Glibc
import HTTPClient
import Platform
import TestKit
import TestSupport
import Testing

/// Services with `prometheus.io/…` annotations on a real API server, and the reference node-agent.
@Suite(.timeLimit(.minutes(4))) struct PrometheusScrapeTests {
    @Test func `a Service that Prometheus would scrape is checked at its address`() async throws {
        let plane = try await ControlPlane.start()
        let agent = try RunningClusterAgent(
            "one", in: plane.directory,
            [
                "--kubeconfig=\(plane.agentKubeconfig)", "--cluster_checks.warmup_duration=2", "--shutdown_delay=0",
                "--prometheus_scrape.enabled=true", "--prometheus_scrape.version=2",
                #"--prometheus_scrape.checks=[{"configurations":[{"min_collection_interval":1}]}]"#,
            ])
        let client = try await agent.client()
        let (port, pagePort) = (try TestEnvironment.freePort(), try TestEnvironment.freePort())
        let node = try agent.startNodeAgent(
            "node", ["--metrics_port=\(port)", "--listen_host=127.0.0.1", "--ad_config_poll_interval=500ms"])
        try await plane.kubectl("create", "service", "clusterip", "shop", "--tcp=\(pagePort):8080")
        try await plane.kubectl("create", "service", "clusterip", "plain", "--tcp=80:80")
        let address = try await plane.kubectl("get", "service", "shop", "-o", "jsonpath={.spec.clusterIP}")
        let target = try ChildProcess(
            "/usr/bin/python3",
            ["\(TestEnvironment.root)/Tests/IntegrationTests/clients/metrics_target.py", address, "\(pagePort)"],
            outputPath: "\(plane.directory.path)/target.log")

        func up() async throws -> [Substring] {
            try await Self.metrics(port).filter { $0.hasPrefix("node_agent_check_up{check_id=\"openmetrics:") }
        }
        func asked(_ path: String) -> Bool { target.output.split(separator: "\n").contains { $0 == path } }
        try await plane.kubectl("annotate", "service", "plain", "prometheus.io/scrape=false", "prometheus.io/port=x")
        try await plane.kubectl(
            "annotate", "service", "shop", "prometheus.io/scrape=true", "prometheus.io/path=/page",
            "prometheus.io/param_b=x y", "prometheus.io/param_a=1")
        try await eventually(within: .seconds(60), "a good run: \(agent.process.output) \(node.output)") {
            asked("/page?a=1&b=x%20y") ? try await up().map { $0.hasSuffix(" 1") } == [true] : false
        }
        // A broken annotation is told with an Event, and nobody else is hurt; one that is mended is an edit.
        try await plane.kubectl("annotate", "--overwrite", "service", "shop", "prometheus.io/port=http")
        try await eventually(within: .seconds(30), "the Event: \(agent.process.output)") {
            try await plane.kubectl("describe", "service", "shop").contains(
                "prometheus.io/port is not a number from 1 to 65535")
        }
        try await plane.kubectl(
            "annotate", "--overwrite", "service", "shop", "prometheus.io/port=\(pagePort)", "prometheus.io/path=/other",
            "prometheus.io/param_a-", "prometheus.io/param_b-")
        try await eventually(within: .seconds(60), "the other page: \(agent.process.output) \(node.output)") {
            asked("/other") ? try await up().map { $0.hasSuffix(" 1") } == [true] : false
        }
        try await plane.kubectl("annotate", "--overwrite", "service", "shop", "prometheus.io/scrape=false")
        try await eventually(within: .seconds(60), "the check to go: \(agent.process.output) \(node.output)") {
            try await up().isEmpty
        }
        #expect(!agent.process.output.contains("kube_service://default/plain"), "\(agent.process.output)")
        await client.shutdown()
        try await plane.stop()
    }

    private static func metrics(_ port: Int) async throws -> [Substring] {
        let clock = SystemClock()
        let client = try HTTPClient(options: HTTPClientOptions(allowsPlainHTTP: true), clock: clock)
        let request = ClientRequest(url: "http://127.0.0.1:\(port)/metrics")
        let answer = try? await client.send(request, deadline: clock.now() + .seconds(5))
        await client.shutdown()
        guard let answer, answer.status == 200 else { throw TestFailure("the node-agent gives no metrics") }
        return String(decoding: answer.body, as: UTF8.self).split(separator: "\n")
    }
}
