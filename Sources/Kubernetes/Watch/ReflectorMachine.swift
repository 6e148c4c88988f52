package import Platform

/// List, then watch, for ever: client-go's reflector as a pure state machine, with kube-rs' choice to reopen a broken
/// watch where it stopped instead of listing again.
///
/// It lists again only when the version is too old (410), an event cannot be understood, the server refuses the watch
/// for good, or the version may belong to a past that the server no longer knows (a restored etcd). It never watches
/// from no version, so that the server never sends all objects as if they were new.
///
/// | State | Waits for | Leads to |
/// |---|---|---|
/// | listing | a page | listing (the next page), or replacing (after the last) |
/// | listing | a page, which is too large | listing (the same page, with half as many objects) |
/// | listing | a page, which fails | pausing, then listing; listing in one piece if a later page has expired |
/// | replacing | the handler to have the list | watching, or listing if a new list was asked for meanwhile |
/// | watching | events, and the end of the stream | see below |
/// | pausing | the end of the pause | listing or watching |
///
/// | A watch that | Leads to |
/// |---|---|
/// | ends in order | watching, or listing if the version is in doubt; within a second: pausing, then watching |
/// | breaks (transport) after a second | watching at once: something on the way may cut idle connections |
/// | expires (410) | listing; within a second of the last list: pausing, then listing |
/// | is one request too many (429) | pausing, then watching |
/// | is refused for now (401, 403, 5xx) | pausing, then watching; the fifth time in a row: pausing, then listing |
/// | breaks (transport) before that | pausing, then watching |
/// | fails in any other way | pausing, then listing |
///
/// A broken or refused watch leaves the version in doubt until an event tells a version, or until the next list. So do
/// watches that last as long as a whole one without an event or a bookmark: a server whose etcd was restored from a
/// backup accepts a watch from a version that it does not know yet, and is silent (kubernetes/kubernetes#107457). Where
/// an optional resource has been forbidden (403) for a minute, both pause for a minute and list. One that the server
/// does not have (404), as a custom resource without its definition, has no objects: that is told, and tried again once
/// a minute.
///
/// A new list may be asked for at any time. It ends a watch and is no failure, but it waits for the end of a list under
/// way, and for the end of a pause after a failure.
package struct ReflectorMachine: Sendable {
    /// What the shell must do now. It reports the outcome by the event that the action names.
    package enum Action: Hashable, Sendable {
        /// Read a page, then `listed` or `listFailed`; without continuation it is the first of a new list.
        case list(ListRequest)
        /// Hand the collected pages to the handler, then `replaced`.
        case replace
        /// Tell the handler that there are no objects, since the server has no such resource, then `absenceTold`.
        case tellAbsence
        /// Watch: `handle` each event, then `ended`.
        case watch(WatchRequest)
        /// Sleep, then `resumed`.
        case pause(Duration)
    }

    /// What an event says about the stream.
    package enum StreamEvent: Hashable, Sendable {
        /// The server has accepted the watch.
        case opened
        /// An object of this version, changed or deleted.
        case object(resourceVersion: String)
        /// Nothing else changed up to this version.
        case bookmark(resourceVersion: String)
        /// The server gives up: nothing follows.
        case error(Status)
        /// An event of unknown kind.
        case unknown
    }

    private enum State: Sendable {
        /// Waits for a page. `version` is the version of the list, from its first page; nil before that.
        case listing(ListRequest, version: String?)
        /// Waits for the handler to have the list, or to know that there are no objects.
        case replacing(version: String)
        /// Waits for events, and for the end of the stream.
        case watching(Watch)
        /// Waits for the end of a pause, perhaps one after a failure.
        case pausing(then: Goal, isFailing: Bool)
    }

    /// How far a watch has come.
    private enum Phase: Hashable, Sendable {
        /// The server has not answered.
        case opening
        /// The server has accepted it and told no version.
        case silent
        /// An event told a version.
        case advancing
        /// The server gave up: nothing but the end of the stream follows.
        case closing(Status)
    }

    /// What a pause leads to.
    private enum Goal: Sendable {
        case list
        case watch(Position)
    }

    private struct Watch: Sendable {
        var position: Position
        let start: Instant
        var phase = Phase.opening
    }

    /// Where the watch is in the server's history.
    private struct Position: Sendable {
        /// Whether the server has the version. One that has lost it, as after a restore, accepts a watch from there and
        /// is silent.
        enum Standing: Hashable {
            /// The server told this version.
            case confirmed
            /// The watch broke, or was refused so often in a row: another server may answer next.
            case inDoubt(refusals: Int)
        }

        var version: String
        let listed: Instant
        var standing = Standing.confirmed
        /// How long watches from this version have lasted without telling one.
        var silence = Duration.zero

        /// Whether a whole watch was silent: the server tells the version every minute or so, even if nothing changes.
        var isTooSilent: Bool { silence >= ReflectorMachine.shortestFullWatch }

        mutating func advance(to version: String) {
            if !version.isEmpty { self.version = version }
            standing = .confirmed
            silence = .zero
        }

        mutating func broke() {
            if standing == .confirmed { standing = .inDoubt(refusals: 0) }
        }

        /// Returns how many refusals there were in a row.
        mutating func refused() -> Int {
            var refusals = 1
            if case .inDoubt(let before) = standing { refusals += before }
            standing = .inDoubt(refusals: refusals)
            return refusals
        }
    }

    private struct Failure: Sendable {
        let error: KubernetesError
        /// Whether the server had accepted the watch: then it is no recovery that it accepts the next.
        let cameAfterOpening: Bool
    }

    /// The most objects on one page of a list (client-go's).
    package static let pageSize = 500
    /// After this many pages in a row that were not too large, the next may have twice as many objects.
    private static let pagesBeforeGrowth = 8
    /// A watch that ends sooner, without an event, is a failure (client-go's).
    private static let shortestWatch = Duration.seconds(1)
    /// The shortest watch that is requested.
    private static let shortestFullWatch = Duration.seconds(240)
    /// After this many refusals in a row the version is given up.
    private static let refusalsBeforeRelisting = 5
    /// The pause before an optional resource that is not there, or has been forbidden for so long, is tried again.
    private static let unavailablePause = Duration.seconds(60)
    /// The longest pause that the server may ask for (seconds).
    private static let longestRetryAfter = 60
    /// The longest watch that is requested.
    package static let longestWatch = Duration.seconds(300)

    private let isOptional: Bool
    private var state = State.listing(ListRequest(limit: ReflectorMachine.pageSize), version: nil)
    private var pageSize = ReflectorMachine.pageSize
    private var pagesSinceResizing = 0
    private var backoff = Backoff()
    private var failure: Failure?
    private var notices: [ReflectorNotice] = []
    /// Whether a new list was asked for after this one began.
    private var isOutdated = false
    /// Whether the server has no such resource.
    package private(set) var isAbsent = false
    /// Whether it was there, and the server says now, once, that it is not.
    private var isVanishing = false
    /// Whether a list was read.
    private var hasListed = false
    /// Since when an optional resource is forbidden.
    private var forbiddenSince: Instant?
    /// How often listing or watching ended, by reason.
    package private(set) var restarts: [ExactText: UInt64] = [:]

    /// A machine that has read nothing.
    ///
    /// - Parameter isOptional: a resource that the process can do without is tried once a minute while it is forbidden.
    package init(isOptional: Bool = false) {
        self.isOptional = isOptional
    }

    /// Why it fails now; nil if it does not.
    package var problem: KubernetesError? {
        failure?.error
    }

    /// What happened since the last call and is worth a log line: each failure once, until it changes or ends.
    package mutating func drainNotices() -> [ReflectorNotice] {
        defer { notices = [] }
        return notices
    }

    // MARK: Events

    /// The first action.
    package mutating func start() -> Action {
        list(ListRequest(limit: pageSize))
    }

    /// A page was read.
    package mutating func listed(resourceVersion: String, continuation: String?) -> Action {
        guard case .listing(_, let first) = state else { preconditionFailure("a page without a request") }
        let version = first ?? resourceVersion
        (hasListed, isVanishing) = (true, false)
        if isAbsent {
            isAbsent = false
            notices.append(.appeared)
        }
        pagesSinceResizing += 1
        if pagesSinceResizing == Self.pagesBeforeGrowth { resizePages(to: min(2 * pageSize, Self.pageSize)) }
        guard let continuation else {
            state = .replacing(version: version)
            return .replace
        }
        return list(ListRequest(limit: pageSize, continuation: continuation), version: version)
    }

    /// A page could not be read.
    package mutating func listFailed(_ error: KubernetesError, now: Instant, fraction: Double) -> Action {
        guard case .listing(let request, let version) = state else { preconditionFailure("a page without a request") }
        if case .answerTooLarge = error, let limit = request.limit, limit > 1 {
            resizePages(to: limit / 2)
            return list(ListRequest(limit: pageSize, continuation: request.continuation), version: version)
        }
        count(error)
        if isOptional, case .status(let status) = error, status.code == 404 {
            // What was there is not given up because of one answer: something on the way may have given it.
            if hasListed, !isVanishing, !isAbsent {
                isVanishing = true
                return pause(after: error, then: .list, now: now, fraction: fraction)
            }
            if !isAbsent { notices.append(.absent) }
            (isAbsent, failure) = (true, nil)
            state = .replacing(version: "")
            return .tellAbsence
        }
        if version != nil, case .status(let status) = error, status.isExpired {
            // The snapshot was compacted away while it was read: read it in one piece.
            return list(ListRequest(limit: nil))
        }
        return pause(after: error, then: .list, now: now, fraction: fraction)
    }

    /// The handler has the list.
    package mutating func replaced(now: Instant, fraction: Double) -> Action {
        guard case .replacing(let version) = state else { preconditionFailure("no list is complete") }
        recovered()
        guard !isOutdated else { return listAsRequested() }
        return begin(.watch(Position(version: version, listed: now)), now: now, fraction: fraction)
    }

    /// The handler knows that there are no objects.
    package mutating func absenceTold() -> Action {
        guard !isOutdated else { return listAsRequested() }
        // No failure: when a new list is asked for, it is tried at once.
        state = .pausing(then: .list, isFailing: false)
        return .pause(Self.unavailablePause)
    }

    /// An event came on the watch; returns whether to go on reading.
    package mutating func handle(_ event: StreamEvent) -> Bool {
        guard case .watching(var watch) = state else { preconditionFailure("an event without a watch") }
        defer { state = .watching(watch) }
        switch event {
        case .opened:
            watch.phase = .silent
            if failure?.cameAfterOpening == false { recovered() }
            return true
        case .object(let resourceVersion), .bookmark(let resourceVersion):
            watch.phase = .advancing
            watch.position.advance(to: resourceVersion)
            recovered()
            return true
        case .error(let status):
            watch.phase = .closing(status)
            return false
        case .unknown:
            return true
        }
    }

    /// The stream is over: it ended in order (nil), or it broke or was refused.
    package mutating func ended(_ error: KubernetesError?, now: Instant, fraction: Double) -> Action {
        guard case .watching(var watch) = state else { preconditionFailure("the end of a watch that is not open") }
        if watch.phase == .silent { watch.position.silence += now - watch.start }
        switch watch.phase {
        case .opening, .silent, .advancing:
            count(error)
            guard let error else { return endedInOrder(watch, now: now, fraction: fraction) }
            return failed(error, watch, now: now, fraction: fraction)
        case .closing(let status):
            count(.status(status))
            return failed(.status(status), watch, now: now, fraction: fraction)
        }
    }

    /// The pause is over.
    package mutating func resumed(now: Instant, fraction: Double) -> Action {
        guard case .pausing(let goal, _) = state else { preconditionFailure("the end of a pause that did not begin") }
        return begin(goal, now: now, fraction: fraction)
    }

    /// A new list is asked for: before an action begins, or while a watch or a pause is under way.
    ///
    /// - Returns: what to do instead of that action, which is ended if it has begun; nil: to do it, or to go on with
    ///   it.
    package mutating func readAnew() -> Action? {
        switch state {
        case .listing(let request, _) where request.continuation == nil:
            // A new list is about to begin.
            return nil
        case .listing, .replacing:
            isOutdated = true
            return nil
        case .watching:
            return listAsRequested()
        case .pausing(_, isFailing: true):
            state = .pausing(then: .list, isFailing: true)
            return nil
        case .pausing(_, isFailing: false):
            return list(ListRequest(limit: pageSize))
        }
    }
}

extension ReflectorMachine {
    private mutating func endedInOrder(_ watch: Watch, now: Instant, fraction: Double) -> Action {
        let again = Goal.watch(watch.position)
        let isShort = now - watch.start < Self.shortestWatch
        if isShort, watch.phase != .advancing {
            let error = KubernetesError.transport("a watch ended within a second, without an event")
            return pause(after: error, of: watch, then: again, now: now, fraction: fraction)
        }
        recovered()
        if isShort {
            state = .pausing(then: again, isFailing: false)
            return pause(now: now, fraction: fraction)
        }
        let isInDoubt = watch.position.standing != .confirmed || watch.position.isTooSilent
        return begin(isInDoubt ? .list : again, now: now, fraction: fraction)
    }

    private mutating func failed(
        _ error: KubernetesError, _ watch: Watch, now: Instant, fraction: Double
    ) -> Action {
        var position = watch.position
        let goal: Goal
        switch error {
        case .status(let status) where status.isExpired:
            // Ordinary, but not in a loop: a list that is too old at once is a failure of the server.
            guard now - position.listed < Self.shortestWatch else { return begin(.list, now: now, fraction: fraction) }
            goal = .list
        case .status(let status) where status.code == 429:
            // To list again would be more work for a server that has too much.
            goal = .watch(position)
        case .status(let status) where status.isTransient || status.code == 401 || status.code == 403:
            goal = position.refused() < Self.refusalsBeforeRelisting ? .watch(position) : .list
        case .transport:
            position.broke()
            // What lies between may end a connection at any time; it is news only if the watch cannot be opened again.
            if watch.phase != .opening, now - watch.start >= Self.shortestWatch {
                recovered()
                backoff = Backoff()
                return begin(position.isTooSilent ? .list : .watch(position), now: now, fraction: fraction)
            }
            goal = .watch(position)
        case .status, .configuration, .malformed, .answerTooLarge, .requestTooLarge:
            goal = .list
        }
        return pause(after: error, of: watch, then: goal, now: now, fraction: fraction)
    }

    // MARK: What to do next

    private mutating func begin(_ goal: Goal, now: Instant, fraction: Double) -> Action {
        switch goal {
        case .list:
            return list(ListRequest(limit: pageSize))
        case .watch(let position):
            state = .watching(Watch(position: position, start: now))
            // Between 240 and 300 s: many replicas do not come back at once, and a dead connection is noticed in
            // minutes.
            let seconds = Int(Self.shortestFullWatch.seconds) + Int(fraction * 61)
            return .watch(WatchRequest(resourceVersion: position.version, timeoutSeconds: seconds))
        }
    }

    /// Ends a watch, or a list that is complete, for a new list.
    private mutating func listAsRequested() -> Action {
        restarts["requested", default: 0] += 1
        return list(ListRequest(limit: pageSize))
    }

    private mutating func list(_ request: ListRequest, version: String? = nil) -> Action {
        if request.continuation == nil { isOutdated = false }
        state = .listing(request, version: version)
        return .list(request)
    }

    private mutating func resizePages(to size: Int) {
        pageSize = size
        pagesSinceResizing = 0
    }

    private mutating func pause(
        after error: KubernetesError, of watch: Watch? = nil, then goal: Goal, now: Instant, fraction: Double
    ) -> Action {
        if error != problem { notices.append(.failing(error)) }
        failure = Failure(error: error, cameAfterOpening: watch.map { $0.phase != .opening } ?? false)
        var seconds = 0
        if case .status(let status) = error {
            if isOptional, status.code == 403 {
                // An API server that has just started forbids everything for a moment.
                let since = forbiddenSince ?? now
                forbiddenSince = since
                state = .pausing(then: .list, isFailing: true)
                return now - since < Self.unavailablePause
                    ? pause(now: now, fraction: fraction) : .pause(Self.unavailablePause)
            }
            seconds = status.retryAfterSeconds ?? 0
        }
        state = .pausing(then: goal, isFailing: true)
        return pause(atLeast: seconds, now: now, fraction: fraction)
    }

    private mutating func pause(atLeast seconds: Int = 0, now: Instant, fraction: Double) -> Action {
        let asked = Duration.seconds(min(seconds, Self.longestRetryAfter))
        return .pause(max(backoff.pause(now: now, fraction: fraction), asked))
    }

    private mutating func recovered() {
        guard failure != nil else { return }
        (failure, forbiddenSince) = (nil, nil)
        notices.append(.recovered)
    }

    private mutating func count(_ error: KubernetesError?) {
        let reason =
            switch error {
            case nil: "ended"
            case .status(let status) where status.isExpired: "expired"
            case .status, .configuration: "refused"
            case .transport: "transport"
            case .malformed: "malformed"
            case .answerTooLarge, .requestTooLarge: "too_large"
            }
        restarts[reason, default: 0] += 1
    }
}

/// What happened to a reflector and should be logged.
package enum ReflectorNotice: Hashable, Sendable {
    /// Listing or watching fails for a new reason.
    case failing(KubernetesError)
    /// Both work again.
    case recovered
    /// The server has no such resource.
    case absent
    /// It has it now.
    case appeared
}
