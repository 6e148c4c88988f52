import ClusterAgent
import NodeAgent
import Platform
import Testing

@Suite struct DocumentationTests {
    @Test func `the README has the cluster-agent's option table`() throws {
        let readme = try Repository.text(of: "README.md")
        #expect(readme.contains(AgentOptions.table.markdown))
    }

    @Test func `the root holds only what convention puts there`() throws {
        let allowed: Set<String> = [
            "Package.swift", "Sources", "Tests", "manifests", "Dockerfile", "README.md", "Makefile", "LICENSE",
        ]
        for name in try Repository.visibleNames(of: "") where name != "Package.resolved" {
            #expect(allowed.contains(name), "\(name) does not belong in the root")
        }
    }

    @Test(arguments: [
        ("manifests/base/cluster-agent/deployment.yaml", AgentOptions.table),
        ("manifests/base/node-agent/daemonset.yaml", NodeAgentOptions.table),
        ("manifests/overlays/runners/deployment.yaml", NodeAgentOptions.table),
    ])
    func `every argument in the manifests is an option with an allowed value`(path: String, table: OptionTable) throws {
        let lines = try Repository.text(of: path).split(separator: "\n").map { $0.drop { $0 == " " } }
        let arguments = lines.filter { $0.hasPrefix("- --") }.map { String($0.dropFirst(2)) }
        #expect(arguments.count > 5)
        let keys = table.markdown.split(separator: "\n").compactMap { $0.split(separator: "`").dropFirst().first }
        let known = Set(keys.map { OptionTable.environmentName(of: String($0)) })
        var environment: [String: String] = [:]
        for (line, next) in zip(lines, lines.dropFirst()) where line.hasPrefix("- name: DD_") {
            environment[String(line.dropFirst(8))] = String(next.dropFirst("value: ".count))
        }
        #expect(known.isSuperset(of: environment.keys))
        _ = try Options(table: table, arguments: arguments, environment: environment)
    }
}
