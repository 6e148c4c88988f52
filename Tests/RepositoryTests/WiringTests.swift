import Testing

/// A process and a simulation run the same replica: what connects the parts stands once.
@Suite struct WiringTests {
    private static func files(constructing type: String, in module: String? = nil) throws -> [String] {
        let files = try Repository.swiftFiles(under: "Sources").filter { file in
            file.lines.contains { line in
                guard !StyleTests.isComment(line) else { return false }
                return line.ranges(of: "\(type)(").contains { range in
                    // Not the end of another type's name, and no declaration of a function.
                    line[..<range.lowerBound].last.map { !$0.isLetter && $0 != "." } ?? true
                }
            }
        }
        return files.filter { module == nil || $0.module == module }.map(\.path)
    }

    @Test func `the process, the simulation and the benchmarks construct the same Replica`() throws {
        let files = try Self.files(constructing: "Replica")
        #expect(
            files == [
                "Sources/Benchmarks/LeadingReplica.swift", "Sources/ClusterAgent/ClusterAgentProcess.swift",
                "Sources/Simulation/SimulatedReplica.swift",
            ])
    }

    @Test(arguments: [
        "Handler", "API", "LongPolls", "RequestHandler", "Reflector", "Rebalancer", "Readiness", "ClusterWatches",
        "CheckConfigEvents", "Lifecycle",
    ])
    func `only Replica connects its parts`(type: String) throws {
        let files = try Self.files(constructing: type)
        // The node-agent has a process of its own, and benchmarks measure parts alone.
        let elsewhere = ["Sources/Replica/", "Sources/NodeAgent/", "Sources/Benchmarks/"]
        #expect(files.filter { file in !elsewhere.contains { file.hasPrefix($0) } } == [])
        #expect(files.contains { $0.hasPrefix("Sources/Replica/") })
    }

    @Test func `nothing in a replica or in the simulation starts a thread`() throws {
        for type in ["NamedThread", "HTTPClient", "HTTPServer"] {
            let files = try Self.files(constructing: type)
            #expect(!files.contains { $0.hasPrefix("Sources/Replica/") || $0.hasPrefix("Sources/Simulation/") })
        }
    }
}
