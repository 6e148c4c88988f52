package import CheckModel
package import Kubernetes
package import Platform
import Synchronization

/// Finds cluster checks, in config files, in the annotations of Services, and among their endpoints, and keeps the desired set of configs.
///
/// The set is synced once each enabled source was read whole for the first time: the first list of Services, the first list of endpoints, the
/// first complete pass over the directory. Until then nothing may be concluded from what it lacks. A bad annotation or file is reported with
/// its object and reason, and hurts nothing else: a Service's bad annotation gives no configs; a bad file keeps those it had.
package final class AutoConf: Sendable {
    private struct State {
        var known: AutoConfState
        /// Decided and not yet told, in the order of the decisions.
        var changes: [AutoConfState.Change] = []
        /// Whether somebody is telling them, who takes along what is added.
        var isTelling = false
    }

    /// Services of a list that are taken at once.
    private static let partSize = 64

    private let options: AutoConfOptions
    private let desired: any ConfigSink
    private let environment: Environment
    private let files: any ConfigFiles
    private let clock: any Clock
    private let log: Log
    private let onProblems: @Sendable (ProblemChange) -> Void
    private let state: Mutex<State>

    /// An AutoConf that writes into `desired`, whose only writer it must be.
    ///
    /// - Parameters:
    ///   - options: the sources.
    ///   - desired: takes the set that it keeps.
    ///   - environment: the variables that `%%env_X%%` may name.
    ///   - files: where config files are read from.
    ///   - clock: the time.
    ///   - log: where problems are told, once for each change.
    ///   - onProblems: called for each change of what is wrong with an object, in any role of this replica; it must not block. For what is
    ///     wrong already when a replica begins to lead, see `serviceProblems`.
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
        state = Mutex(State(known: known))
        if known.enabled.isEmpty { desired.apply(upserts: [], removals: [], synced: true) }
    }

    /// Reads the config files now and whenever they change, until the task is cancelled; without a directory it only waits for that.
    package func run() async {
        var directory = options.confdPath.flatMap { path in
            path.isEmpty ? nil : ConfigDirectory(path: path, options: options, environment: environment)
        }
        while !Task.isCancelled {
            if directory != nil { read(&directory) }
            do { try await clock.sleep(until: clock.now() + options.confdInterval) } catch { return }
        }
    }

    /// Takes an event of the Services' reflector. Events come one after the other, in their order.
    package func feed(_ event: ReflectorEvent<Service>) {
        switch event {
        case .replaced(let all):
            // In parts: what configs are made of takes several times the memory of what is kept of them, and is let go of after each part.
            var rest = all[...]
            while rest.count > Self.partSize {
                update { $0.take(listed: rest.prefix(Self.partSize)) }
                rest = rest.dropFirst(Self.partSize)
            }
            update { $0.take(listed: rest, lastOf: all) }
        case .applied(let service): update { $0.take(listed: [service]) }
        case .deleted(let service): update { $0.remove(service) }
        }
    }

    /// Takes an event of the endpoints' reflector, when they are a source. Events come one after the other, in their order; those of Services
    /// may come at the same time.
    package func feed(_ event: ReflectorEvent<ServiceEndpoints>) {
        update { $0.take(event) }
    }

    /// What is wrong now, sorted by object.
    package var problems: [ConfigProblem] {
        state.withLock { $0.known.problems }
    }

    /// The Services with something wrong and what it is, sorted by Service: for a replica that begins to lead, which tells of it anew.
    package var serviceProblems: [(object: ObjectReference, problems: [ConfigProblem])] {
        state.withLock { $0.known.serviceProblems }
    }

    /// Writes the metrics of AutoConf.
    package func collect(into writer: inout MetricsWriter) {
        typealias Row = (source: AutoConfState.Source, configs: Int, problems: Int, isRead: Bool)
        let rows: [Row] = state.withLock { state in
            let known = state.known
            return known.enabled.map { ($0, known.configCount(of: $0), known.problemCount(of: $0), known.isRead($0)) }
        }
        func samples(_ value: (Row) -> Int) -> [MetricsWriter.Sample] {
            rows.map { (["source": $0.source.rawValue], Double(value($0))) }
        }
        writer.family("autoconf_configs", .gauge, help: "Configs in the desired set.", samples(\.configs))
        writer.family(
            "autoconf_problems", .gauge, help: "Things wrong with annotations, files and directories.",
            samples(\.problems))
        writer.family(
            "autoconf_source_synced", .gauge, help: "Whether the source was read whole once.",
            samples { $0.isRead ? 1 : 0 })
    }

    private func read(_ directory: inout ConfigDirectory?) {
        directory?.pass(files) { part in update { $0.take(part) } }
    }

    /// Decides under the lock what changes, and tells it outside. Sources feed at the same time, and what one of them changes may depend on
    /// another, so changes are told one by one in the order in which they were decided.
    private func update(_ decide: (inout AutoConfState) -> AutoConfState.Change) {
        let tells = state.withLock { state in
            let change = decide(&state.known)
            guard !change.isEmpty else { return false }
            state.changes.append(change)
            defer { state.isTelling = true }
            return !state.isTelling
        }
        guard tells else { return }
        while let change = nextChange() { tell(change) }
    }

    private func nextChange() -> AutoConfState.Change? {
        state.withLock { state in
            guard !state.changes.isEmpty else {
                state.isTelling = false
                return nil
            }
            return state.changes.removeFirst()
        }
    }

    private func tell(_ change: AutoConfState.Change) {
        let objects = change.objects
        // "Synced" comes with the configs that made it so.
        desired.apply(upserts: objects.upserts, removals: objects.removals, synced: change.isSynced ? true : nil)
        for problem in objects.gone + objects.problems.flatMap(\.solved) {
            log.info("config problem is gone", ["object": problem.object, "reason": problem.reason])
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
