package import Kubernetes
import Platform
import Synchronization

/// The Kubernetes API server's part in lists and watches: Services, their endpoints, ClusterChecks, Pods and Nodes
/// under one growing resourceVersion, reached over the simulated network.
///
/// It neither crashes nor pauses, but it can refuse every request for a while, lose answers, break watches, compact its
/// history, and be unreachable.
package final class SimulatedAPIServer: Sendable {
    typealias Page = ObjectPage<any SimulatedObject>
    typealias Event = WatchEvent<any SimulatedObject>

    private struct Watch {
        let resource: String
        let lane: Int
        let stream: SimulatedStream<Event>
        /// The version up to which all changes were sent.
        var version: Int
        /// Whether changes will be sent in a while.
        var isScheduled = false
    }

    private struct State {
        var history = ObjectHistory()
        var watches: [UInt64: Watch] = [:]
        var nextWatch: UInt64 = 0
        var statusWrites = 0
        var isRefusing = false
        var lostAnswers = 0.0
        /// By lane, until when nothing goes to the process's watches.
        var delayedUntil: [Int: Instant] = [:]
        var lag: ClosedRange<Duration> = .zero ... .milliseconds(100)
        var listTime: ClosedRange<Duration> = .zero ... .milliseconds(50)
    }

    /// The host of the API server; that of its Leases too.
    package static let host = SimulatedLeases.host

    /// A page has fewer objects than a client asks for, so that few make several.
    private static let longestPage = 10
    /// How often a watch gets a bookmark.
    private static let bookmarkPeriod: ClosedRange<Duration> = .seconds(10) ... .seconds(90)

    private let world: World
    private let network: SimulatedNetwork
    private let dice: Dice
    private let entropy: SeededEntropy
    private let state = Mutex(State())

    /// A server without objects.
    package init(world: World, network: SimulatedNetwork) {
        self.world = world
        self.network = network
        dice = world.dice("apiserver")
        entropy = SeededEntropy(seed: UInt64(dice.index(below: .max)))
    }

    /// Lists and watches for one process.
    package func source<Object: SimulatedObject>(
        of type: Object.Type, for process: SimulatedProcess
    ) -> some ListWatchSource<Object> {
        process.onCrash { [self] in
            state.withLock { $0.watches = $0.watches.filter { $0.value.lane != process.lane } }
        }
        return SimulatedSource<Object>(server: self, process: process)
    }

    // MARK: Objects

    /// The objects of a type as they are, sorted by namespace and name.
    package func objects<Object: SimulatedObject>(of type: Object.Type) -> [Object] {
        state.withLock { $0.history.objects(of: Object.plural) }.compactMap { $0 as? Object }
    }

    /// Creates an object, or replaces the one of that name. The server sets the version, and the uid if it has none.
    package func apply(_ object: some SimulatedObject) {
        let (uid, writes) = (entropy.uuid(), writes())
        let version = state.withLock { state in
            state.history.store(object, version: state.history.version + writes, uid: uid)
            return state.history.version
        }
        world.record("apiserver: stores \(object.key) as version \(version)")
        notify(of: object.key)
    }

    /// Creates a ClusterCheck, or replaces all but the status of the one of that name.
    package func edit(_ check: ClusterCheck) {
        var check = check
        if let stored = objects(of: ClusterCheck.self).first(where: { $0.key == check.key }) {
            check.status = stored.status
        }
        apply(check)
    }

    /// Deletes an object, if there is one of that name.
    package func delete<Object: SimulatedObject>(_ type: Object.Type, namespace: String = "", name: String) {
        let key = Object.key(namespace, name)
        let writes = writes()
        guard state.withLock({ $0.history.delete(key, version: $0.history.version + writes) }) else { return }
        world.record("apiserver: deletes \(key)")
        notify(of: key)
    }

    /// How many writes of a status changed it.
    package var statusWrites: Int { state.withLock { $0.statusWrites } }

    /// The version counts the writes of the whole server, of which this is one.
    private func writes() -> Int {
        dice.number(in: 1...20)
    }

    // MARK: Faults

    /// Refuses requests from now on and breaks every watch, or serves again.
    package func setRefusing(_ isRefusing: Bool) {
        world.record("apiserver: \(isRefusing ? "refuses" : "serves") lists and watches")
        state.withLock { $0.isRefusing = isRefusing }
        if isRefusing { breakWatches() }
    }

    /// Loses this share of the answers to lists; the client waits until its deadline.
    package func loseAnswers(_ share: Double) {
        state.withLock { $0.lostAnswers = share }
    }

    /// How long changes wait at the server before they are sent to a watch; drawn for each.
    package func setLag(_ lag: ClosedRange<Duration>) {
        state.withLock { $0.lag = lag }
    }

    /// How long the server takes for a page of a list; drawn for each.
    package func setListTime(_ time: ClosedRange<Duration>) {
        state.withLock { $0.listTime = time }
    }

    /// What a process watches reaches it only after a while.
    func delayWatches(of process: SimulatedProcess, for time: Duration) {
        let until = world.now + time
        state.withLock { $0.delayedUntil[process.lane] = until }
    }

    /// Breaks every watch where it is.
    package func dropWatches() {
        world.record("apiserver: drops all watches")
        breakWatches()
    }

    /// Drops all versions but the newest, as etcd does every few minutes: older ones can be neither watched from nor
    /// listed. A watch that is up to date is not affected.
    package func compact() {
        let version = state.withLock { state in
            for (id, watch) in state.watches {
                let missing = state.history.changes(of: watch.resource, after: watch.version)
                if missing?.isEmpty == true { state.watches[id]?.version = state.history.version }
            }
            state.history.compact()
            return state.history.version
        }
        world.record("apiserver: compacts up to version \(version)")
    }

    /// Perhaps with changes on their way, perhaps before they were sent.
    private func breakWatches() {
        for id in state.withLock({ $0.watches.keys.sorted() }) {
            if dice.chance(0.5) { dispatch(to: id) }
            remove(id)?.reset()
        }
    }

    private func refusal() -> KubernetesError {
        switch dice.index(below: 4) {
        case 0: .status(Status(code: 500))
        case 1: .status(Status(code: 503, retryAfterSeconds: dice.number(in: 1...5)))
        case 2: .status(Status(code: 429, retryAfterSeconds: 1))
        default: .transport("connection refused")
        }
    }
}

// What comes from clients.
extension SimulatedAPIServer {
    fileprivate static let expired = Status(code: 410, reason: "Expired", message: "too old resource version")

    func stream<Item>(for process: SimulatedProcess) -> SimulatedStream<Item> {
        SimulatedStream(client: process.name, server: Self.host, world: world, network: network, dice: dice)
    }

    fileprivate func list(_ resource: String, _ request: ListRequest, _ answer: SimulatedStream<Page>) {
        let (isRefusing, lostAnswers) = state.withLock { ($0.isRefusing, $0.lostAnswers) }
        if isRefusing { return answer.end(refusal()) }
        let limit = request.limit.map { min($0, dice.number(in: 1...Self.longestPage)) }
        let page = state.withLock {
            $0.history.page(of: resource, limit: limit, continuation: request.continuation)
        }
        if dice.chance(lostAnswers) { return world.record("apiserver: a page of \(resource) is lost") }
        world.after(dice.duration(in: state.withLock { $0.listTime })) {
            if let page { answer.send(page) } else { answer.end(.status(Self.expired)) }
        }
    }

    fileprivate func watch(
        _ resource: String, _ request: WatchRequest, for process: SimulatedProcess, _ stream: SimulatedStream<Event>
    ) {
        if state.withLock({ $0.isRefusing }) { return stream.end(refusal()) }
        guard let version = Int(request.resourceVersion) else { return stream.end(.status(Status(code: 400))) }
        let watch = Watch(resource: resource, lane: process.lane, stream: stream, version: version)
        let id: UInt64? = state.withLock { state in
            guard version >= state.history.oldestVersion else { return nil }
            state.nextWatch += 1
            state.watches[state.nextWatch] = watch
            return state.nextWatch
        }
        // A real server reports this in either way, depending on where it notices.
        if id == nil, dice.chance(0.5) { return stream.end(.status(Self.expired)) }
        stream.send(.opened)
        guard let id else { return expire(stream) }
        schedule(id)
        bookmark(id)
        world.after(.seconds(request.timeoutSeconds)) { [self] in remove(id)?.end() }
    }

    /// Replaces the status of a ClusterCheck: a write that changes nothing makes no version.
    func write(_ status: ClusterCheckStatus, _ key: String, _ answer: SimulatedStream<Void>) {
        if state.withLock({ $0.isRefusing }) { return answer.end(refusal()) }
        let (uid, writes) = (entropy.uuid(), writes())
        let (isThere, isChanged) = state.withLock { state -> (Bool, Bool) in
            guard
                var check = state.history.objects(of: ClusterCheck.plural).first(where: { $0.key == key })
                    as? ClusterCheck
            else { return (false, false) }
            guard check.status != status else { return (true, false) }
            check.status = status
            state.history.store(check, version: state.history.version + writes, uid: uid)
            state.statusWrites += 1
            return (true, true)
        }
        if isChanged {
            world.record("apiserver: stores the status of \(key)")
            notify(of: key)
        }
        guard isThere else { return answer.end(.status(Status(code: 404))) }
        if dice.chance(state.withLock { $0.lostAnswers }) { return world.record("apiserver: an answer is lost") }
        answer.send(())
    }

    /// The client has closed its connection.
    fileprivate func close(_ stream: SimulatedStream<Event>) {
        stream.fail(.transport("closed"))
        state.withLock { $0.watches = $0.watches.filter { $0.value.stream !== stream } }
    }
}

// What goes to watches.
extension SimulatedAPIServer {
    private func notify(of key: String) {
        let ids = state.withLock { $0.watches.filter { key.hasPrefix("\($0.value.resource)/") }.keys.sorted() }
        for id in ids { schedule(id) }
    }

    /// Sends what has changed, after a while.
    private func schedule(_ id: UInt64) {
        let lag: ClosedRange<Duration>? = state.withLock { state in
            guard state.watches[id]?.isScheduled == false else { return nil }
            state.watches[id]?.isScheduled = true
            return state.lag
        }
        if let lag { world.after(dice.duration(in: lag)) { [self] in dispatch(to: id) } }
    }

    /// Sends what has changed: each change is a message of its own.
    private func dispatch(to id: UInt64, thenBookmark: Bool = false) {
        guard let watch = state.withLock({ $0.watches[id] }) else { return }
        if let until = state.withLock({ $0.delayedUntil[watch.lane] }), until > world.now {
            return _ = world.after(until - world.now) { [self] in dispatch(to: id, thenBookmark: thenBookmark) }
        }
        let (changes, version) = state.withLock { state in
            state.watches[id]?.isScheduled = false
            state.watches[id]?.version = state.history.version
            return (state.history.changes(of: watch.resource, after: watch.version), state.history.version)
        }
        guard let changes else {
            _ = remove(id)
            return expire(watch.stream)
        }
        for change in changes {
            watch.stream.send(change.isDeletion ? .deleted(change.object) : .applied(change.object))
        }
        if thenBookmark { watch.stream.send(.bookmark(resourceVersion: "\(version)")) }
    }

    private func bookmark(_ id: UInt64) {
        world.after(dice.duration(in: Self.bookmarkPeriod)) { [self] in
            guard state.withLock({ $0.watches[id] != nil }) else { return }
            dispatch(to: id, thenBookmark: true)
            bookmark(id)
        }
    }

    private func expire(_ stream: SimulatedStream<Event>) {
        stream.send(.error(Self.expired))
        stream.end()
    }

    private func remove(_ id: UInt64) -> SimulatedStream<Event>? {
        state.withLock { $0.watches.removeValue(forKey: id)?.stream }
    }
}

/// Where a process's reflector lists and watches objects of one type.
private struct SimulatedSource<Object: SimulatedObject>: ListWatchSource {
    let server: SimulatedAPIServer
    let process: SimulatedProcess

    func list(_ request: ListRequest, deadline: Instant) async throws(KubernetesError) -> ObjectPage<Object> {
        let answer: SimulatedStream<SimulatedAPIServer.Page> = server.stream(for: process)
        let timer = schedule(at: deadline, answer)
        defer {
            timer.cancel()
            answer.fail(.transport("closed"))
        }
        answer.request { server.list(Object.plural, request, answer) }
        guard let page = try await answer.next() else { throw .transport("an empty answer") }
        return ObjectPage(
            resourceVersion: page.resourceVersion, continuation: page.continuation,
            items: page.items.compactMap { $0 as? Object })
    }

    func watch(
        _ request: WatchRequest, deadline: Instant, onEvent: (WatchEvent<Object>) -> Bool
    ) async throws(KubernetesError) {
        let stream: SimulatedStream<SimulatedAPIServer.Event> = server.stream(for: process)
        let timer = schedule(at: deadline, stream)
        defer {
            timer.cancel()
            server.close(stream)
        }
        stream.request { server.watch(Object.plural, request, for: process, stream) }
        while let event = try await stream.next() {
            guard let typed = Self.typed(event), onEvent(typed) else { return }
        }
    }

    private func schedule<Item>(at deadline: Instant, _ stream: SimulatedStream<Item>) -> ScheduledEvent {
        process.clock.schedule(at: deadline) { stream.fail(.transport("no answer by the deadline")) }
    }

    private static func typed(_ event: SimulatedAPIServer.Event) -> WatchEvent<Object>? {
        switch event {
        case .opened: .opened
        case .applied(let object): (object as? Object).map { .applied($0) }
        case .deleted(let object): (object as? Object).map { .deleted($0) }
        case .bookmark(let version): .bookmark(resourceVersion: version)
        case .error(let status): .error(status)
        case .unknown(let type): .unknown(type)
        }
    }
}
