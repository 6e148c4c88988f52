package import Platform

/// List, then watch, for ever: client-go's reflector as a pure state machine, with kube-rs' choice to reopen a broken watch
/// where it stopped instead of listing again.
///
/// Lists again only when the version is too old (410), an event cannot be understood, the server refuses the watch for
/// good, or the version may belong to a past that the server no longer knows (a restored etcd).
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
        var events = 0
        var error: Status?
    }

    /// Objects on one page of a list (client-go's).
    package static let pageSize = 500
    /// A watch that ends sooner and brings nothing is a failure (client-go's).
    private static let shortestWatch = Duration.seconds(1)
    /// So many refusals in a row, with no event between, and the version is given up.
    private static let refusalsBeforeRelisting = 5

    private var version = ""
    private var isContinuing = false
    private var listed = Instant.distantPast
    private var current: Watch?
    private var afterPause = Action.list(ListRequest(limit: pageSize))
    private var backoff = Backoff()
    private var refusals = 0
    /// Set when the connection broke: the server that answers next may have lost this version, and would then be silent.
    private var isVersionInDoubt = false
    private var problem: KubernetesError?
    private var notices: [ReflectorNotice] = []

    /// A machine that has read nothing.
    package init() {}

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
        case .object(let resourceVersion), .bookmark(let resourceVersion):
            version = resourceVersion
            current?.events += 1
            refusals = 0
            isVersionInDoubt = false
            recovered()
            return true
        case .error(let status):
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
        switch watch.error.map({ .status($0) }) ?? error {
        case nil:
            return endedOrderly(watch, now: now, fraction: fraction)
        case .status(let status)? where status.isExpired:
            // Ordinary, but not in a loop: a list that is too old at once is a failure of the server.
            guard now - listed < Self.shortestWatch else { return list }
            return pause(after: .status(status), then: list, now: now, fraction: fraction)
        case .status(let status)? where status.isTransient || status.code == 401 || status.code == 403:
            refusals += 1
            isVersionInDoubt = true
            let next = refusals < Self.refusalsBeforeRelisting ? self.watch(fraction) : list
            return pause(after: .status(status), then: next, now: now, fraction: fraction)
        case .transport(let reason)?:
            isVersionInDoubt = true
            return pause(after: .transport(reason), then: self.watch(fraction), now: now, fraction: fraction)
        case let error?:
            return pause(after: error, then: list, now: now, fraction: fraction)
        }
    }

    private mutating func endedOrderly(_ watch: Watch, now: Instant, fraction: Double) -> Action {
        if watch.events == 0, now - watch.start < Self.shortestWatch {
            let error = KubernetesError.transport("a watch ended at once and brought nothing")
            return pause(after: error, then: self.watch(fraction), now: now, fraction: fraction)
        }
        recovered()
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
        afterPause = next
        var pause = backoff.pause(now: now, fraction: fraction)
        if case .status(let status) = error, let seconds = status.retryAfterSeconds {
            pause = max(pause, min(.seconds(seconds), .seconds(60)))
        }
        return .pause(pause)
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
