import Glibc
import HTTPClient
import JSON
import Platform
import TestKit
import TestSupport
import Testing

/// Real Prometheus servers that fetch their targets from a cluster-agent, and are its node-agents in this.
@Suite(.timeLimit(.minutes(4))) struct ScrapeTargetsTests {
    private static let targets = 300
    private static let expiration = 10

    /// One scrape of a target, as the target saw it.
    private struct Scrape {
        let time: Double
        let user: String
        let path: String

        init(_ line: Substring) throws {
            let words = line.split(separator: " ")
            time = try #require(words.count == 3 ? Double(words[0]) : nil, "\(line)")
            (user, path) = (String(words[1]), String(words[2]))
        }
    }

    @Test func `a killed Prometheus' targets go to the others, each to one, and no other target moves`() async throws {
        let directory = try TemporaryDirectory()
        let program = try await RunningPrometheus.program(in: directory)
        let server = try ChildProcess(
            "/usr/bin/python3", ["\(TestEnvironment.root)/Tests/AcceptanceTests/clients/scraped.py", directory.path],
            outputPath: "\(directory.path)/scraped.log")
        let port = try await eventually(within: .seconds(30), "the port: \(server.output)") {
            try? String(decoding: readFile("\(directory.path)/port", atMost: 16), as: UTF8.self)
        }
        for number in 0..<Self.targets {
            try directory.write(
                "confd/openmetrics.d/\(number).yaml",
                """
                cluster_check: true
                instances:
                  - openmetrics_endpoint: http://127.0.0.1:\(port)/metrics/\(number)
                    tags: ["rack:r1"]
                """)
        }
        let agent = try RunningClusterAgent(
            "cluster", in: directory,
            [
                "--cluster_checks.warmup_duration=0", "--shutdown_delay=0", "--confd_path=\(directory.path)/confd",
                "--cluster_checks.node_expiration_timeout=\(Self.expiration)",
            ])
        let client = try await agent.client()
        let servers = try ["p0", "p1", "p2"].map {
            try RunningPrometheus($0, program, in: directory, url: agent.url)
        }
        func scrapes(since start: Double) throws -> [Scrape] {
            try server.output.split(separator: "\n").map(Scrape.init).filter { $0.time >= start }
        }
        // In five seconds, more than two scrapes of each.
        let before = try await eventually(within: .seconds(90), "one scraper a target: \(agent.process.output)") {
            Self.scrapers(try scrapes(since: Self.now() - 5))
        }
        let shares = servers.map { server in before.values.count { $0 == server.name } }
        #expect(shares.allSatisfy { $0 == Self.targets / 3 }, "\(shares)")

        let killed = Self.now()
        servers[1].process.signal(SIGKILL)
        // The timeout, a refresh, the five seconds for which Prometheus gathers changes of targets, and a scrape.
        let bound = Double(Self.expiration + RunningPrometheus.refresh + 5 + 2)
        let orphans = Set(before.filter { $0.value == "p1" }.keys)
        let moved = try await eventually(within: .seconds(60), "all targets: \(agent.process.output)") {
            Self.delays(of: orphans, since: killed, try scrapes(since: killed + 0.5))
        }
        print(
            "300 targets, one of three Prometheus killed, expiration \(Self.expiration) s, refresh "
                + "\(RunningPrometheus.refresh) s: its \(orphans.count) targets scraped again after "
                + "\(moved[0]) to \(moved[moved.count - 1]) s")
        #expect(moved[moved.count - 1] < bound * 2)
        // From the kill on, each orphan has one new scraper, and everything else the one that it had.
        try await Task.sleep(for: .seconds(5))
        let after = Self.users(try scrapes(since: killed + 0.5))
        for (path, former) in before {
            let now = after[path] ?? []
            #expect(now.count == 1, "\(path): \(now)")
            if !orphans.contains(path) { #expect(now == [former], "\(path) moved") }
        }
        await client.shutdown()
    }

    /// Who has scraped each target.
    private static func users(_ scrapes: [Scrape]) -> [String: Set<String>] {
        scrapes.reduce(into: [:]) { $0[$1.path, default: []].insert($1.user) }
    }

    /// Who scrapes each target; nil unless all are scraped, each by one.
    private static func scrapers(_ scrapes: [Scrape]) -> [String: String]? {
        let users = users(scrapes)
        guard users.count == targets, users.values.allSatisfy({ $0.count == 1 }) else { return nil }
        return users.compactMapValues(\.first)
    }

    /// After how many seconds each orphan was first scraped by another than the killed one, sorted; nil unless all
    /// have been.
    private static func delays(of orphans: Set<String>, since killed: Double, _ scrapes: [Scrape]) -> [Double]? {
        var first: [String: Double] = [:]
        for scrape in scrapes where orphans.contains(scrape.path) && scrape.user != "p1" {
            first[scrape.path] = min(first[scrape.path] ?? .infinity, scrape.time - killed)
        }
        return first.count == orphans.count ? first.values.sorted() : nil
    }

    /// Seconds since the Epoch.
    private static func now() -> Double {
        Double(SystemClock().wallTime().nanoseconds) / 1e9
    }
}
