import TestKit
import TestSupport
import Testing

/// Alerts and the dashboard: the programs of `Tests/monitoring`. What kustomize renders of them is looked at by
/// `tests/test_monitoring.py`.
@Suite(.serialized) struct MonitoringTests {
    private static let folder = "\(TestEnvironment.root)/Tests/monitoring"

    private static func promtool() async throws -> String {
        // What it did comes before, on standard error.
        let printed = try await Rendered.output("\(TestEnvironment.root)/Tests/setup/prometheus", ["promtool"])
        return try #require(printed.split(separator: "\n").last.map(String.init))
    }

    @Test func `each alert fires when it should and not otherwise, and the README lists it`() async throws {
        let (end, output) = try await Rendered.run("\(Self.folder)/rules.py", [try await Self.promtool()])
        #expect(end == .exited(0), "\(output)")
        #expect(output.hasSuffix(" alerts fire when they should, and not otherwise\n"))
    }

    @Test func `the cases of the alerts notice whatever is broken in a rule`() async throws {
        let (end, output) = try await Rendered.run(
            "\(Self.folder)/rules.py", [try await Self.promtool(), "--mutations"], within: .seconds(300))
        #expect(end == .exited(0), "\(output)")
        #expect(output == "the cases notice each mutation\n")
    }

    @Test func `the dashboard has the form that Grafana takes`() async throws {
        let (end, output) = try await Rendered.run("\(Self.folder)/dashboard.py", [])
        #expect(end == .exited(0), "\(output)")
    }

    @Test func `every query finds something in a Prometheus that scrapes both programs`() async throws {
        let programs = try ["cluster-agent", "node-agent"].map { try TestEnvironment.program($0) }
        let (end, output) = try await Rendered.run("\(Self.folder)/live.py", programs, within: .seconds(400))
        #expect(end == .exited(0), "\(output)")
    }
}
