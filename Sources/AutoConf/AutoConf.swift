package import CheckModel
package import Kubernetes
package import Platform
import Synchronization

/// Finds cluster checks in config files, in the annotations of Services, in ClusterChecks and by HTTP service
/// discovery, and keeps the desired set of configs.
///
/// The set is synced once each enabled source has been read completely: a first list of Services, of endpoints and of
/// ClusterChecks, a first complete pass over the directory, a first answer of each URL. Before that, a config that is
/// missing may not have been read yet. What cannot be used is reported with its object and reason, affects nothing
/// else, and keeps the configs that the object had.
package final class AutoConf: Sendable {
    /// The objects of a list that are handled at once: at most this many, and about as many bytes of annotations or of
    /// specs. Reading a config takes many times the memory that is kept of it, and each part frees it again.
    private static let (partSize, partBytes) = (64, 256 << 10)

    /// How many objects have a gauge of their own.
    private static let mostReported = 100

    private let options: AutoConfOptions
    private let desired: any ConfigSink
    private let environment: Environment
    private let files: any ConfigFiles
    private let clock: any Clock
    private let log: Log
    private let onProblems: @Sendable (ProblemChange) -> Void
    /// Decided under the lock, published outside it.
    private let changes = OrderedDelivery<AutoConfState.Change>()
    /// Changes when the sources are to be read anew.
    private let requests = Watched<Void>(())
    private let state: Mutex<AutoConfState>

    /// An AutoConf that is the only writer of `desired`.
    ///
    /// - Parameters:
    ///   - options: the sources and their limits.
    ///   - desired: gets each change of the configs.
    ///   - environment: the variables that `%%env_X%%` may name.
    ///   - files: the file system to read config files from.
    ///   - clock: decides when to look for changed files.
    ///   - log: gets each new and each solved problem once.
    ///   - onProblems: called when the problems of an object change, on leaders and followers alike; it must not block.
    ///     A replica that starts to lead also reads `objectProblems`.
    package init(
        options: AutoConfOptions, desired: any ConfigSink, environment: [String: String],
        files: any ConfigFiles = SystemConfigFiles(), clock: any Clock, log: Log,
        onProblems: @escaping @Sendable (ProblemChange) -> Void = { _ in }
    ) {
        self.options = options
        self.desired = desired
        self.environment = Environment(environment, options: options)
        self.files = files
        self.clock = clock
        self.log = log
        self.onProblems = onProblems
        let known = AutoConfState(options, environment: self.environment)
        state = Mutex(known)
        if known.enabled.isEmpty {
            desired.apply(
                upserts: [], removals: [], suspended: [], resumed: [], synced: true, readings: known.readings)
        }
    }

    /// Reads the config files, and reads those again that change, until the task is cancelled.
    package func run() async {
        var directory = options.confdPath.flatMap { path in
            path.isEmpty ? nil : ConfigDirectory(path: path, options: options, environment: environment)
        }
        while !Task.isCancelled {
            // A request that comes during a pass leads to another one.
            let seen = requests.current.version
            if directory != nil { read(&directory) }
            await requests.change(after: seen, until: clock.now() + options.confdInterval, clock: clock)
        }
    }

    /// Asks the URLs that list targets, each by itself and again and again, until the task is cancelled.
    package func runDiscovery(_ fetch: any DiscoveryFetch) async {
        await withTaskGroup(of: Void.self) { group in
            for discovery in options.discoveries { group.addTask { await self.follow(discovery, fetch) } }
            group.addTask { [clock, options] in
                guard (try? await clock.sleep(until: clock.now() + options.discoveryPatience)) != nil else { return }
                self.update { $0.endDiscoveryPatience() }
            }
        }
    }

    private func follow(_ discovery: HTTPDiscovery, _ fetch: any DiscoveryFetch) async {
        var poll = DiscoveryPoll(url: discovery.url)
        while !Task.isCancelled {
            let seen = requests.current.version
            let begun = clock.now()
            let reading = await poll.read(fetch, every: options.discoveryInterval, now: begun)
            // What was broken off by the end of the process says nothing.
            guard !Task.isCancelled else { return }
            var isCrowdedOut = false
            let found = discovered(reading, of: discovery)
            update { $0.apply(found, of: discovery.object, begun: begun, isCrowdedOut: &isCrowdedOut) }
            if isCrowdedOut { poll.forget() }
            await requests.change(after: seen, until: begun + options.discoveryInterval, clock: clock)
        }
    }

    /// The configs of the targets are made outside of the lock: there may be many.
    private func discovered(_ reading: DiscoveryPoll.Reading, of discovery: HTTPDiscovery) -> AutoConfState.Discovery {
        switch reading {
        case .unchanged: return .unchanged
        case .failed(let reason): return .failed(reason: reason)
        case .targets(let targets):
            var bound = BoundConfigs(limit: .ofDiscovery(options), room: .max, keepsLast: false)
            discovery.bind(targets, into: &bound)
            return .configs(bound.weighed, problems: bound.problems(of: discovery.object))
        }
    }

    /// Wants to know of newer readings: of each source, the first complete one that began at `since` or later is
    /// published, with its configs or after them. Others are not, so that nobody is woken for them.
    ///
    /// The directory is read at once. To read Services and endpoints is up to their reflectors.
    package func readAnew(since: Instant) {
        update { $0.publishReadings(since: since) }
        requests.set(())
    }

    /// Handles an event of the Services' reflector. Events must come one at a time and in order.
    package func handle(_ event: ReflectorEvent<Service>) {
        switch event {
        case .replaced(let all, let begun):
            let parts = Self.parts(of: all, \.annotationBytes)
            for part in parts.dropLast() { update { $0.apply(listed: part) } }
            update { $0.finishList(with: parts.last ?? [], begun: begun) }
        case .applied(let service): update { $0.apply(service) }
        case .deleted(let service): update { $0.remove(service) }
        }
    }

    /// Handles a page of the Services' list; those of the whole list end with `replaced`.
    package func handle(page: ReflectorPage<Service>) {
        if page.isFirst { state.withLock { $0.beginList() } }
        for part in Self.parts(of: page.objects, \.annotationBytes) { update { $0.apply(listed: part) } }
    }

    private static func parts<Object>(of objects: [Object], _ weight: (Object) -> Int) -> [ArraySlice<Object>] {
        var parts: [ArraySlice<Object>] = []
        var (start, bytes) = (0, 0)
        for (index, object) in objects.enumerated() {
            bytes += weight(object)
            guard index + 1 - start == partSize || bytes >= partBytes else { continue }
            parts.append(objects[start...index])
            (start, bytes) = (index + 1, 0)
        }
        if start < objects.count { parts.append(objects[start...]) }
        return parts
    }

    /// Handles an event of the endpoints' reflector, if endpoints are a source. Events must come one at a time and in
    /// order; those of Services may come concurrently.
    package func handle(_ event: ReflectorEvent<ServiceEndpoints>) {
        update { $0.handle(event) }
    }

    /// Handles an event of the ClusterChecks' reflector, if they are a source. Events must come one at a time and in
    /// order; those of other resources may come concurrently.
    package func handle(_ event: ReflectorEvent<ClusterCheck>) {
        guard options.watchesClusterChecks else { return }
        switch event {
        case .replaced(let all, let begun):
            let parts = Self.parts(of: all, \.spec.textBytes)
            for part in parts.dropLast() { update { $0.apply(listed: part) } }
            update { $0.finishList(with: parts.last ?? [], begun: begun) }
        case .applied(let check): update { $0.apply(check) }
        case .deleted(let check): update { $0.remove(check) }
        }
    }

    /// Handles a page of the ClusterChecks' list; those of the whole list end with `replaced`.
    package func handle(page: ReflectorPage<ClusterCheck>) {
        guard options.watchesClusterChecks else { return }
        if page.isFirst { state.withLock { $0.beginClusterCheckList() } }
        for part in Self.parts(of: page.objects, \.spec.textBytes) { update { $0.apply(listed: part) } }
    }

    /// A list of the ClusterChecks that began at `begun` was refused for lack of permission: without it, everything
    /// else goes on.
    package func clusterChecksForbidden(begun: Instant) {
        update { $0.clusterChecksForbidden(begun: begun) }
    }

    /// The current problems for people, sorted by source and object.
    package var reportedProblems: [ReportedProblem] {
        state.withLock { $0.reported }
    }

    /// The current problems, sorted by source and object.
    package var problems: [ConfigProblem] {
        state.withLock { $0.problems }
    }

    /// The object from which configs of a source come: a Service, be it by its own annotations or by its endpoints, or
    /// a ClusterCheck; nil if it has none, or they come from elsewhere.
    package func object(ofSource source: String) -> ObjectReference? {
        state.withLock { $0.object(ofSource: source) }
    }

    /// The objects in Kubernetes with problems, sorted by kind and object, for a replica that starts to lead and
    /// reports them again; whether configs that an object had before stay in use.
    package var objectProblems: [(object: ObjectReference, problems: [ConfigProblem], keepsLast: Bool)] {
        state.withLock { $0.objectProblems }
    }

    /// What became of the spec of a ClusterCheck; nil if none is known under this source.
    package func acceptance(ofClusterCheck source: String) -> ClusterCheckAcceptance? {
        state.withLock { $0.acceptance(ofClusterCheck: source) }
    }

    /// Writes the metrics of AutoConf.
    package func collect(into writer: inout MetricsWriter) {
        typealias Row = (source: AutoConfState.Source, configs: Int, problems: Int, isRead: Bool)
        let rows: [Row] = state.withLock { known in
            known.enabled.map { ($0, known.configCount(of: $0), known.problemCount(of: $0), known.isRead($0)) }
        }
        func samples(_ value: (Row) -> Int) -> [MetricsWriter.Sample] {
            rows.map { (["source": $0.source.rawValue], Double(value($0))) }
        }
        writer.family("autoconf_configs", .gauge, help: "Configs in the desired set.", samples(\.configs))
        writer.family(
            "autoconf_problems", .gauge, help: "Problems with annotations, files and directories.",
            samples(\.problems))
        writer.family(
            "autoconf_object_problems", .gauge,
            help:
                "Problems of an object because of which a config is not used as it is written, of 100 objects at most.",
            problemCounts)
        writer.family(
            "autoconf_source_synced", .gauge, help: "1 if the source has been read completely, else 0.",
            samples { $0.isRead ? 1 : 0 })
    }

    /// By object: those that sort first.
    private var problemCounts: [MetricsWriter.Sample] {
        let errors = problems.filter { $0.severity == .error }
        let counts = Dictionary(grouping: errors) { ExactText($0.object) }.mapValues(\.count)
        return counts.sorted { $0.key < $1.key }.prefix(Self.mostReported).map {
            (["object": visibleLine($0.key.text)], Double($0.value))
        }
    }

    private func read(_ directory: inout ConfigDirectory?) {
        let begun = clock.now()
        directory?.pass(files) { part in update { $0.apply(part, begun: begun) } }
    }

    /// Decides under the lock what changes, and publishes it outside. Sources feed concurrently, and a change of one
    /// may depend on another, so changes are published one at a time, in the order in which they were decided.
    private func update(_ decide: (inout AutoConfState) -> AutoConfState.Change) {
        state.withLock { known in
            let change = decide(&known)
            guard !change.isEmpty else { return }
            known.noteTimes(of: change, at: clock.wallTime())
            changes.add(change)
        }
        changes.deliver(to: publish)
    }

    private func publish(_ change: AutoConfState.Change) {
        let objects = change.objects
        // The set becomes synced together with the configs of the last source, and a reading is told with its configs.
        desired.apply(
            upserts: objects.upserts, removals: objects.removals, suspended: objects.suspended,
            resumed: objects.resumed, synced: change.isSynced ? true : nil, readings: change.readings)
        for problem in objects.gone + objects.problems.flatMap(\.solved) {
            log.info("config problem solved", ["object": problem.object, "reason": problem.reason])
        }
        for problem in objects.problems.flatMap(\.appeared) {
            switch problem.severity {
            case .warning: log.warning("config problem", ["object": problem.object, "reason": problem.reason])
            case .error: log.error("config problem", ["object": problem.object, "reason": problem.reason])
            }
        }
        if !objects.upserts.isEmpty || !objects.removals.isEmpty {
            log.debug("configs read", ["configs": objects.upserts.count, "removed": objects.removals.count])
        }
        if let source = change.firstRead { log.info("source read for the first time", ["source": source.rawValue]) }
        for problem in objects.problems { onProblems(problem) }
    }
}
