import Kubernetes
import Platform
import Simulation
import Synchronization
import Testing

/// Real reflectors on a simulated API server: two processes that watch everything, and whatever can go wrong between
/// them and the server.
@Suite struct ReflectorHistoryTests {
    @Test(arguments: seeds(100)) func `a handler knows what was true once and in the end what is true`(seed: UInt64)
        throws
    {
        let setting = ReflectorSetting(seed: seed)
        try setting.runAll()
    }

    @Test(arguments: UInt64(1)...3) func `a seed is one history in two processes`(seed: UInt64) async throws {
        let here = try Self.history(seed: seed)
        #expect(try Self.history(seed: seed) == here)
        let result = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) { [seed] in
            print("history: \(try ReflectorHistoryTests.history(seed: seed))")
        }
        #expect(said(result, "history: ") == here)
    }

    static func history(seed: UInt64) throws -> String {
        let setting = ReflectorSetting(seed: seed)
        try setting.runAll()
        return setting.world.trace.fingerprint
    }
}

/// The objects of one type, by namespace and name: uid and version.
private typealias Picture = [String: String]

extension Picture {
    fileprivate mutating func add(_ metadata: ObjectMetadata) {
        self["\(metadata.namespace)/\(metadata.name)"] = "\(metadata.uid) \(metadata.resourceVersion)"
    }

    fileprivate mutating func remove(_ metadata: ObjectMetadata) {
        self["\(metadata.namespace)/\(metadata.name)"] = nil
    }
}

/// All that a type's objects ever were.
private final class Past: Sendable {
    /// Each with the time of the world from which on the objects were so.
    private let pictures = Mutex<[(picture: Picture, since: Instant)]>([([:], .distantPast)])

    func add(_ picture: Picture, at now: Instant) {
        pictures.withLock { $0.append((picture, now)) }
    }

    var present: Picture {
        pictures.withLock { $0.last?.picture ?? [:] }
    }

    /// When the objects were so, at or after `place`; nil: never.
    func place(of picture: Picture, from place: Int) -> Int? {
        pictures.withLock { $0[place...].firstIndex { $0.picture == picture } }
    }

    /// How the objects were before anything that happened at `time`.
    func place(before time: Instant) -> Int {
        pictures.withLock { $0.lastIndex { $0.since < time } ?? 0 }
    }
}

/// What one incarnation of a process knows of one type.
private final class Builder<Object: SimulatedObject>: Sendable {
    private struct State {
        var picture: Picture = [:]
        var place = 0
        var isSynced = false
        /// When the newest list began, and when the last one was asked for.
        var begun = Instant.distantPast
        var requested = Instant.distantPast
    }

    private let process: SimulatedProcess
    private let past: Past
    private let state = Mutex(State())

    init(_ process: SimulatedProcess, _ past: Past) {
        self.process = process
        self.past = past
    }

    func request() {
        let now = process.clock.now()
        state.withLock { $0.requested = now }
    }

    func handle(_ event: ReflectorEvent<Object>) {
        let (world, now) = (process.world, process.clock.now())
        let isKnown = state.withLock { state in
            switch event {
            case .replaced(let objects, let begun):
                guard state.begun <= begun, begun <= now else { return false }
                // What was over when the list began is not in it.
                state.place = max(state.place, past.place(before: world.now - (now - begun)))
                state.begun = begun
                state.picture = [:]
                state.isSynced = true
                for object in objects { state.picture.add(object.metadata) }
            case .applied(let object): state.picture.add(object.metadata)
            case .deleted(let object): state.picture.remove(object.metadata)
            }
            guard let place = past.place(of: state.picture, from: state.place) else { return false }
            state.place = place
            return true
        }
        if !isKnown { world.violated("\(Object.plural) were never so, or not after what was built before") }
    }

    var isUpToDate: Bool {
        state.withLock { $0.isSynced && $0.requested <= $0.begun && $0.picture == past.present }
    }
}

private struct Incarnation: Sendable {
    let process: SimulatedProcess
    let watches: [WatchedType]
}

/// The watch of one type in one incarnation.
private struct WatchedType: Sendable {
    let isUpToDate: @Sendable () -> Bool
    let readAnew: @Sendable () -> Void
}

private final class ReflectorSetting: Sendable {
    let world: World
    private let network: SimulatedNetwork
    private let server: SimulatedAPIServer
    private let dice: Dice
    private let usualConditions: NetworkConditions
    private let pasts = (services: Past(), endpoints: Past(), pods: Past(), nodes: Past())
    private let current = Mutex<[String: Incarnation]>([:])
    private static let names = ["replica-a", "replica-b"]
    private static let turbulence = Duration.seconds(300)

    init(seed: UInt64) {
        world = World(seed: seed)
        network = SimulatedNetwork(world: world)
        server = SimulatedAPIServer(world: world, network: network)
        dice = world.dice("history")
        var conditions = NetworkConditions()
        conditions.latency = .zero...dice.pick([.milliseconds(3), .milliseconds(300), .seconds(1)])
        usualConditions = conditions
        network.setConditions(conditions)
    }

    /// Changes and faults for five minutes, then none: in the end everybody knows everything, and that stays so.
    func runAll() throws {
        for name in Self.names { start(name) }
        for _ in 0..<dice.number(in: 0...30) { change() }
        changeAgain(from: .zero)
        for _ in 0..<dice.number(in: 3...20) { disturb() }
        for _ in 0..<dice.number(in: 0...20) { readAnew() }
        try world.run(for: Self.turbulence + .seconds(61))
        // A lost answer is waited for a minute; a pause before the next try may be as long.
        try world.run(atMost: .seconds(180)) { isUpToDate }
        try world.run(for: .seconds(400))
        #expect(isUpToDate)
    }

    private var isUpToDate: Bool {
        current.withLock { $0.values.allSatisfy { $0.watches.allSatisfy { $0.isUpToDate() } } }
    }

    // MARK: Processes

    private func start(_ name: String) {
        let process = SimulatedProcess(name, in: world)
        let watches = [
            watch(Service.self, pasts.services, process), watch(ServiceEndpoints.self, pasts.endpoints, process),
            watch(Pod.self, pasts.pods, process), watch(KubernetesNode.self, pasts.nodes, process),
        ]
        current.withLock { $0[name] = Incarnation(process: process, watches: watches) }
    }

    private func watch<Object: SimulatedObject>(
        _ type: Object.Type, _ past: Past, _ process: SimulatedProcess
    ) -> WatchedType {
        let builder = Builder<Object>(process, past)
        let reflector = Reflector<Object>(
            source: server.source(of: type, for: process), clock: process.clock, entropy: process.entropy,
            log: process.log
        ) { builder.handle($0) }
        process.spawn { await reflector.run() }
        return WatchedType {
            builder.isUpToDate
        } readAnew: {
            builder.request()
            reflector.readAnew()
        }
    }

    /// Asks for new lists at some time: of one type or of all, once or twice.
    private func readAnew() {
        let (at, name) = (dice.duration(in: .zero...Self.turbulence), dice.pick(Self.names))
        let types = dice.chance(0.5) ? Array(0..<4) : [dice.index(below: 4)]
        let pause = dice.duration(in: .zero ... .seconds(2))
        for time in dice.chance(0.3) ? [at, at + pause] : [at] {
            world.after(time) { [self] in
                guard let incarnation = current.withLock({ $0[name] }) else { return }
                incarnation.process.post { for type in types { incarnation.watches[type].readAnew() } }
            }
        }
    }

    // MARK: Changes

    /// One after the other, some together, some after a while.
    private func changeAgain(from time: Duration) {
        let next = time + (dice.chance(0.4) ? .zero : dice.duration(in: .zero ... .seconds(12)))
        guard next < Self.turbulence else { return }
        world.after(next) { [self] in change() }
        changeAgain(from: next)
    }

    private func change() {
        let isDeletion = dice.chance(0.4)
        let metadata = ObjectMetadata(name: "o\(dice.index(below: 12))", namespace: dice.pick(["shop", "bank"]))
        switch dice.index(below: 4) {
        case 0:
            let object = Service(metadata: metadata, clusterIP: "10.0.0.1")
            change(object, isDeletion, pasts.services)
        case 1:
            let object = ServiceEndpoints(metadata: metadata, serviceName: metadata.name, subsets: [])
            change(object, isDeletion, pasts.endpoints)
        case 2: change(Pod(metadata: metadata), isDeletion, pasts.pods)
        default:
            let node = ObjectMetadata(name: metadata.name, namespace: "")
            change(KubernetesNode(metadata: node), isDeletion, pasts.nodes)
        }
    }

    private func change<Object: SimulatedObject>(_ object: Object, _ isDeletion: Bool, _ past: Past) {
        if isDeletion {
            server.delete(Object.self, namespace: object.metadata.namespace, name: object.metadata.name)
        } else {
            server.apply(object)
        }
        var picture = Picture()
        for object in server.objects(of: Object.self) { picture.add(object.metadata) }
        past.add(picture, at: world.now)
    }

    // MARK: Faults

    /// Something that goes wrong at some time, and ends within a minute.
    private func disturb() {
        let (at, time) = (dice.duration(in: .zero...Self.turbulence), dice.duration(in: .zero ... .seconds(60)))
        let name = dice.pick(Self.names)
        let fault = fault(dice.index(below: 9), of: name, for: time)
        world.after(at) { [self] in
            fault.begin()
            world.after(time) { fault.end() }
        }
    }

    private struct Fault: Sendable {
        let begin: @Sendable () -> Void
        var end: @Sendable () -> Void = {}
    }

    private func fault(_ number: Int, of name: String, for time: Duration) -> Fault {
        switch number {
        case 0:
            return Fault { [self] in
                server.setRefusing(true)
            } end: { [self] in
                server.setRefusing(false)
            }
        case 1:
            return Fault { [self] in
                server.loseAnswers(0.5)
            } end: { [self] in
                server.loseAnswers(0)
            }
        case 2: return Fault { [self] in server.dropWatches() }
        case 3: return Fault { [self] in compactAgain(until: world.now + time) }
        case 4:
            return Fault { [self] in
                server.dropWatches()
                compactAgain(until: world.now + .seconds(5))
            }
        case 5:
            let lag = dice.duration(in: .zero ... .seconds(10))
            return Fault { [self] in
                server.setLag(.zero...lag)
                world.after(lag) { [self] in server.compact() }
            } end: { [self] in
                server.setLag(.zero ... .milliseconds(100))
            }
        case 6:
            return Fault { [self] in
                network.cut(name, SimulatedAPIServer.host)
            } end: { [self] in
                network.mend(name, SimulatedAPIServer.host)
            }
        case 7:
            var conditions = NetworkConditions()
            conditions.latency = .zero...dice.duration(in: .milliseconds(3) ... .seconds(2))
            conditions.lostShare = dice.chance(0.5) ? 0.2 : 0
            return Fault { [self, conditions] in
                network.setConditions(conditions)
            } end: { [self] in
                network.setConditions(usualConditions)
            }
        default: return dice.chance(0.5) ? pause(name) : crash(name)
        }
    }

    /// As if a busy cluster's history were short: what was read a moment ago is too old.
    private func compactAgain(until end: Instant) {
        if dice.chance(0.5) { change() }
        server.compact()
        guard world.now < end else { return }
        world.after(dice.duration(in: .zero ... .seconds(2))) { [self] in compactAgain(until: end) }
    }

    private func pause(_ name: String) -> Fault {
        Fault { [self] in
            current.withLock { $0[name] }?.process.pause()
        } end: { [self] in
            current.withLock { $0[name] }?.process.resume()
        }
    }

    private func crash(_ name: String) -> Fault {
        Fault { [self] in
            current.withLock { $0[name] }?.process.crash()
        } end: { [self] in
            // Another crash may have ended before.
            guard current.withLock({ $0[name]?.process.status }) == .crashed else { return }
            start(name)
        }
    }
}
