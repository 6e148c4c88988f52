import CheckModel
import JSON
import TestKit
import TestSupport
import Testing

/// checkov, which somebody else wrote, has nothing to say but what the manifests give a reason for.
@Suite struct CheckerTests {
    /// Runs it without a network: it is to check what it is given, and nothing else.
    private func findings(_ file: String) async throws -> (failed: [String], skipped: [String], passed: Int64) {
        let checkov = try await Rendered.setup("checkov", within: .seconds(600))
        let (_, text) = try await Rendered.run(
            "/usr/bin/unshare",
            [
                "--net", checkov, "--skip-download", "--compact", "--framework", "kubernetes", "--output", "json",
                "--file", file,
            ],
            within: .seconds(300))
        let report = try JSONValue(parsing: Array(text.utf8))
        func ids(_ key: String) -> [String] {
            (report["results"]?[key]?.arrayValue ?? []).compactMap { $0["check_id"]?.stringValue }.sorted()
        }
        return (ids("failed_checks"), ids("skipped_checks"), report["summary"]?["passed"]?.integerValue ?? 0)
    }

    @Test(arguments: ["base", "overlays/runners", "overlays/kubernetes-1.20"])
    func `the checker finds nothing in the manifests`(folder: String) async throws {
        let directory = try TemporaryDirectory()
        let found = try await findings(try await Rendered.file(folder, in: directory))
        #expect(found.failed == [])
        // The digest of an image that is not built yet, of both workloads, and the one account with a token.
        #expect(found.skipped == ["CKV_K8S_38", "CKV_K8S_43", "CKV_K8S_43"])
        #expect(found.passed > 150)
    }

    @Test func `the checker finds planted mistakes`() async throws {
        let directory = try TemporaryDirectory()
        let lines = try await Rendered.text("base").split(separator: "\n", omittingEmptySubsequences: false)
        let broken = lines.map { $0.hasSuffix("privileged: false") ? $0.dropLast(5) + "true" : $0 }
        let file = try directory.write("broken.yaml", broken.joined(separator: "\n"))
        #expect(try await findings(file).failed == ["CKV_K8S_16", "CKV_K8S_16"])
    }
}
