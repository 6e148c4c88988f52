import Testing

@Suite struct ImportTests {
    /// DESIGN's table: an import points only to a row below.
    static let levels: [(level: Int, modules: [String])] = [
        (0, ["Platform"]), (1, ["HTTPClient", "HTTPServer"]), (2, ["Kubernetes", "CheckModel"]),
        (3, ["ClusterChecks", "AutoConf"]), (4, ["ClusterAgent", "NodeAgentAPI", "NodeAgent"]),
        (5, ["cluster-agent", "node-agent"]), (6, ["Simulation", "Benchmarks"]),
    ]

    /// What a module may import beside Swift and Synchronization.
    static let allowed: [String: Set<String>] = [
        "Platform": ["CLinux", "Glibc"],
        "HTTPClient": ["CCurl", "Platform", "Glibc"],
        "HTTPServer": ["COpenSSL", "CLinux", "Platform", "Glibc"],
        "Kubernetes": ["HTTPClient", "Platform", "FoundationEssentials", "Glibc"],
        "CheckModel": ["Platform"],
        "ClusterChecks": ["CheckModel", "Platform"],
        "AutoConf": ["Kubernetes", "CheckModel", "Platform", "Glibc"],
        "NodeAgentAPI": ["ClusterChecks", "CheckModel", "HTTPServer", "Platform"],
        "NodeAgent": ["HTTPClient", "HTTPServer", "CheckModel", "Platform", "Glibc"],
        "ClusterAgent": [
            "NodeAgentAPI", "AutoConf", "ClusterChecks", "CheckModel", "Kubernetes", "HTTPServer", "HTTPClient",
            "Platform", "Glibc",
        ],
        "cluster-agent": ["ClusterAgent", "Glibc"],
        "node-agent": ["NodeAgent", "Glibc"],
        "Simulation": [
            "NodeAgentAPI", "NodeAgent", "ClusterChecks", "CheckModel", "Kubernetes", "HTTPServer", "Platform", "Glibc",
        ],
        "Benchmarks": ["NodeAgentAPI", "ClusterChecks", "CheckModel", "HTTPServer", "Platform", "Glibc"],
    ]

    @Test func everyModuleImportsOnlyWhatTheDesignAllows() throws {
        let files = try Repository.swiftFiles(under: "Sources")
        #expect(files.count > 50)
        for file in files {
            let allowed = try #require(Self.allowed[file.module], "\(file.path): module not in the design's table")
            for line in file.lines {
                guard let module = Self.importedModule(line) else { continue }
                let isFine = allowed.contains(module) || module == "Synchronization" || module == "Swift"
                #expect(isFine, "\(file.path) imports \(module)")
            }
        }
    }

    @Test func theTableItselfPointsOnlyDownwards() throws {
        var level: [String: Int] = [:]
        for row in Self.levels { for module in row.modules { level[module] = row.level } }
        for (module, imports) in Self.allowed {
            for other in imports {
                // The composition root holds the HTTP face of the same level: DESIGN §2 says "everything below".
                guard let below = level[other], (module, other) != ("ClusterAgent", "NodeAgentAPI") else { continue }
                #expect(below < (level[module] ?? 0), "\(module) may not import \(other)")
            }
        }
    }

    @Test(arguments: [
        ("import Glibc", "Glibc"), ("package import Platform", "Platform"), ("internal import CCurl", "CCurl"),
        ("@testable import X", "X"), ("import struct Y.Z", "Y"), ("let import = 1", nil), ("// import A", nil),
    ])
    func anImportIsRecognised(line: String, module: String?) {
        #expect(Self.importedModule(line) == module)
    }

    static func importedModule(_ line: String) -> String? {
        let words = line.split(separator: " ")
        let prefixes: Set<Substring> = ["package", "public", "internal", "private", "fileprivate", "@testable"]
        guard let first = words.firstIndex(where: { !prefixes.contains($0) }), words[first] == "import" else {
            return nil
        }
        let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "func", "typealias"]
        guard let name = words[(first + 1)...].first(where: { !kinds.contains($0) }) else { return nil }
        return name.split(separator: ".").first.map(String.init)
    }
}
