import Testing

@Suite struct ImportTests {
    /// DESIGN's table: an import points only to a row below.
    static let levels: [(level: Int, modules: [String])] = [
        (0, ["Platform"]), (1, ["HTTPClient", "HTTPServer", "JSON", "Leadership", "TLSClient"]), (1, ["YAML"]),
        (2, ["CheckOptions"]), (2, ["Kubernetes", "CheckModel"]),
        (3, ["ClusterChecks", "AutoConf"]), (4, ["Replica", "NodeAgent"]), (5, ["ClusterAgent"]),
        (6, ["cluster-agent", "node-agent", "Simulation", "Benchmarks"]),
    ]

    /// What a module may import beside Swift and Synchronization.
    static let allowed: [String: Set<String>] = [
        "Platform": ["CLinux", "Glibc"],
        "JSON": ["Platform"],
        "YAML": ["JSON", "Platform"],
        "Leadership": ["Platform"],
        "HTTPClient": ["CCurl", "COpenSSL", "Platform", "Glibc"],
        "HTTPServer": ["COpenSSL", "CLinux", "Platform", "Glibc"],
        "TLSClient": ["COpenSSL", "Platform", "Glibc"],
        "Kubernetes": ["HTTPClient", "Leadership", "YAML", "JSON", "Platform"],
        "CheckModel": ["CheckOptions", "YAML", "JSON", "Platform"],
        "CheckOptions": ["JSON", "Platform"],
        "ClusterChecks": ["Leadership", "CheckModel", "JSON", "Platform"],
        "AutoConf": ["Kubernetes", "CheckModel", "YAML", "JSON", "Platform", "Glibc"],
        "Replica": [
            "AutoConf", "ClusterChecks", "Kubernetes", "Leadership", "CheckModel", "CheckOptions", "HTTPServer", "JSON",
            "Platform",
        ],
        "NodeAgent": [
            "HTTPClient", "HTTPServer", "TLSClient", "CheckModel", "CheckOptions", "JSON", "Platform", "Glibc",
        ],
        "ClusterAgent": [
            "Replica", "AutoConf", "ClusterChecks", "CheckModel", "CheckOptions", "Kubernetes", "HTTPServer",
            "HTTPClient", "Leadership", "YAML", "JSON", "Platform", "Glibc",
        ],
        "cluster-agent": ["ClusterAgent", "Glibc"],
        "node-agent": ["NodeAgent", "Glibc"],
        "Simulation": [
            "Replica", "NodeAgent", "AutoConf", "ClusterChecks", "CheckModel", "Kubernetes", "HTTPServer", "Leadership",
            "JSON", "Platform", "Glibc",
        ],
        "Benchmarks": [
            "Replica", "AutoConf", "ClusterChecks", "CheckModel", "Kubernetes", "HTTPServer", "Leadership", "JSON",
            "Platform", "Glibc",
        ],
    ]

    @Test func `every module imports only what the table allows`() throws {
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

    @Test func `the import table points only downwards`() throws {
        var rows: [String: Int] = [:]
        for (index, row) in Self.levels.enumerated() { for module in row.modules { rows[module] = index } }
        for (module, imports) in Self.allowed {
            for other in imports {
                guard let below = rows[other] else { continue }
                #expect(below < (rows[module] ?? 0), "\(module) may not import \(other)")
            }
        }
    }

    @Test(arguments: [
        ("import Glibc", "Glibc"), ("package import Platform", "Platform"), ("internal import CCurl", "CCurl"),
        ("@testable import X", "X"), ("import struct Y.Z", "Y"), ("let import = 1", nil), ("// import A", nil),
    ])
    func `an import is recognised`(line: String, module: String?) {
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
