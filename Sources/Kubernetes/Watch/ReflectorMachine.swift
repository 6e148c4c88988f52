package import Platform

/// List, then watch, for ever: client-go's reflector as a pure state machine, with kube-rs' choice to reopen a broken watch
/// where it stopped instead of listing again.
///
/// Lists again only when the version is too old (410), an event cannot be understood, the server refuses the watch for
/// good, or the version may belong to a past that the server no longer knows (a restored etcd). It never watches from no version, so
/// that the server never sends all objects as if they were new.
package struct ReflectorMachine: Sendable {
    /// What the shell must do now.
    package indirect enum Action: Hashable, Sendable {
        /// Read a page; without continuation it is the first of a new list.
        case list(ListRequest)
        /// Hand the collected pages to the handler.
        case replace
        /// Open a watch.
        case watch(WatchRequest)
        /// Wait, then go on with what `resumed` says.
        case pause(Duration)
    }

    /// What an event says about where the stream is.
    package enum Sighting: Hashable, Sendable {
        /// The server has accepted the watch.
        case opened
        /// An object of this version, changed or deleted.
        case object(resourceVersion: String)
        /// A bookmark.
        case bookmark(resourceVersion: String)
        /// An error: the stream is over.
        case error(Status)
        /// An event of unknown kind.
        case unknown
    }

    private struct Watch {
        let start: Instant
        var isOpen = false
        var events = 0
        var error: Status?
    }

    /// Objects on one page of a list (client-go's).
    package static let pageSize = 500
    /// A watch that ends sooner and brings nothing is a failure (client-go's).
    private static let shortestWatch = Duration.seconds(1)
    /// So many refusals in a row, with no event between, and the version is given up.
    private static let refusalsBeforeRelisting = 5

    /// How long a resource that we can do without, and may not read, is left alone.
    private static let forbiddenPause = Duration.seconds(60)

    /// The longest watch that is asked for.
    package static let longestWatch = Duration.seconds(300)

    private let isOptional: Bool
    private var version = ""
    private var isContinuing = false
    private var listed = Instant.distantPast
    private var current: Watch?
    private var afterPause = Action.list(ListRequest(limit: pageSize))
    private var backoff = Backoff()
    private var refusals = 0
    /// Set when the connection broke: the server that answers next may have lost this version, and would then be silent.
    private var isVersionInDoubt = false
    /// Why it fails now; nil when all is well.
    package private(set) var problem: KubernetesError?
    /// Whether the problem came after the server had accepted the watch: then that alone is no recovery.
    private var isProblemOfOpenWatch = false
    private var notices: [ReflectorNotice] = []
    /// How often listing or watching ended, by reason.
    package private(set) var restarts: [String: UInt64] = [:]

    /// A machine that has read nothing.
    ///
    /// - Parameter isOptional: a resource that the process can do without is tried once a minute while it is forbidden.
    package init(isOptional: Bool = false) {
        self.isOptional = isOptional
    }

    /// The first action, and the one after a pause.
    package mutating func resumed() -> Action {
        afterPause
    }

    /// What happened since the last call and is worth a log line: each failure once, until it changes or ends.
    package mutating func takeNotices() -> [ReflectorNotice] {
        defer { notices = [] }
        return notices
    }

    /// A page was read.
    package mutating func listed(resourceVersion: String, continuation: String?) -> Action {
        if !isContinuing { version = resourceVersion }
        isContinuing = continuation != nil
        guard let continuation else { return .replace }
        return .list(ListRequest(limit: Self.pageSize, continuation: continuation))
    }

    /// A page could not be read.
    package mutating func listFailed(_ error: KubernetesError, now: Instant, fraction: Double) -> Action {
        count(error)
        let wasContinuing = isContinuing
        isContinuing = false
        if wasContinuing, case .status(let status) = error, status.isExpired {
            // The snapshot was compacted away while it was read: read it in one piece.
            return .list(ListRequest(limit: nil))
        }
        return pause(after: error, then: list, now: now, fraction: fraction)
    }

    /// The list was handed over.
    package mutating func replaced(now: Instant, fraction: Double) -> Action {
        listed = now
        refusals = 0
        isVersionInDoubt = false
        recovered()
        return watch(fraction)
    }

    /// A watch was opened.
    package mutating func opened(now: Instant) {
        current = Watch(start: now)
    }

    /// An event came; returns whether the watch goes on.
    package mutating func saw(_ sighting: Sighting) -> Bool {
        switch sighting {
        case .opened:
            current?.isOpen = true
            if !isProblemOfOpenWatch { recovered() }
            return true
        case .object(let resourceVersion), .bookmark(let resourceVersion):
            if !resourceVersion.isEmpty { version = resourceVersion }
            current?.isOpen = true
            current?.events += 1
            refusals = 0
            isVersionInDoubt = false
            recovered()
            return true
        case .error(let status):
            current?.isOpen = true
            current?.error = status
            return false
        case .unknown:
            return true
        }
    }

    /// The watch ended: orderly (nil), or broken.
    package mutating func ended(_ error: KubernetesError?, now: Instant, fraction: Double) -> Action {
        let watch = current ?? Watch(start: now)
        current = nil
        isProblemOfOpenWatch = watch.isOpen
        let error = watch.error.map { .status($0) } ?? error
        count(error)
        switch error {
        case nil:
            return endedOrderly(watch, now: now, fraction: fraction)
        case .status(let status)? where status.isExpired:
            // Ordinary, but not in a loop: a list that is too old at once is a failure of the server.
            guard now - listed < Self.shortestWatch else { return list }
            return pause(after: .status(status), then: list, now: now, fraction: fraction)
        case .status(let status)? where status.code == 429:
            // To list again would be more work for a server that has too much.
            return pause(after: .status(status), then: self.watch(fraction), now: now, fraction: fraction)
        case .status(let status)? where status.isTransient || status.code == 401 || status.code == 403:
            refusals += 1
            isVersionInDoubt = true
            let next = refusals < Self.refusalsBeforeRelisting ? self.watch(fraction) : list
            return pause(after: .status(status), then: next, now: now, fraction: fraction)
        case .transport(let reason)?:
            isVersionInDoubt = true
            // What lies between may end a connection at any time; it is news only if the watch cannot be opened again.
            let isOrdinary = watch.isOpen && now - watch.start >= Self.shortestWatch
            if isOrdinary { return pause(then: self.watch(fraction), now: now, fraction: fraction) }
            return pause(after: .transport(reason), then: self.watch(fraction), now: now, fraction: fraction)
        case let error?:
            return pause(after: error, then: list, now: now, fraction: fraction)
        }
    }

    private mutating func endedOrderly(_ watch: Watch, now: Instant, fraction: Double) -> Action {
        let isShort = now - watch.start < Self.shortestWatch
        if isShort, watch.events == 0 {
            let error = KubernetesError.transport("a watch ended at once and brought nothing")
            return pause(after: error, then: self.watch(fraction), now: now, fraction: fraction)
        }
        recovered()
        if isShort { return pause(then: self.watch(fraction), now: now, fraction: fraction) }
        return isVersionInDoubt ? list : self.watch(fraction)
    }

    private var list: Action {
        .list(ListRequest(limit: Self.pageSize))
    }

    /// Between 240 and 300 s, so that many replicas do not come back at once, and a dead connection is noticed in minutes.
    private func watch(_ fraction: Double) -> Action {
        .watch(WatchRequest(resourceVersion: version, timeoutSeconds: 240 + Int(fraction * 61)))
    }

    private mutating func pause(
        after error: KubernetesError, then next: Action, now: Instant, fraction: Double
    ) -> Action {
        if error != problem {
            problem = error
            notices.append(.failing(error))
        }
        guard case .status(let status) = error else { return pause(then: next, now: now, fraction: fraction) }
        if isOptional, status.code == 403 {
            afterPause = list
            return .pause(Self.forbiddenPause)
        }
        return pause(then: next, atLeast: status.retryAfterSeconds ?? 0, now: now, fraction: fraction)
    }

    private mutating func pause(then next: Action, atLeast seconds: Int = 0, now: Instant, fraction: Double) -> Action {
        afterPause = next
        return .pause(max(backoff.pause(now: now, fraction: fraction), .seconds(min(seconds, 60))))
    }

    private mutating func count(_ error: KubernetesError?) {
        let reason =
            switch error {
            case nil: "ended"
            case .status(let status) where status.isExpired: "expired"
            case .status, .configuration: "refused"
            case .transport: "transport"
            case .malformed: "malformed"
            }
        restarts[reason, default: 0] += 1
    }

    private mutating func recovered() {
        guard problem != nil else { return }
        problem = nil
        notices.append(.recovered)
    }
}

/// What happened to a reflector and is worth a log line.
package enum ReflectorNotice: Hashable, Sendable {
    /// Listing or watching fails, in a way that was not reported yet.
    case failing(KubernetesError)
    /// It works again.
    case recovered
}
