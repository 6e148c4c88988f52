import Kubernetes
import Platform
import Simulation
import Testing

/// The simulated API server must be as strict as a real one, or the reflectors' tests prove nothing.
@Suite struct APIServerTests {
    @Test func `the server sets the uid once and a higher version with each write`() throws {
        let setting = ServerSetting(seed: 1)
        setting.apply("a")
        setting.apply("b")
        let first = try #require(setting.server.objects(of: Service.self).first)
        setting.apply("a")
        setting.server.apply(Pod(metadata: ObjectMetadata(name: "p", namespace: "n", uid: "own")))
        let second = setting.server.objects(of: Service.self)
        #expect(second.map(\.name) == ["a", "b"])
        #expect(second[0].uid == first.uid && !first.uid.isEmpty && second[1].uid != first.uid)
        let pod = try #require(setting.server.objects(of: Pod.self).first)
        #expect(pod.metadata.uid == "own")
        let versions =
            [first.resourceVersion, second[1].resourceVersion, second[0].resourceVersion]
            + [pod.metadata.resourceVersion]
        let numbers = versions.compactMap { Int($0) }
        #expect(numbers.count == 4 && numbers == numbers.sorted() && Set(numbers).count == 4)
        setting.server.delete(Service.self, namespace: "shop", name: "a")
        setting.apply("a")
        #expect(setting.server.objects(of: Service.self).first?.uid != first.uid)
    }

    @Test(arguments: 1...20) func `all pages of a list show the version of the first`(seed: UInt64) throws {
        let setting = ServerSetting(seed: seed)
        for number in 10..<40 { setting.apply("s\(number)") }
        let before = setting.server.objects(of: Service.self)
        let seen = setting.run { source, deadline in
            var (request, items, pages) = (ListRequest(limit: 500), [Service](), 0)
            while true {
                let page = try await source.list(request, deadline: deadline)
                items += page.items
                pages += 1
                // Before the next page one is deleted, one changes, one is new.
                setting.server.delete(Service.self, namespace: "shop", name: "s\(10 + pages)")
                setting.apply("s39")
                setting.apply("s\(40 + pages)")
                guard let next = page.continuation else { break }
                request.continuation = next
            }
            return ["\(items == before)", "\(pages > 2)"]
        }
        #expect(try seen() == ["true", "true"])
    }

    @Test func `a list without limit is in one piece`() throws {
        let setting = ServerSetting(seed: 1)
        for number in 0..<100 { setting.apply("s\(number)") }
        let seen = setting.run { source, deadline in
            let page = try await source.list(ListRequest(limit: nil), deadline: deadline)
            return ["\(page.items.count)", page.continuation ?? "no more"]
        }
        #expect(try seen() == ["100", "no more"])
    }

    @Test func `a continuation whose version was compacted away has expired`() throws {
        let setting = ServerSetting(seed: 1)
        for number in 0..<100 { setting.apply("s\(number)") }
        let seen = setting.run { source, deadline in
            let page = try await source.list(ListRequest(limit: 1), deadline: deadline)
            setting.server.compact()
            // Nothing has changed since: the version is still there.
            let second = ListRequest(limit: 1, continuation: page.continuation)
            let same = try await source.list(second, deadline: deadline)
            setting.apply("s1")
            setting.server.compact()
            let third = ListRequest(limit: 1, continuation: same.continuation)
            return [
                same.items.first?.name ?? "", await failure { _ = try await source.list(third, deadline: deadline) },
            ]
        }
        #expect(try seen() == ["s1", "410 Expired"])
    }

    @Test(arguments: 1...20) func `a watch tells each change after its version in order`(seed: UInt64) throws {
        let setting = ServerSetting(seed: seed)
        var conditions = NetworkConditions()
        (conditions.latency, conditions.lostShare) = (.zero ... .seconds(1), 0.2)
        setting.network.setConditions(conditions)
        setting.apply("old")
        let seen = setting.run { source, deadline in
            let version = try await source.list(ListRequest(limit: nil), deadline: deadline).resourceVersion
            setting.apply("before")
            setting.after(10) { for name in ["a", "b", "a"] { setting.apply(name) } }
            setting.after(12) { setting.server.delete(Service.self, namespace: "shop", name: "b") }
            setting.after(12) { setting.server.apply(Pod(metadata: ObjectMetadata(name: "p", namespace: "shop"))) }
            setting.after(13) { setting.apply("c") }
            return try await events(source, version, deadline)
        }
        let expected = ["opened", "+before", "+a", "+b", "+a", "-b", "+c"]
        #expect(try seen().filter { !$0.hasPrefix("=") } == expected + ["in order"])
    }

    @Test func `a watch from a version that was compacted away expires in the answer or in the stream`() throws {
        var ways: Set<[String]> = []
        for seed in UInt64(1)...20 {
            let setting = ServerSetting(seed: seed)
            let seen = setting.run { source, deadline in
                let version = try await source.list(ListRequest(limit: nil), deadline: deadline).resourceVersion
                setting.apply("a")
                setting.server.compact()
                return try await events(source, version, deadline)
            }
            ways.insert(try seen())
        }
        #expect(ways == [["410 Expired"], ["opened", "!410", "in order"]])
    }

    @Test func `a compaction ends a watch that lags behind and no other`() throws {
        let setting = ServerSetting(seed: 1)
        setting.server.setLag(.seconds(5) ... .seconds(5))
        let seen = setting.run { source, deadline in
            let version = try await source.list(ListRequest(limit: nil), deadline: deadline).resourceVersion
            setting.after(10) { setting.server.apply(Pod(metadata: ObjectMetadata(name: "p", namespace: "shop"))) }
            setting.after(10) { setting.server.compact() }
            setting.after(11) { setting.apply("a") }
            setting.after(20) { setting.server.compact() }
            setting.after(21) { setting.apply("b") }
            setting.after(22) { setting.server.compact() }
            return try await events(source, version, deadline)
        }
        #expect(try seen().filter { !$0.hasPrefix("=") } == ["opened", "+a", "!410", "in order"])
    }

    @Test func `bookmarks tell the newest version of the whole server`() throws {
        let setting = ServerSetting(seed: 1)
        let seen = setting.run { source, deadline in
            let version = try await source.list(ListRequest(limit: nil), deadline: deadline).resourceVersion
            setting.server.apply(KubernetesNode(metadata: ObjectMetadata(name: "n", namespace: "")))
            return try await events(source, version, deadline)
        }
        let lines = try seen()
        let version = try #require(setting.server.objects(of: KubernetesNode.self).first?.metadata.resourceVersion)
        #expect(lines.count > 3 && Set(lines) == ["opened", "=\(version)", "in order"])
    }

    @Test func `a watch ends after the time that the client asked for`() throws {
        let setting = ServerSetting(seed: 1)
        let seen = setting.run { source, deadline in
            let version = try await source.list(ListRequest(limit: nil), deadline: deadline).resourceVersion
            let start = setting.world.now
            _ = try await events(source, version, deadline, seconds: 70)
            return ["\((.seconds(70) ... .seconds(71)).contains(setting.world.now - start))"]
        }
        #expect(try seen() == ["true"])
    }

    @Test(arguments: 1...20) func `a dropped watch breaks and may lose what is on its way`(seed: UInt64) throws {
        let setting = ServerSetting(seed: seed)
        let seen = setting.run { source, deadline in
            let version = try await source.list(ListRequest(limit: nil), deadline: deadline).resourceVersion
            setting.after(5) { setting.apply("a") }
            setting.after(7) {
                for name in ["b", "c", "d"] { setting.apply(name) }
                setting.server.dropWatches()
            }
            return try await events(source, version, deadline)
        }
        let lines = try seen()
        #expect(lines.last == "no answer from the Kubernetes API: connection reset")
        let told = lines.dropLast()
        #expect(told.starts(with: ["opened", "+a"]) && ["opened", "+a", "+b", "+c", "+d"].starts(with: told))
    }

    @Test func `a refusing server breaks watches and refuses in many ways`() throws {
        let setting = ServerSetting(seed: 1)
        setting.after(5) { setting.server.setRefusing(true) }
        setting.after(40) { setting.server.setRefusing(false) }
        let seen = setting.run { source, deadline in
            let version = try await source.list(ListRequest(limit: nil), deadline: deadline).resourceVersion
            var lines = try await events(source, version, deadline).suffix(1)
            for _ in 1...30 {
                lines.append(await failure { _ = try await source.list(ListRequest(limit: 1), deadline: deadline) })
                lines += try await events(source, version, deadline)
            }
            let now = setting.process.clock.now()
            try? await setting.process.clock.sleep(until: now + .seconds(40))
            _ = try await source.list(ListRequest(limit: 1), deadline: deadline)
            return Set(lines).sorted()
        }
        let expected = [
            "429 TooManyRequests", "500 InternalError", "503 ServiceUnavailable",
            "no answer from the Kubernetes API: connection refused",
            "no answer from the Kubernetes API: connection reset",
        ]
        #expect(try seen() == expected)
    }

    @Test func `a lost answer is waited for until the deadline`() throws {
        let setting = ServerSetting(seed: 1)
        setting.server.loseAnswers(1)
        let seen = setting.run { source, _ in
            let (start, deadline) = (setting.world.now, setting.process.clock.now() + .seconds(60))
            let reason = await failure { _ = try await source.list(ListRequest(limit: 1), deadline: deadline) }
            return [reason, "\((.seconds(60) ... .seconds(61)).contains(setting.world.now - start))"]
        }
        #expect(try seen() == ["no answer from the Kubernetes API: no answer by the deadline", "true"])
    }

    @Test func `a short cut delays events and a long one breaks the watch`() throws {
        let setting = ServerSetting(seed: 1)
        let (client, host) = (setting.process.name, SimulatedAPIServer.host)
        let seen = setting.run { source, deadline in
            let version = try await source.list(ListRequest(limit: nil), deadline: deadline).resourceVersion
            setting.after(5) { setting.network.cut(client, host) }
            setting.after(6) { for name in ["a", "b"] { setting.apply(name) } }
            setting.after(30) { setting.network.mend(client, host) }
            setting.after(70) { setting.network.cut(client, host) }
            setting.after(71) { setting.apply("c") }
            setting.after(170) { setting.network.mend(client, host) }
            return try await events(source, version, deadline)
        }
        let lines = try seen().filter { !$0.hasPrefix("=") }
        #expect(lines == ["opened", "+a", "+b", "no answer from the Kubernetes API: connection timed out"])
    }
}

/// One client of the server.
private struct ServerSetting: Sendable {
    let world: World
    let network: SimulatedNetwork
    let server: SimulatedAPIServer
    let process: SimulatedProcess

    init(seed: UInt64) {
        world = World(seed: seed)
        network = SimulatedNetwork(world: world)
        server = SimulatedAPIServer(world: world, network: network)
        process = SimulatedProcess("client", in: world)
    }

    func apply(_ name: String) {
        server.apply(Service(metadata: ObjectMetadata(name: name, namespace: "shop"), clusterIP: "10.0.0.1"))
    }

    func after(_ seconds: Int, _ action: @escaping @Sendable () -> Void) {
        world.after(.seconds(seconds), action)
    }

    /// Runs `body` in the process, with a deadline 300 s from now.
    func run(
        _ body: @escaping @Sendable (any ListWatchSource<Service>, Instant) async throws -> [String]
    ) -> () throws -> [String] {
        let seen = Notes()
        process.spawn {
            let deadline = process.clock.now() + .seconds(300)
            do {
                for line in try await body(server.source(of: Service.self, for: process), deadline) { seen.add(line) }
            } catch {
                seen.add("\(error)")
            }
        }
        return {
            try world.run(for: .seconds(310))
            return seen.all
        }
    }
}

/// All that a watch tells, and how it ends.
private func events(
    _ source: any ListWatchSource<Service>, _ version: String, _ deadline: Instant, seconds: Int = 240
) async throws -> [String] {
    var lines: [String] = []
    let request = WatchRequest(resourceVersion: version, timeoutSeconds: seconds)
    let end = await failure {
        try await source.watch(request, deadline: deadline) { event in
            switch event {
            case .opened: lines.append("opened")
            case .applied(let service): lines.append("+\(service.name)")
            case .deleted(let service): lines.append("-\(service.name)")
            case .bookmark(let version): lines.append("=\(version)")
            case .error(let status): lines.append("!\(status.code)")
            case .unknown(let type): lines.append("?\(type)")
            }
            return true
        }
    }
    return lines + [end]
}

private func failure(_ body: () async throws -> Void) async -> String {
    do {
        try await body()
        return "in order"
    } catch KubernetesError.status(let status) {
        return "\(status.code) \(status.reason)"
    } catch {
        return "\(error)"
    }
}
