import ClusterAgent
import NodeAgent
import Platform
import Testing

@Suite struct DocumentationTests {
    @Test func theReadmeHoldsTheClusterAgentsOptionTable() throws {
        let readme = try Repository.text(of: "README.md")
        #expect(readme.contains(AgentOptions.table.markdown))
    }

    @Test func theRootHoldsOnlyWhatConventionPutsThere() throws {
        let allowed: Set<String> = [
            "Package.swift", "Sources", "Tests", "manifests", "Dockerfile", "README.md", "Makefile", "LICENSE",
        ]
        for name in try Repository.visibleNames(of: "") where name != "Package.resolved" {
            #expect(allowed.contains(name), "\(name) does not belong in the root")
        }
    }
}
