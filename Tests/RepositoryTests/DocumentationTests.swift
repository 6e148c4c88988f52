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
            "CONTRIBUTING.md", "SECURITY.md",
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

    /// A path is a code span that begins with a folder of the root. Those under `.build` are made by a build.
    @Test(arguments: ["README.md", "CONTRIBUTING.md", "SECURITY.md", "Tests/README.md", "manifests/README.md"])
    func `every path that a document names exists`(document: String) throws {
        let names = try Repository.codeSpans(of: document).flatMap { $0.split(separator: " ") }
        let paths = names.filter { name in
            let isInTheRoot = ["Sources/", "Tests/", "manifests/"].contains { name.hasPrefix($0) }
            return isInTheRoot && !name.contains("*") && !name.contains("<")
        }
        for path in paths { #expect(Repository.exists(String(path)), "\(document) names \(path)") }
        #expect(!paths.isEmpty)
    }

    @Test func `every type in the glossary exists`() throws {
        let declared = try Repository.declaredTypes(under: "Sources")
        let rows = try Repository.text(of: "Sources/GLOSSARY.md").split(separator: "\n").filter { $0.hasPrefix("| **") }
        #expect(rows.count > 20)
        for row in rows {
            let types = row.split(separator: "|").last.map { Repository.codeSpans(in: $0) } ?? []
            #expect(!types.isEmpty, "\(row)")
            for type in types { #expect(declared.contains(type), "\(type) is not declared: \(row)") }
        }
        let words = rows.compactMap { $0.split(separator: "*").dropFirst().first?.lowercased() }
        #expect(words == words.sorted(), "in alphabetical order")
    }

    @Test func `every suite and type that SECURITY.md names exists`() throws {
        let types = try Repository.declaredTypes(under: "Sources").union(Repository.declaredTypes(under: "Tests"))
        let spans = try Repository.codeSpans(of: "SECURITY.md")
        let named = spans.filter { span in
            span.first?.isUppercase == true && span.allSatisfy { $0.isLetter || $0.isNumber }
                && span.contains { $0.isLowercase }
        }
        #expect(named.filter { $0.hasSuffix("Tests") }.count > 15)
        for name in named { #expect(types.contains(name), "SECURITY.md names \(name)") }
    }

    @Test func `every option that SECURITY.md names exists`() throws {
        let keys = AgentOptions.table.markdown.split(separator: "\n").compactMap {
            $0.split(separator: "`").dropFirst().first
        }
        let spans = try Repository.codeSpans(of: "SECURITY.md").filter { span in
            span.contains("_") && span.allSatisfy { $0.isLowercase || $0 == "_" }
        }
        #expect(spans.count > 5)
        for span in spans { #expect(keys.contains { $0 == span || $0.hasSuffix(".\(span)") }, "no option \(span)") }
    }
}
