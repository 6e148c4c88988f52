import TestKit
import TestSupport
import Testing

/// The page in a real browser, on a simulated server that shows it what a cluster seldom does: the program of
/// `Tests/page`.
@Suite(.serialized) struct PageChecksTests {
    @Test func `the page holds what its checks say, in a real browser`() async throws {
        let printed = try await Rendered.output("\(TestEnvironment.root)/Tests/setup/browser", [])
        let python = try #require(printed.split(separator: "\n").last.map(String.init))
        let (end, output) = try await Rendered.run(
            python, ["-B", "\(TestEnvironment.root)/Tests/page/checks.py"], within: .seconds(600))
        #expect(end == .exited(0), "\(output)")
        #expect(output.split(separator: "\n").count { $0.hasPrefix("ok ") } > 30, "\(output)")
    }
}
