import Kubernetes
import Platform
import Synchronization

/// A request and the stream of its answer, carried as TCP does: what was sent arrives in that order, what is lost is
/// sent again, and a connection over which something has not come through for a minute is dead.
final class SimulatedStream<Item: Sendable>: Sendable {
    private enum Part {
        case item(Item)
        /// The end that the server gave it: in order (nil), or with the error that is its whole answer.
        case end(KubernetesError?)
    }

    private enum Arrival {
        case part(Part)
        case failure(KubernetesError)
        case nothing(until: OneShot<Void>)
    }

    private struct Message: Sendable {
        let id: Int
        let sender: String
        let receiver: String
        let sentAt: Instant
        let arrive: @Sendable () -> Void
    }

    private struct State {
        var messages = 0
        var unacknowledged: Set<Int> = []
        var sent = 0
        var arrived: [Int: Part] = [:]
        var delivered = 0
        var failure: KubernetesError?
        var reader: OneShot<Void>?
    }

    /// How long something is sent again before the connection is given up.
    private static var patience: Duration { .seconds(60) }
    /// The first pause before something is sent again; each later one is twice as long, up to a limit.
    private static var retransmission: (first: Duration, limit: Duration) { (.milliseconds(200), .seconds(10)) }

    private let client: String
    private let server: String
    private let world: World
    private let network: SimulatedNetwork
    private let dice: Dice
    private let state = Mutex(State())

    init(client: String, server: String, world: World, network: SimulatedNetwork, dice: Dice) {
        self.client = client
        self.server = server
        self.world = world
        self.network = network
        self.dice = dice
    }

    // MARK: Of the client

    /// Sends the request; `arrive` is called on the world's thread when the server has it.
    func request(_ arrive: @escaping @Sendable () -> Void) {
        transmit(from: client, to: server, arrive)
    }

    /// The next item, in the calling task; nil once the server has ended the stream in order. One reader at a time.
    func next() async throws(KubernetesError) -> Item? {
        while true {
            switch arrival() {
            case .part(.item(let item)): return item
            case .part(.end(nil)): return nil
            case .part(.end(let error?)), .failure(let error): throw error
            case .nothing(let until):
                do { try await until.value() } catch { throw .transport("cancelled") }
            }
        }
    }

    private func arrival() -> Arrival {
        state.withLock { state in
            if let part = state.arrived.removeValue(forKey: state.delivered) {
                state.delivered += 1
                return .part(part)
            }
            // What came before the connection broke can still be read.
            if let failure = state.failure { return .failure(failure) }
            let reader = OneShot<Void>()
            state.reader = reader
            return .nothing(until: reader)
        }
    }

    /// Breaks the connection at the client: what has not arrived never will.
    func fail(_ error: KubernetesError) {
        change { if $0.failure == nil { $0.failure = error } }
    }

    // MARK: Of the server

    /// Sends an item.
    func send(_ item: Item) {
        send(.item(item))
    }

    /// Ends the stream: in order (nil), or with an error that is the whole answer.
    func end(_ error: KubernetesError? = nil) {
        send(.end(error))
    }

    /// Breaks the connection: what is on its way is lost if it is slower.
    func reset() {
        transmit(from: server, to: client) { [self] in fail(.transport("connection reset")) }
    }

    private func send(_ part: Part) {
        let place = state.withLock { state in
            state.sent += 1
            return state.sent - 1
        }
        transmit(from: server, to: client) { [self] in
            change { $0.arrived[place] = part }
        }
    }

    private func change(_ body: (inout State) -> Void) {
        let reader = state.withLock { state in
            body(&state)
            defer { state.reader = nil }
            return state.reader
        }
        reader?.succeed(())
    }

    // MARK: Carrying

    private func transmit(from sender: String, to receiver: String, _ arrive: @escaping @Sendable () -> Void) {
        let id = state.withLock { state in
            state.messages += 1
            state.unacknowledged.insert(state.messages)
            return state.messages
        }
        let message = Message(id: id, sender: sender, receiver: receiver, sentAt: world.now, arrive: arrive)
        transmit(message, pause: Self.retransmission.first)
    }

    private func transmit(_ message: Message, pause: Duration) {
        network.carry(from: message.sender, to: message.receiver) { [self] in
            // Neither twice, nor over a connection that is no more.
            let isNew = state.withLock { $0.failure == nil && $0.unacknowledged.remove(message.id) != nil }
            if isNew { message.arrive() }
        }
        world.after(dice.duration(in: pause...pause * 2)) { [self] in
            let isLost = state.withLock { $0.failure == nil && $0.unacknowledged.contains(message.id) }
            guard isLost else { return }
            guard world.now - message.sentAt < Self.patience else { return fail(.transport("connection timed out")) }
            transmit(message, pause: min(pause * 2, Self.retransmission.limit))
        }
    }
}
