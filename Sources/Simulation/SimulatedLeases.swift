package import Kubernetes
import Platform
import Synchronization

/// The Kubernetes API server's part in an election: one Lease with resourceVersions, conflicts and watches, reached
/// over the simulated network.
///
/// It neither crashes nor pauses, but it can refuse every request for a while, lose answers to writes that it has
/// stored, and be unreachable.
package final class SimulatedLeases: Sendable {
    /// A write that gave the Lease to another holder.
    package struct Acquisition: Sendable {
        /// The resourceVersion of the write.
        package let resourceVersion: Int
        /// The new holder; empty when the Lease was given back.
        package let holder: String
    }

    fileprivate enum Operation: Sendable {
        case get
        case create(Lease)
        case update(Lease)
    }

    private struct State {
        var lease: Lease?
        var resourceVersion = 1000
        var acquisitions = 0
        var lastAcquisition: Acquisition?
        var watches: [UInt64: LeaseWatch] = [:]
        var nextWatch: UInt64 = 0
        var isRefusing = false
        var lostAnswers = 0.0
        var onRelease: ReleaseHook?
    }

    private struct ReleaseHook: Sendable {
        let call: @Sendable (String) -> Void
    }

    /// The host of the API server.
    package static let host = "apiserver"

    private let world: World
    private let network: SimulatedNetwork
    private let dice: Dice
    private let entropy: SeededEntropy
    private let state = Mutex(State())

    /// A server without the Lease.
    package init(world: World, network: SimulatedNetwork) {
        self.world = world
        self.network = network
        dice = world.dice("leases")
        entropy = SeededEntropy(seed: UInt64(dice.index(below: .max)))
    }

    /// Access for one process.
    package func client(for process: SimulatedProcess) -> some LeaseClient {
        SimulatedLeaseClient(leases: self, process: process)
    }

    /// How many writes changed the holder.
    package var acquisitions: Int {
        state.withLock { $0.acquisitions }
    }

    /// The last write that changed the holder.
    package var lastAcquisition: Acquisition? {
        state.withLock { $0.lastAcquisition }
    }

    /// The Lease's holder; empty while there is none.
    package var holder: String {
        state.withLock { $0.lease?.spec.holder ?? "" }
    }

    /// Refuses requests from now on and breaks every watch, or serves again.
    package func setRefusing(_ isRefusing: Bool) {
        world.record("apiserver: \(isRefusing ? "refuses" : "serves")")
        let broken = state.withLock { state in
            state.isRefusing = isRefusing
            defer { if isRefusing { state.watches.removeAll() } }
            return isRefusing ? state.watches.sorted { $0.key < $1.key }.map(\.value) : []
        }
        for watch in broken {
            network.carry(from: Self.host, to: watch.process.name) {
                watch.end(.transport("connection reset"))
            }
        }
    }

    /// Calls `hook` with the client's name, on the world's thread, when a write that gives the Lease back is stored.
    func onRelease(_ hook: @escaping @Sendable (String) -> Void) {
        state.withLock { $0.onRelease = ReleaseHook(call: hook) }
    }

    /// Loses this share of the answers to writes that were stored.
    package func loseAnswers(_ share: Double) {
        state.withLock { $0.lostAnswers = share }
    }

    /// Deletes the Lease, as an operator may.
    package func delete() {
        world.record("apiserver: the Lease is deleted")
        let watches = state.withLock { state in
            state.lease = nil
            state.resourceVersion += 1
            return state.watches.sorted { $0.key < $1.key }.map(\.value)
        }
        for watch in watches { send(.deleted, to: watch) }
    }

    private func perform(_ operation: Operation, for client: String) -> LeaseResult {
        let (result, watches) = state.withLock { state in decide(operation, &state) }
        if case .lease(let lease) = result, operation.isWrite {
            let (version, holder) = (lease.resourceVersion ?? "", lease.spec.holder)
            world.record(
                "apiserver: stores version \(version) by \(client), holder \(holder.isEmpty ? "nobody" : holder)")
            if holder.isEmpty { state.withLock { $0.onRelease }?.call(client) }
            for watch in watches { send(.changed(lease), to: watch) }
        }
        return result
    }

    private func decide(_ operation: Operation, _ state: inout State) -> (LeaseResult, [LeaseWatch]) {
        switch operation {
        case .get:
            return (state.lease.map { .lease($0) } ?? .notFound, [])
        case .create(var lease):
            guard state.lease == nil else { return (.conflict, []) }
            lease.uid = entropy.uuid()
            return store(lease, &state)
        case .update(let lease):
            guard let stored = state.lease else { return (.notFound, []) }
            guard stored.resourceVersion == lease.resourceVersion, stored.uid == lease.uid else {
                return (.conflict, [])
            }
            return store(lease, &state)
        }
    }

    private func store(_ lease: Lease, _ state: inout State) -> (LeaseResult, [LeaseWatch]) {
        var lease = lease
        // The version counts the writes of the whole server, of which this is one.
        state.resourceVersion += dice.number(in: 1...20)
        lease.resourceVersion = "\(state.resourceVersion)"
        if lease.spec.holder != state.lease?.spec.holder {
            state.acquisitions += 1
            state.lastAcquisition = Acquisition(
                resourceVersion: state.resourceVersion, holder: lease.spec.holder)
        }
        state.lease = lease
        return (.lease(lease), state.watches.sorted { $0.key < $1.key }.map(\.value))
    }

    private func send(_ event: LeaseEvent, to watch: LeaseWatch) {
        let place = watch.reserve()
        network.carry(from: Self.host, to: watch.process.name) { watch.arrive(event, at: place) }
    }
}

extension SimulatedLeases.Operation {
    var isWrite: Bool {
        if case .get = self { false } else { true }
    }
}

extension SimulatedLeases {
    fileprivate func ask(_ operation: Operation, _ process: SimulatedProcess, deadline: Instant) async -> LeaseResult {
        let answer = OneShot<LeaseResult>()
        let timer = process.clock.schedule(at: deadline) {
            answer.succeed(.failed(.transport("no answer by the deadline")))
        }
        defer { timer.cancel() }
        network.carry(from: process.name, to: Self.host) { [self] in
            let (isRefusing, lostAnswers) = state.withLock { ($0.isRefusing, $0.lostAnswers) }
            let result =
                isRefusing
                ? .failed(.transport("connection refused")) : perform(operation, for: process.name)
            guard !operation.isWrite || !dice.chance(lostAnswers) else {
                return world.record("apiserver: the answer to \(process.name) is lost")
            }
            network.carry(from: Self.host, to: process.name) { answer.succeed(result) }
        }
        do {
            return try await answer.value()
        } catch {
            return .failed(.transport("given up"))
        }
    }

    fileprivate func watch(
        _ process: SimulatedProcess, deadline: Instant, onEvent: @escaping @Sendable (LeaseEvent) -> Void
    ) async -> KubernetesError? {
        let watch = LeaseWatch(process: process, onEvent: onEvent)
        let timer = process.clock.schedule(at: deadline) { watch.end(nil) }
        network.carry(from: process.name, to: Self.host) { [self] in begin(watch) }
        defer {
            timer.cancel()
            watch.end(nil)
            forget(watch)
        }
        return await watch.ended()
    }

    private func begin(_ watch: LeaseWatch) {
        let (isRefusing, lease) = state.withLock { state in
            if !state.isRefusing {
                state.nextWatch += 1
                state.watches[state.nextWatch] = watch
            }
            return (state.isRefusing, state.lease)
        }
        if isRefusing {
            network.carry(from: Self.host, to: watch.process.name) { watch.end(.transport("connection refused")) }
        } else if let lease {
            send(.changed(lease), to: watch)
        }
    }

    private func forget(_ watch: LeaseWatch) {
        state.withLock { $0.watches = $0.watches.filter { $0.value !== watch } }
    }
}

/// One watch: events arrive in the order in which they were sent, or not at all once one is lost.
private final class LeaseWatch: Sendable {
    private struct State {
        var sent = 0
        var arrived: [Int: LeaseEvent] = [:]
        var told = 0
        var isOver = false
    }

    let process: SimulatedProcess
    private let onEvent: @Sendable (LeaseEvent) -> Void
    private let state = Mutex(State())
    private let end = OneShot<KubernetesError?>()

    init(process: SimulatedProcess, onEvent: @escaping @Sendable (LeaseEvent) -> Void) {
        self.process = process
        self.onEvent = onEvent
    }

    /// The place of the next event in the stream.
    func reserve() -> Int {
        state.withLock { state in
            state.sent += 1
            return state.sent - 1
        }
    }

    func arrive(_ event: LeaseEvent, at place: Int) {
        state.withLock { $0.arrived[place] = event }
        process.post { [self] in tell() }
    }

    /// Tells, in a job of the process, all events that are in order.
    private func tell() {
        while true {
            let event: LeaseEvent? = state.withLock { state in
                guard !state.isOver, let event = state.arrived.removeValue(forKey: state.told) else { return nil }
                state.told += 1
                return event
            }
            guard let event else { return }
            onEvent(event)
        }
    }

    func end(_ error: KubernetesError?) {
        state.withLock { $0.isOver = true }
        end.succeed(error)
    }

    func ended() async -> KubernetesError? {
        do {
            return try await end.value()
        } catch {
            return nil
        }
    }
}

private struct SimulatedLeaseClient: LeaseClient {
    let leases: SimulatedLeases
    let process: SimulatedProcess
    let namespace = "monitoring"
    let name = "cluster-agent"

    func get(deadline: Instant) async -> LeaseResult {
        await leases.ask(.get, process, deadline: deadline)
    }

    func create(_ lease: Lease, deadline: Instant) async -> LeaseResult {
        await leases.ask(.create(lease), process, deadline: deadline)
    }

    func update(_ lease: Lease, deadline: Instant) async -> LeaseResult {
        await leases.ask(.update(lease), process, deadline: deadline)
    }

    func watch(deadline: Instant, onEvent: @escaping @Sendable (LeaseEvent) -> Void) async -> KubernetesError? {
        await leases.watch(process, deadline: deadline, onEvent: onEvent)
    }
}
