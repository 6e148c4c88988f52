import HTTPServer
import Platform
import Simulation
import Synchronization
import Testing

@Suite struct NetworkTests {
    @Test func `a request is answered by the server's process`() throws {
        let setting = Setting(seed: 1)
        setting.listen { request, responder in responder.respond(.text(200, "to \(request.peer.host)")) }
        setting.ask()
        try setting.world.run(for: .seconds(1))
        #expect(setting.answers.all == ["200"])
        #expect(setting.written.all == ["200 for 10.0.0.2"])
    }

    @Test func `a response may come later`() throws {
        let setting = Setting(seed: 2)
        let server = setting.server
        setting.listen { _, responder in
            server.spawn {
                try? await server.clock.sleep(until: server.clock.now() + .seconds(2))
                responder.respond(.text(201, "late"))
            }
        }
        setting.ask()
        try setting.world.run(for: .seconds(1))
        #expect(setting.answers.all.isEmpty)
        try setting.world.run(for: .seconds(2))
        #expect(setting.answers.all == ["201"])
    }

    @Test func `a port without a listener is refused`() throws {
        let setting = Setting(seed: 3)
        setting.ask()
        try setting.world.run(for: .seconds(1))
        #expect(setting.answers.all == ["refused"])
    }

    @Test func `a crash resets open connections and refuses new ones`() throws {
        let setting = Setting(seed: 4)
        let held = Mutex<[Responder]>([])
        setting.listen { _, responder in held.withLock { $0.append(responder) } }
        setting.ask()
        try setting.world.run(for: .seconds(1))
        setting.server.crash()
        setting.ask()
        try setting.world.run(for: .seconds(1))
        #expect(setting.answers.all.sorted() == ["refused", "reset"])
    }

    @Test func `a restarted process is found at the same address`() throws {
        let setting = Setting(seed: 5)
        setting.listen { _, responder in responder.respond(.text(200, "old")) }
        setting.server.crash()
        let restarted = SimulatedProcess("server", in: setting.world)
        setting.network.listen(
            restarted, handler: Answering { _, responder in responder.respond(.text(202, "new")) }, written: { _, _ in }
        )
        setting.ask()
        try setting.world.run(for: .seconds(1))
        #expect(setting.answers.all == ["202"])
    }

    @Test func `a request to a paused process is served when it resumes`() throws {
        let setting = Setting(seed: 6)
        setting.listen { _, responder in responder.respond(.text(200, "")) }
        setting.server.pause()
        setting.ask(within: .seconds(5))
        setting.ask(within: .seconds(60))
        try setting.world.run(for: .seconds(20))
        #expect(setting.answers.all == ["timedOut"])
        #expect(setting.written.all.isEmpty)
        setting.server.resume()
        try setting.world.run(for: .seconds(1))
        #expect(setting.answers.all == ["timedOut", "200"])
        #expect(setting.written.all.count == 2)
    }

    @Test func `the gate is checked when the response is written, not when it is made`() throws {
        let setting = Setting(seed: 7)
        let open = Mutex(true)
        let gate = Gate { open.withLock { $0 } }
        setting.listen { _, responder in
            responder.respond(HTTPResponse(status: 200, gate: gate))
            open.withLock { $0 = false }
        }
        setting.ask()
        try setting.world.run(for: .seconds(1))
        #expect(setting.answers.all == ["503"])
        #expect(setting.written.all == ["503 for 10.0.0.2"])
    }

    @Test func `nothing crosses a partition`() throws {
        let setting = Setting(seed: 8)
        setting.listen { _, responder in responder.respond(.text(200, "")) }
        setting.network.cut("client", "server")
        setting.ask(within: .seconds(5))
        try setting.world.run(for: .seconds(6))
        setting.network.mend("server", "client")
        setting.ask(within: .seconds(5))
        try setting.world.run(for: .seconds(6))
        #expect(setting.answers.all == ["timedOut", "200"])
    }

    @Test func `messages are lost at the configured rate`() throws {
        let setting = Setting(seed: 9)
        setting.listen { _, responder in responder.respond(.text(200, "")) }
        var conditions = NetworkConditions()
        conditions.lostShare = 0.2
        setting.network.setConditions(conditions)
        for _ in 0..<200 { setting.ask(within: .seconds(5)) }
        try setting.world.run(for: .seconds(10))
        let lost = setting.answers.all.count { $0 == "timedOut" }
        #expect((30..<120).contains(lost))
        #expect(setting.answers.all.count == 200)
        setting.network.mendAll()
        setting.ask()
        try setting.world.run(for: .seconds(1))
        #expect(setting.answers.all.last == "200")
    }

    @Test func `a cancelled request is not answered`() throws {
        let setting = Setting(seed: 10)
        setting.listen { _, responder in responder.respond(.text(200, "")) }
        setting.ask()?.cancel()
        try setting.world.run(for: .seconds(60))
        #expect(setting.answers.all.isEmpty)
        #expect(setting.written.all.count == 1)
    }
}

/// A client and a server.
private struct Setting {
    let world: World
    let network: SimulatedNetwork
    let server: SimulatedProcess
    let client: SimulatedProcess
    let answers = Notes()
    let written = Notes()

    init(seed: UInt64) {
        world = World(seed: seed)
        network = SimulatedNetwork(world: world)
        server = SimulatedProcess("server", in: world)
        client = SimulatedProcess("client", in: world)
    }

    func listen(_ answer: @escaping @Sendable (HTTPRequest, Responder) -> Void) {
        network.listen(server, handler: Answering(answer: answer)) { [written] request, response in
            written.add("\(response.status) for \(request.peer.host)")
        }
    }

    @discardableResult
    func ask(within limit: Duration = .seconds(10)) -> SimulatedExchange? {
        let request = HTTPRequest(method: .get, path: "/", peer: PeerAddress(host: "", port: 0))
        return network.send(
            request, from: client, to: network.address(of: "server"), deadline: client.clock.now() + limit
        ) { [answers] result in
            switch result {
            case .success(let response): answers.add("\(response.status)")
            case .failure(let error): answers.add("\(error)")
            }
        }
    }
}

private struct Answering: HTTPHandler {
    let answer: @Sendable (HTTPRequest, Responder) -> Void

    func handle(_ request: HTTPRequest, _ responder: Responder) {
        answer(request, responder)
    }
}

private struct Gate: ResponseGate {
    let isOpen: @Sendable () -> Bool

    func replacement() -> HTTPResponse? {
        isOpen() ? nil : .text(503, "the term has ended")
    }
}
