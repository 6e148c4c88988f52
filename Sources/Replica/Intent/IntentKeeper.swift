import CheckModel
import ClusterChecks
import JSON
import Kubernetes
import Leadership
import Platform
import Synchronization

/// What became of what an operator wants.
enum IntentOutcome: Sendable {
    /// It counts, in this term; whether it is kept when all replicas stop.
    case done(IntentDecision, Term, isKept: Bool)
    /// It cannot be.
    case refused(ClusterChecksError)
    /// It could not be kept, and nothing changed: why.
    case notKept(String)
}

/// Carries out what operators want: one command after the other, each kept before it counts, so that no restart undoes
/// what an operator was told.
final class IntentKeeper: Sendable {
    private struct Order: Sendable {
        let command: IntentCommand
        let completion: @Sendable (IntentOutcome) -> Void
    }

    private struct State {
        var orders: [Order] = []
        /// The version under which the intent is kept, as far as is known.
        var version: String?
        /// How often it was written: a reading that began before a write is stale.
        var writes = 0
        var warnedAt = Instant.distantPast
        var isClosed = false
    }

    /// How many commands may wait.
    private static let limit = 64
    private static let patience: Duration = .seconds(5)

    private let store: (any KeptText)?
    private let clock: any Clock
    private let log: Log
    private let handler = Mutex<Handler?>(nil)
    private let state = Mutex(State())
    private let nudges = Watched<Void>(())

    /// - Parameter store: where the intent is kept; nil if it lasts only as long as a replica runs.
    init(store: (any KeptText)?, clock: any Clock, log: Log) {
        self.store = store
        self.clock = clock
        self.log = log.named("intent")
    }

    /// The Handler is made after this, which tells it what is kept.
    func set(_ handler: Handler) { self.handler.withLock { $0 = handler } }

    /// What is kept, for a replica that begins to lead.
    func kept() async -> KeptIntent {
        guard let store else { return .nowhere }
        let writes = state.withLock { $0.writes }
        do throws(KubernetesError) {
            let text = try await store.read(deadline: clock.now() + Self.patience)
            let kept = text.map { parsed($0.text) } ?? .nothing
            return state.withLock { state in
                // A command was kept meanwhile: read again.
                guard state.writes == writes else { return .unreadable }
                // What cannot be read is not overwritten either.
                if case .kept = kept { state.version = text?.version } else if text == nil { state.version = nil }
                return kept
            }
        } catch {
            // Without the permission it will not be readable later, either.
            let isForbidden = if case .status(let status) = error { status.code == 403 } else { false }
            let now = clock.now()
            let isDue = state.withLock { state in
                guard now - state.warnedAt >= .seconds(60) else { return false }
                state.warnedAt = now
                return true
            }
            if isDue {
                log.warning(
                    "what operators want cannot be read: until it can be, no check is placed anew", ["reason": error])
            }
            return isForbidden ? .nowhere : .unreadable
        }
    }

    private func parsed(_ text: String) -> KeptIntent {
        do {
            return .kept(try OperatorIntent(try JSONValue(parsing: text)))
        } catch {
            log.error(
                "what operators want is kept in a form that cannot be read: none of it counts until it is mended",
                ["reason": "\(error)"])
            return .nothing
        }
    }

    /// Carries out a command, then calls `completion` once, on any thread.
    func carryOut(_ command: IntentCommand, completion: @escaping @Sendable (IntentOutcome) -> Void) {
        let isTaken = state.withLock { state in
            guard !state.isClosed, state.orders.count < Self.limit else { return false }
            state.orders.append(Order(command: command, completion: completion))
            return true
        }
        guard isTaken else { return completion(.notKept("too many commands wait, or this replica stops")) }
        nudges.set(())
    }

    /// Carries out commands one at a time, until cancelled.
    func run() async {
        while !Task.isCancelled {
            let seen = nudges.current.version
            let next = state.withLock { $0.orders.isEmpty ? nil : $0.orders.removeFirst() }
            guard let next else {
                _ = try? await nudges.next(after: seen)
                continue
            }
            next.completion(await outcome(of: next.command))
        }
    }

    /// Answers the commands that wait; none is taken after that.
    func close() {
        let orders = state.withLock { state in
            defer { (state.orders, state.isClosed) = ([], true) }
            return state.orders
        }
        for order in orders { order.completion(.notKept("this replica stops")) }
    }

    private func outcome(of command: IntentCommand) async -> IntentOutcome {
        guard let handler = handler.withLock({ $0 }) else { return .refused(.startingUp) }
        // Once more if another replica has written in between: it may have led a moment ago.
        for isLast in [false, true] {
            do throws(ClusterChecksError) {
                let decision = try handler.decide(command)
                if let failure = await keep(decision.intent) {
                    if !isLast, case .status(let status) = failure, status.code == 409 {
                        if case .kept(let newer) = await kept() { _ = try handler.adopt(newer) }
                        continue
                    }
                    return .notKept("\(failure)")
                }
                let term = try handler.adopt(decision.intent)
                log.info(
                    "an operator's command was carried out",
                    ["command": command.verb.rawValue, "check": command.check, "node": command.node])
                return .done(decision, term, isKept: store != nil)
            } catch {
                return .refused(error)
            }
        }
        return .notKept("another replica keeps another intent")
    }

    /// - Returns: why it is not kept; nil if it is, or if there is nowhere to keep it.
    private func keep(_ intent: OperatorIntent) async -> KubernetesError? {
        guard let store else { return nil }
        let version = state.withLock { $0.version }
        do throws(KubernetesError) {
            let text = String(decoding: intent.encoded.encoded(), as: UTF8.self)
            let written = try await store.write(text, replacing: version, deadline: clock.now() + Self.patience)
            state.withLock { ($0.version, $0.writes) = (written, $0.writes + 1) }
            return nil
        } catch {
            return error
        }
    }
}
