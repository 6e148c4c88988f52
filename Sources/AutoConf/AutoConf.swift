package import CheckModel
package import Kubernetes
package import Platform
import Synchronization

/// Finds cluster checks, in config files and in the annotations of Services, and keeps the desired set of configs.
///
/// The set is synced once each enabled source was read whole for the first time: the first list of Services, the first complete pass over the
/// directory. Until then nothing may be concluded from what it lacks. A bad annotation or file is reported with its object and reason, and
/// hurts nothing else: a Service's bad annotation gives no configs; a bad file keeps those it had.
package final class AutoConf: Sendable {
    private enum Source: String, CaseIterable {
        case file
        case services
    }

    private struct State {
        var objects: [Source: SourceObjects] = [:]
        var unread: Set<Source>
    }

    private let options: AutoConfOptions
    private let desired: DesiredConfigs
    private let environment: Environment
    private let files: any ConfigFiles
    private let clock: any Clock
    private let log: Log
    private let onProblems: @Sendable (ProblemChange) -> Void
    private let enabled: [Source]
    private let state: Mutex<State>

    /// An AutoConf that writes into `desired`, whose only writer it must be.
    ///
    /// - Parameters:
    ///   - options: the sources.
    ///   - desired: the set that it keeps.
    ///   - environment: the variables that `%%env_X%%` may name.
    ///   - files: where config files are read from.
    ///   - clock: the time.
    ///   - log: where problems are told, once for each change.
    ///   - onProblems: called for each change of what is wrong with an object, in any role of this replica; it must not block. For what is
    ///     wrong already when a replica begins to lead, see `serviceProblems`.
    package init(
        options: AutoConfOptions, desired: DesiredConfigs, environment: [String: String],
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
        let readsFiles = !(options.confdPath ?? "").isEmpty
        enabled = Source.allCases.filter { $0 == .file ? readsFiles : options.watchesServices }
        state = Mutex(State(unread: Set(enabled)))
        if enabled.isEmpty { desired.apply(synced: true) }
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
        case .replaced(let services):
            // One that lost its annotations was mended, one that is not there is gone.
            let annotated = services.filter { ServiceAnnotations.isAnnotated($0.annotations) || knows($0) }
            let readings = annotated.map { ($0.entity, reading(of: $0)) }
            let references = annotated.map { ($0.entity, $0.reference) }
            update(.services, isWholeRead: true) { objects in
                objects.replace(
                    with: Dictionary(readings) { _, last in last },
                    references: Dictionary(references) { _, last in last })
            }
        case .applied(let service):
            // Most changes of a cluster's Services concern none that is annotated.
            let isAnnotated = ServiceAnnotations.isAnnotated(service.annotations)
            guard isAnnotated || knows(service) else { return }
            let reading = reading(of: service)
            update(.services) { $0.apply(reading, to: service.entity, service.reference) }
        case .deleted(let service):
            update(.services) { $0.remove(service.entity) }
        }
    }

    /// What is wrong now, sorted by object.
    package var problems: [ConfigProblem] {
        state.withLock { state in enabled.flatMap { state.objects[$0]?.problems ?? [] } }
    }

    /// The Services with something wrong and what it is, sorted by Service: for a replica that begins to lead, which tells of it anew.
    package var serviceProblems: [(object: ObjectReference, problems: [ConfigProblem])] {
        state.withLock { $0.objects[.services]?.referencedProblems ?? [] }
    }

    /// Writes the metrics of AutoConf.
    package func collect(into writer: inout MetricsWriter) {
        let (objects, unread) = state.withLock { ($0.objects, $0.unread) }
        func samples(_ value: (Source) -> Int) -> [MetricsWriter.Sample] {
            enabled.map { (["source": $0.rawValue], Double(value($0))) }
        }
        writer.family(
            "autoconf_configs", .gauge, help: "Configs in the desired set.", samples { objects[$0]?.configCount ?? 0 })
        writer.family(
            "autoconf_problems", .gauge, help: "Things wrong with annotations, files and directories.",
            samples { objects[$0]?.problems.count ?? 0 })
        writer.family(
            "autoconf_source_synced", .gauge, help: "Whether the source was read whole once.",
            samples { unread.contains($0) ? 0 : 1 })
    }

    private func knows(_ service: Service) -> Bool {
        state.withLock { $0.objects[.services]?.contains(service.entity) ?? false }
    }

    private func reading(of service: Service) -> ConfigReading {
        let (configs, problems) = service.configs(environment: environment)
        return .configs(configs, problems: problems)
    }

    private func read(_ directory: inout ConfigDirectory?) {
        guard let pass = directory?.pass(files) else { return }
        update(.file, isWholeRead: pass.isComplete) { objects in
            objects.replace(with: pass.readings, unlisted: pass.unlisted)
        }
    }

    /// Decides under the lock what changes, writes it, and only then counts the source as read: "synced" never runs ahead of the configs.
    private func update(
        _ source: Source, isWholeRead: Bool = false, _ decide: (inout SourceObjects) -> SourceObjects.Change
    ) {
        let change = state.withLock { decide(&$0.objects[source, default: SourceObjects()]) }
        desired.apply(upserts: change.upserts, removals: change.removals)
        tell(change)
        guard isWholeRead else { return }
        let isFirst: (source: Bool, all: Bool) = state.withLock { state in
            let isFirst = state.unread.remove(source) != nil
            return (isFirst, isFirst && state.unread.isEmpty)
        }
        if isFirst.source { log.info("source read for the first time", ["source": source.rawValue]) }
        if isFirst.all { desired.apply(synced: true) }
    }

    private func tell(_ change: SourceObjects.Change) {
        for problem in change.gone + change.problems.flatMap(\.solved) {
            log.info("config problem is gone", ["object": problem.object, "reason": problem.reason])
        }
        for problem in change.problems.flatMap(\.appeared) {
            switch problem.severity {
            case .warning: log.warning("config problem", ["object": problem.object, "reason": problem.reason])
            case .error: log.error("config problem", ["object": problem.object, "reason": problem.reason])
            }
        }
        if !change.upserts.isEmpty || !change.removals.isEmpty {
            log.debug("configs read", ["configs": change.upserts.count, "removed": change.removals.count])
        }
        for problem in change.problems { onProblems(problem) }
    }
}
