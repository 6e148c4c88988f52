package import Platform

/// What a reflector tells its handler.
package enum ReflectorEvent<Object: Sendable>: Sendable {
    /// All objects there are: those that are not among them are gone. An object of the same name may be another one: compare
    /// the uid.
    case replaced([Object])
    /// The object is new or changed.
    case applied(Object)
    /// The object is gone; its last state.
    case deleted(Object)
}

/// Keeps a handler informed of all objects of one type, by list and watch, for as long as `run` runs.
///
/// While the API server cannot be reached the handler hears nothing: what it knows stays the newest that is known.
package final class Reflector<Object: KubernetesObject>: Sendable {
    private static var listTimeout: Duration { .seconds(60) }
    /// How much longer than the server's own limit a watch may take before it is given up as dead.
    private static var watchGrace: Duration { .seconds(30) }

    private let source: any ListWatchSource<Object>
    private let clock: any Clock
    private let entropy: any Entropy
    private let log: Log
    private let handler: @Sendable (ReflectorEvent<Object>) -> Void

    /// Whether the handler was given all objects once. Never goes back to false.
    package let synced = Watched<Bool>(false)

    /// A reflector that does nothing until `run`.
    ///
    /// - Parameter handler: called from the task of `run`, one event after the other; it must not block for long.
    package init(
        source: any ListWatchSource<Object>, clock: any Clock, entropy: any Entropy, log: Log,
        handler: @escaping @Sendable (ReflectorEvent<Object>) -> Void
    ) {
        self.source = source
        self.clock = clock
        self.entropy = entropy
        self.log = log.named("reflector")
        self.handler = handler
    }

    /// Lists and watches until the task is cancelled. Call it once.
    package func run() async {
        var machine = ReflectorMachine()
        var collected: [Object] = []
        var action = machine.resumed()
        while !Task.isCancelled {
            switch action {
            case .pause(let duration):
                try? await clock.sleep(until: clock.now() + duration)
                action = machine.resumed()
            case .list(let request):
                if request.continuation == nil { collected = [] }
                action = await list(request, &machine, &collected)
            case .replace:
                handler(.replaced(collected))
                collected = []
                if !synced.value { synced.set(true) }
                action = machine.replaced(now: clock.now(), fraction: entropy.fraction())
            case .watch(let request):
                action = await watch(request, &machine)
            }
            for notice in machine.takeNotices() where !Task.isCancelled { write(notice) }
        }
    }

    private func list(
        _ request: ListRequest, _ machine: inout ReflectorMachine, _ collected: inout [Object]
    ) async -> ReflectorMachine.Action {
        do throws(KubernetesError) {
            let page = try await source.list(request, deadline: clock.now() + Self.listTimeout)
            collected += page.items
            return machine.listed(resourceVersion: page.resourceVersion, continuation: page.continuation)
        } catch {
            return machine.listFailed(error, now: clock.now(), fraction: entropy.fraction())
        }
    }

    private func watch(_ request: WatchRequest, _ machine: inout ReflectorMachine) async -> ReflectorMachine.Action {
        let start = clock.now()
        let deadline = start + .seconds(request.timeoutSeconds) + Self.watchGrace
        machine.opened(now: start)
        var failure: KubernetesError?
        do throws(KubernetesError) {
            try await source.watch(request, deadline: deadline) { event in
                deliver(event)
                let goesOn = machine.saw(Self.sighting(of: event))
                for notice in machine.takeNotices() { write(notice) }
                return goesOn
            }
        } catch {
            failure = error
        }
        return machine.ended(failure, now: clock.now(), fraction: entropy.fraction())
    }

    private func deliver(_ event: WatchEvent<Object>) {
        switch event {
        case .applied(let object): handler(.applied(object))
        case .deleted(let object): handler(.deleted(object))
        case .bookmark, .error: break
        case .unknown(let type):
            log.warning("a watch event of unknown type is skipped", ["resource": Object.plural, "type": type])
        }
    }

    private static func sighting(of event: WatchEvent<Object>) -> ReflectorMachine.Sighting {
        switch event {
        case .applied(let object), .deleted(let object): .object(resourceVersion: object.metadata.resourceVersion)
        case .bookmark(let version): .bookmark(resourceVersion: version)
        case .error(let status): .error(status)
        case .unknown: .unknown
        }
    }

    private func write(_ notice: ReflectorNotice) {
        switch notice {
        case .failing(let error):
            log.warning(
                "listing or watching fails and is tried again; what is known stays",
                ["resource": Object.plural, "reason": error])
        case .recovered:
            log.info("listing and watching work again", ["resource": Object.plural])
        }
    }
}
