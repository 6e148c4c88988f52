package import Platform
import Synchronization

/// A page of a list that is still being read.
package struct ReflectorPage<Object: Sendable>: Sendable {
    /// Objects that exist.
    package let objects: [Object]
    /// Whether a new list begins: pages before this one do not belong to it.
    package let isFirst: Bool

    /// A page.
    package init(_ objects: [Object], isFirst: Bool) {
        self.objects = objects
        self.isFirst = isFirst
    }
}

/// An event for the handler of a reflector.
package enum ReflectorEvent<Object: Sendable>: Sendable {
    /// The whole list: objects that are not in it are gone. An object with a known name may be another one, created
    /// after a deletion that was not observed: compare uids before keeping state.
    case replaced([Object])
    /// The object is new or changed.
    case applied(Object)
    /// The object is gone; its last state.
    case deleted(Object)
}

/// Keeps a handler informed of all objects of one type, by list and watch, while `run` runs.
///
/// While the API server cannot be reached, the handler gets no events and keeps the last known state. A reflector
/// stores no objects: `replaced` carries the whole list, and objects that are not in it are gone.
package final class Reflector<Object: KubernetesObject>: ResourceWatch {
    private static var listTimeout: Duration { .seconds(60) }
    /// How much longer than the server's own limit a watch may take before it is considered dead.
    private static var watchGrace: Duration { .seconds(30) }

    private let source: any ListWatchSource<Object>
    private let isOptional: Bool
    private let clock: any Clock
    private let entropy: any Entropy
    private let log: Log
    private let onPage: (@Sendable (ReflectorPage<Object>) -> Void)?
    private let handler: @Sendable (ReflectorEvent<Object>) -> Void

    /// Whether the handler has received the whole list once. Never becomes false again.
    package let synced = Watched<Bool>(false)

    private let state: Mutex<ResourceReport>

    /// A reflector that does nothing until `run`.
    ///
    /// - Parameters:
    ///   - isOptional: whether the process can do without this resource: if it is forbidden, that is logged once and
    ///     tried again every minute.
    ///   - onPage: gets each page of a list but the last as soon as it is read, so that a long list of large objects is
    ///     never kept whole; `replaced` then has the objects of the last page only, and those of all pages since the
    ///     first one of this list exist too. Nil to get whole lists.
    ///   - handler: called from the task of `run`, one event after the other; it must not block for long.
    package init(
        source: any ListWatchSource<Object>, isOptional: Bool = false, clock: any Clock, entropy: any Entropy, log: Log,
        onPage: (@Sendable (ReflectorPage<Object>) -> Void)? = nil,
        handler: @escaping @Sendable (ReflectorEvent<Object>) -> Void
    ) {
        self.source = source
        self.isOptional = isOptional
        self.clock = clock
        self.entropy = entropy
        self.log = log.named("reflector")
        self.onPage = onPage
        self.handler = handler
        state = Mutex(
            ResourceReport(
                resource: Object.plural, isSynced: false, isOptional: isOptional, lastAttempt: clock.now(),
                longestAttempt: (ReflectorMachine.longestWatch + Self.watchGrace) * 2))
    }

    /// Its condition.
    package var report: ResourceReport {
        state.withLock { $0 }
    }

    /// Lists and watches until the task is cancelled. Call it once.
    package func run() async {
        var machine = ReflectorMachine(isOptional: isOptional)
        var collected: [Object] = []
        var isFirstPage = true
        var action = machine.start()
        while !Task.isCancelled {
            let now = clock.now()
            state.withLock { $0.lastAttempt = now }
            switch action {
            case .list(let request):
                if request.continuation == nil {
                    // Pages of a list that was given up.
                    if !isFirstPage { onPage?(ReflectorPage([], isFirst: true)) }
                    (collected, isFirstPage) = ([], true)
                }
                action = await list(request, &machine, &collected)
                if let onPage, case .list(let next) = action, next.continuation != nil, !collected.isEmpty {
                    onPage(ReflectorPage(collected, isFirst: isFirstPage))
                    (collected, isFirstPage) = ([], false)
                }
            case .replace:
                handler(.replaced(collected))
                (collected, isFirstPage) = ([], true)
                state.withLock { $0.isSynced = true }
                if !synced.value { synced.set(true) }
                action = machine.replaced(now: clock.now(), fraction: entropy.fraction())
            case .watch(let request):
                action = await watch(request, &machine)
            case .pause(let duration):
                try? await clock.sleep(until: now + duration)
                action = machine.resumed(now: clock.now(), fraction: entropy.fraction())
            }
            if !Task.isCancelled { report(on: &machine) }
        }
    }

    private func list(
        _ request: ListRequest, _ machine: inout ReflectorMachine, _ collected: inout [Object]
    ) async -> ReflectorMachine.Action {
        do throws(KubernetesError) {
            let page = try await source.list(request, deadline: clock.now() + Self.listTimeout)
            heard()
            collected += page.items
            return machine.listed(resourceVersion: page.resourceVersion, continuation: page.continuation)
        } catch {
            return machine.listFailed(error, now: clock.now(), fraction: entropy.fraction())
        }
    }

    private func watch(_ request: WatchRequest, _ machine: inout ReflectorMachine) async -> ReflectorMachine.Action {
        let deadline = clock.now() + .seconds(request.timeoutSeconds) + Self.watchGrace
        var failure: KubernetesError?
        do throws(KubernetesError) {
            try await source.watch(request, deadline: deadline) { event in
                let goesOn = machine.handle(deliver(event))
                report(on: &machine)
                return goesOn
            }
            heard()
        } catch {
            failure = error
        }
        return machine.ended(failure, now: clock.now(), fraction: entropy.fraction())
    }

    /// Passes an event to the handler, and returns what the machine needs of it.
    private func deliver(_ event: WatchEvent<Object>) -> ReflectorMachine.StreamEvent {
        switch event {
        case .opened:
            heard()
            return .opened
        case .applied(let object):
            handler(.applied(object))
            heard("applied")
            return .object(resourceVersion: object.metadata.resourceVersion)
        case .deleted(let object):
            handler(.deleted(object))
            heard("deleted")
            return .object(resourceVersion: object.metadata.resourceVersion)
        case .bookmark(let version):
            heard("bookmark")
            return .bookmark(resourceVersion: version)
        case .error(let status):
            heard("error")
            return .error(status)
        case .unknown(let type):
            heard("unknown")
            log.warning("a watch event of unknown type is skipped", ["resource": Object.plural, "type": type])
            return .unknown
        }
    }

    /// Records contact with the API server, and an event of this type, if any.
    private func heard(_ type: String? = nil) {
        let now = clock.now()
        state.withLock { state in
            state.lastContact = now
            if let type { state.events[type, default: 0] += 1 }
        }
    }

    private func report(on machine: inout ReflectorMachine) {
        state.withLock { state in
            state.problem = machine.problem
            if state.restarts != machine.restarts { state.restarts = machine.restarts }
        }
        for notice in machine.drainNotices() { write(notice) }
    }

    private func write(_ notice: ReflectorNotice) {
        switch notice {
        case .failing(.status(let status)) where isOptional && status.code == 403:
            log.warning(
                "no permission to list or watch: continuing without it, retrying every minute",
                ["resource": Object.plural, "reason": status])
        case .failing(let error):
            log.warning(
                "listing or watching fails and is retried; the last known state stays in use",
                ["resource": Object.plural, "reason": error])
        case .recovered:
            log.info("listing and watching work again", ["resource": Object.plural])
        }
    }
}
