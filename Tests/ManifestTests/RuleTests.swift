import TestKit
import TestSupport
import Testing

/// The default rules of kube-linter and kube-score, and some of our own: `rules.py`.
@Suite struct RuleTests {
    private static let program = "\(TestEnvironment.root)/Tests/ManifestTests/rules.py"

    private static func names() async throws -> [String] {
        try await Rendered.output(program, ["list"]).split(separator: "\n").map(String.init)
    }

    @Test(arguments: Rendered.folders)
    func `the manifests keep every rule`(folder: String) async throws {
        let directory = try TemporaryDirectory()
        let file = try await Rendered.file(folder, in: directory)
        let (end, findings) = try await Rendered.run(Self.program, ["check", file, folder])
        #expect(end == .exited(0), "\(findings)")
        #expect(findings == "")
    }

    @Test(arguments: try await names())
    func `each rule finds what breaks it`(name: String) async throws {
        let directory = try TemporaryDirectory()
        let file = try await Rendered.file("base", in: directory)
        let (end, findings) = try await Rendered.run(Self.program, ["mutation", name, file])
        #expect(end == .exited(0), "\(findings)")
    }
}
