package import HTTPServer
package import Platform
import Synchronization

/// How messages travel. Each value is drawn for each message.
package struct NetworkConditions: Sendable {
    /// How long a message usually takes.
    package var latency: ClosedRange<Duration> = .microseconds(200) ... .milliseconds(3)
    /// The share of messages that are slow, as after a retransmission.
    package var slowShare = 0.0
    /// How long a slow message takes.
    package var slowLatency: ClosedRange<Duration> = .milliseconds(200) ... .seconds(3)
    /// The share of messages that are lost; their senders wait until their deadlines.
    package var lostShare = 0.0

    /// A network without faults.
    package init() {}
}

/// Why a request had no answer.
package enum SimulatedNetworkError: Error, Sendable {
    /// Nobody listens at that address.
    case refused
    /// The process with the request has crashed.
    case reset
    /// The client's deadline passed. The server may have handled the request, or may do so later.
    case timedOut
}

/// The network between the processes of a world: messages between named hosts, with drawn latency, loss and partitions.
///
/// A host is a process's name, so a restarted process is found at the same place. A request to a paused process waits
/// in its socket until it goes on; by then the client may have given up.
package final class SimulatedNetwork: Sendable {
    private struct Link: Hashable {
        let first: String
        let second: String

        init(_ one: String, _ other: String) {
            (first, second) = one < other ? (one, other) : (other, one)
        }
    }

    private struct Listener {
        let process: SimulatedProcess
        let handler: any HTTPHandler
        let written: @Sendable (HTTPRequest, HTTPResponse) -> Void
    }

    private struct State {
        var conditions = NetworkConditions()
        var linkConditions: [Link: NetworkConditions] = [:]
        var cuts: Set<Link> = []
        var hosts: [String] = []
        var listeners: [String: Listener] = [:]
        var exchanges: [UInt64: SimulatedExchange] = [:]
        var nextExchange: UInt64 = 0
    }

    /// The port of every server.
    private static let port: UInt16 = 5005

    private let world: World
    private let dice: Dice
    private let state = Mutex(State())

    /// A network without faults.
    package init(world: World) {
        self.world = world
        dice = world.dice("network")
    }

    // MARK: Faults

    /// Changes how messages travel from here on.
    package func setConditions(_ conditions: NetworkConditions) {
        state.withLock { $0.conditions = conditions }
    }

    /// Changes how messages travel between two hosts from here on; nil: as between all others.
    package func setConditions(_ conditions: NetworkConditions?, between one: String, and other: String) {
        state.withLock { $0.linkConditions[Link(one, other)] = conditions }
    }

    /// Cuts the link between two hosts: messages in flight and later ones are lost.
    package func cut(_ one: String, _ other: String) {
        world.record("network: cuts \(one) from \(other)")
        state.withLock { _ = $0.cuts.insert(Link(one, other)) }
    }

    /// Mends the link between two hosts.
    package func mend(_ one: String, _ other: String) {
        world.record("network: mends \(one) and \(other)")
        state.withLock { _ = $0.cuts.remove(Link(one, other)) }
    }

    /// Mends all links and ends all other faults.
    package func mendAll() {
        world.record("network: mends everything")
        state.withLock { state in
            state.cuts.removeAll()
            state.linkConditions.removeAll()
            state.conditions = NetworkConditions()
        }
    }

    /// Has `arrive` called on the world's thread when a message from one host has come to another; never if it is lost.
    func carry(from sender: String, to receiver: String, _ arrive: @escaping @Sendable () -> Void) {
        let link = Link(sender, receiver)
        let conditions = state.withLock { state in
            state.cuts.contains(link) ? nil : state.linkConditions[link] ?? state.conditions
        }
        guard let conditions, !dice.chance(conditions.lostShare) else {
            return world.record("network: a message from \(sender) to \(receiver) is lost")
        }
        let range = dice.chance(conditions.slowShare) ? conditions.slowLatency : conditions.latency
        world.after(dice.duration(in: range)) { [self] in
            guard state.withLock({ !$0.cuts.contains(link) }) else {
                return world.record("network: a message from \(sender) to \(receiver) is lost on its way")
            }
            arrive()
        }
    }

    // MARK: Servers

    /// The address at which a host serves, as it publishes it: `10.0.0.N:5005`.
    package func address(of host: String) -> String {
        "\(numericHost(host)):\(Self.port)"
    }

    private func numericHost(_ host: String) -> String {
        let place = state.withLock { state in
            if let known = state.hosts.firstIndex(of: host) { return known }
            state.hosts.append(host)
            return state.hosts.count - 1
        }
        return "10.0.0.\(place + 1)"
    }

    /// Serves requests to the process's host by `handler`, in jobs of the process, until the process crashes.
    ///
    /// - Parameter written: told of each answer that is really written, after its gate was asked, in the same job.
    package func listen(
        _ process: SimulatedProcess, handler: any HTTPHandler,
        written: @escaping @Sendable (HTTPRequest, HTTPResponse) -> Void
    ) {
        let address = address(of: process.name)
        state.withLock { $0.listeners[address] = Listener(process: process, handler: handler, written: written) }
        process.onCrash { [self] in
            let broken = state.withLock { state in
                if state.listeners[address]?.process === process { state.listeners[address] = nil }
                return state.exchanges.filter { $0.value.server == process.lane }.sorted { $0.key < $1.key }
            }
            for (id, exchange) in broken { answer(id, .failure(.reset), from: process.name, to: exchange.client.name) }
        }
    }

    /// Stops serving: requests from here on are refused. Answers under way are still written.
    package func close(_ process: SimulatedProcess) {
        let address = address(of: process.name)
        state.withLock { state in
            if state.listeners[address]?.process === process { state.listeners[address] = nil }
        }
    }

    // MARK: Requests

    /// Sends a request.
    ///
    /// - Parameters:
    ///   - request: its peer is replaced by the client's address.
    ///   - client: who asks; it must run for the completion to be called.
    ///   - address: as `address(of:)`.
    ///   - deadline: of the client's clock.
    ///   - completion: called once, in a job of the client.
    /// - Returns: the exchange, which can be given up.
    @discardableResult
    package func send(
        _ request: HTTPRequest, from client: SimulatedProcess, to address: String, deadline: Instant,
        completion: @escaping @Sendable (Result<HTTPResponse, SimulatedNetworkError>) -> Void
    ) -> SimulatedExchange {
        var request = request
        request.peer = PeerAddress(host: numericHost(client.name), port: 40_000)
        let (sent, host) = (request, host(at: address))
        let id = state.withLock { state in
            state.nextExchange += 1
            return state.nextExchange
        }
        let exchange = SimulatedExchange(client: client, completion: completion) { [self] in
            _ = state.withLock { $0.exchanges.removeValue(forKey: id) }
        }
        state.withLock { $0.exchanges[id] = exchange }
        exchange.setTimer(client.clock.schedule(at: deadline) { exchange.finish(.failure(.timedOut)) })
        carry(from: client.name, to: host) { [self] in
            guard let listener = state.withLock({ $0.listeners[address] }) else {
                return answer(id, .failure(.refused), from: host, to: client.name)
            }
            exchange.setServer(listener.process.lane)
            serve(sent, id, listener, to: client.name)
        }
        return exchange
    }

    private func host(at address: String) -> String {
        let hosts = state.withLock { $0.hosts }
        return hosts.first { self.address(of: $0) == address } ?? address
    }

    private func serve(_ request: HTTPRequest, _ id: UInt64, _ listener: Listener, to client: String) {
        let process = listener.process
        process.post {
            let responder = Responder { [self] response in
                // The server writes in a job of its own: the process may be paused, or its term may end, in between.
                process.post { [self] in
                    let written = response.gate?.replacement() ?? response
                    listener.written(request, written)
                    answer(id, .success(written), from: process.name, to: client)
                }
            }
            listener.handler.handle(request, responder)
        }
    }

    private func answer(
        _ id: UInt64, _ result: Result<HTTPResponse, SimulatedNetworkError>, from server: String, to client: String
    ) {
        carry(from: server, to: client) { [self] in
            state.withLock { $0.exchanges[id] }?.finish(result)
        }
    }
}

/// One request and its answer to come.
package final class SimulatedExchange: Sendable {
    private struct State {
        var isOver = false
        var timer: ScheduledEvent?
        var server: Int?
    }

    let client: SimulatedProcess
    private let completion: @Sendable (Result<HTTPResponse, SimulatedNetworkError>) -> Void
    private let forget: @Sendable () -> Void
    private let state = Mutex(State())

    init(
        client: SimulatedProcess,
        completion: @escaping @Sendable (Result<HTTPResponse, SimulatedNetworkError>) -> Void,
        forget: @escaping @Sendable () -> Void
    ) {
        self.client = client
        self.completion = completion
        self.forget = forget
    }

    /// The lane of the process that has the request.
    var server: Int? { state.withLock { $0.server } }

    func setServer(_ lane: Int) {
        state.withLock { $0.server = lane }
    }

    func setTimer(_ timer: ScheduledEvent) {
        state.withLock { $0.timer = timer }
    }

    /// Cancels it: the completion is not called. The server is not told.
    package func cancel() {
        _ = end()
    }

    func finish(_ result: Result<HTTPResponse, SimulatedNetworkError>) {
        guard end() else { return }
        client.post { [completion] in completion(result) }
    }

    private func end() -> Bool {
        let timer: ScheduledEvent?? = state.withLock { state in
            guard !state.isOver else { return nil }
            state.isOver = true
            return .some(state.timer)
        }
        guard let timer else { return false }
        timer?.cancel()
        forget()
        return true
    }
}

extension HTTPResponse {
    /// The whole body.
    var joinedBody: [UInt8] {
        var bytes: [UInt8] = []
        for piece in body { bytes.append(contentsOf: piece) }
        return bytes
    }
}
