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
    ///
    /// `begun` is the instant right before its first page was asked for: it shows the objects as they were then, or
    /// later.
    case replaced([Object], begun: Instant)
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

    /// What `run` keeps from one action to the next.
    private struct Course {
        var machine: ReflectorMachine
        /// The version of the newest request for a new list that the machine knows of.
        var request: UInt64
        /// When the list began.
        private(set) var begun = Instant.distantPast
        /// The objects of the list that were not passed on yet.
        var collected: [Object] = []
        /// Whether no page of the list was passed on yet.
        var isFirstPage = true

        init(_ machine: ReflectorMachine, request: UInt64) {
            self.machine = machine
            self.request = request
        }

        mutating func beginList(at now: Instant) {
            (begun, collected, isFirstPage) = (now, [], true)
        }
    }

    /// How a watch ended: in order, or with a failure.
    private struct WatchEnd {
        var machine: ReflectorMachine
        var failure: KubernetesError?
    }

    private let source: any ListWatchSource<Object>
    private let isOptional: Bool
    private let clock: any Clock
    private let entropy: any Entropy
    private let log: Log
    private let onPage: (@Sendable (ReflectorPage<Object>) -> Void)?
    private let onForbidden: (@Sendable (Instant) -> Void)?
    private let handler: @Sendable (ReflectorEvent<Object>) -> Void

    /// Whether the handler has received the whole list once. Never becomes false again.
    package let synced = Watched<Bool>(false)

    /// Changes when a new list is asked for.
    private let requests = Watched<Void>(())
    private let state: Mutex<ResourceReport>

    /// A reflector that does nothing until `run`.
    ///
    /// - Parameters:
    ///   - isOptional: whether the process can do without this resource: if it is forbidden, or the server does not
    ///     have it, that is logged once and tried again every minute.
    ///   - onPage: gets each page of a list but the last as soon as it is read, so that a long list of large objects is
    ///     never kept whole; `replaced` then has the objects of the last page only, and those of all pages since the
    ///     first one of this list exist too. Nil to get whole lists.
    ///   - onForbidden: called each time that a list of an optional resource is forbidden, with the instant at which it
    ///     began.
    ///   - handler: called from the task of `run` or a child of it, one event after the other; it must not block for
    ///     long.
    package init(
        source: any ListWatchSource<Object>, isOptional: Bool = false, clock: any Clock, entropy: any Entropy, log: Log,
        onPage: (@Sendable (ReflectorPage<Object>) -> Void)? = nil,
        onForbidden: (@Sendable (Instant) -> Void)? = nil,
        handler: @escaping @Sendable (ReflectorEvent<Object>) -> Void
    ) {
        self.source = source
        self.isOptional = isOptional
        self.clock = clock
        self.entropy = entropy
        self.log = log.named("reflector")
        self.onPage = onPage
        self.onForbidden = onForbidden
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
        var course = Course(ReflectorMachine(isOptional: isOptional), request: requests.current.version)
        var action = course.machine.start()
        while !Task.isCancelled {
            let now = clock.now()
            state.withLock { $0.lastAttempt = now }
            if let instead = takeRequest(&course) { action = instead }
            switch action {
            case .list(let request): action = await list(request, &course)
            case .replace: action = replace(&course)
            case .tellAbsence: action = tellAbsence(&course)
            case .watch(let request): action = await watch(request, &course)
            case .pause(let duration): action = await pause(until: now + duration, &course)
            }
            if !Task.isCancelled { report(on: &course.machine) }
        }
    }

    /// Asks for a new whole list, although the watch is fine: see `ResourceWatch`.
    package func readAnew() {
        requests.set(())
    }

    /// Tells the machine if a new list was asked for.
    ///
    /// - Returns: what to do instead of the action that is about to begin or under way, if anything.
    private func takeRequest(_ course: inout Course) -> ReflectorMachine.Action? {
        let newest = requests.current.version
        guard newest != course.request else { return nil }
        course.request = newest
        return course.machine.readAnew()
    }

    private func list(_ request: ListRequest, _ course: inout Course) async -> ReflectorMachine.Action {
        if request.continuation == nil {
            // Pages of a list that was given up.
            if !course.isFirstPage { onPage?(ReflectorPage([], isFirst: true)) }
            course.beginList(at: clock.now())
        }
        let action = await read(request, &course)
        if let onPage, case .list(let next) = action, next.continuation != nil, !course.collected.isEmpty {
            onPage(ReflectorPage(course.collected, isFirst: course.isFirstPage))
            (course.collected, course.isFirstPage) = ([], false)
        }
        return action
    }

    private func read(_ request: ListRequest, _ course: inout Course) async -> ReflectorMachine.Action {
        do throws(KubernetesError) {
            let page = try await source.list(request, deadline: clock.now() + Self.listTimeout)
            heard()
            course.collected += page.items
            return course.machine.listed(resourceVersion: page.resourceVersion, continuation: page.continuation)
        } catch {
            if isOptional, case .status(let status) = error, status.code == 403 { onForbidden?(course.begun) }
            return course.machine.listFailed(error, now: clock.now(), fraction: entropy.fraction())
        }
    }

    private func replace(_ course: inout Course) -> ReflectorMachine.Action {
        handOver(course.collected, &course)
        return course.machine.replaced(now: clock.now(), fraction: entropy.fraction())
    }

    private func tellAbsence(_ course: inout Course) -> ReflectorMachine.Action {
        handOver([], &course)
        return course.machine.absenceTold()
    }

    private func handOver(_ objects: [Object], _ course: inout Course) {
        handler(.replaced(objects, begun: course.begun))
        (course.collected, course.isFirstPage) = ([], true)
        state.withLock { $0.isSynced = true }
        if !synced.value { synced.set(true) }
    }

    /// Watches in a task of its own, which a request for a new list cancels.
    private func watch(_ request: WatchRequest, _ course: inout Course) async -> ReflectorMachine.Action {
        let (machine, seen) = (course.machine, course.request)
        let (end, isInterrupted) = await withTaskGroup(of: WatchEnd?.self) { group in
            group.addTask { await self.watch(request, machine) }
            group.addTask {
                _ = try? await self.requests.next(after: seen)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            let second = await group.next() ?? nil
            return (first ?? second ?? WatchEnd(machine: machine), first == nil)
        }
        course.machine = end.machine
        // How a watch ends that was cut off says nothing.
        if isInterrupted, let action = takeRequest(&course) { return action }
        return course.machine.ended(end.failure, now: clock.now(), fraction: entropy.fraction())
    }

    private func watch(_ request: WatchRequest, _ machine: ReflectorMachine) async -> WatchEnd {
        let deadline = clock.now() + .seconds(request.timeoutSeconds) + Self.watchGrace
        var end = WatchEnd(machine: machine)
        do throws(KubernetesError) {
            try await source.watch(request, deadline: deadline) { event in
                let goesOn = end.machine.handle(deliver(event))
                report(on: &end.machine)
                return goesOn
            }
            heard()
        } catch {
            end.failure = error
        }
        return end
    }

    private func pause(until end: Instant, _ course: inout Course) async -> ReflectorMachine.Action {
        while clock.now() < end, !Task.isCancelled {
            await requests.change(after: course.request, until: end, clock: clock)
            if let action = takeRequest(&course) { return action }
        }
        return course.machine.resumed(now: clock.now(), fraction: entropy.fraction())
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
            state.isAbsent = machine.isAbsent
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
        case .absent:
            log.info(
                "the cluster has no such resource: continuing without it, looking every minute",
                ["resource": Object.plural])
        case .appeared:
            log.info("the cluster has the resource now", ["resource": Object.plural])
        }
    }
}
