import AutoConf
import Kubernetes
import Platform

/// The ClusterChecks as they are stored, and those of them whose status may have to be written, in the order in which
/// they were marked.
struct StatusQueue {
    /// A ClusterCheck as it is stored.
    struct Stored {
        let namespace: String
        let name: String
        let uid: String
        let generation: Int64
        /// As it was read, or as this replica has written it since.
        fileprivate(set) var status: ClusterCheckStatus
    }

    private var stored: [ExactText: Stored] = [:]
    /// Those of the list that is being read, so far.
    private var listed: Set<ExactText> = []
    private var queue: [(source: ExactText, due: Instant)] = []
    /// The index of the first one in the queue.
    private var head = 0
    private var marked: Set<ExactText> = []
    /// Those whose status could not be written, how often in a row, and when their turn comes again.
    private var failing: [ExactText: (failures: Int, due: Instant)] = [:]
    /// The generations whose status the API server refused: the same would be refused again.
    private var refused: [ExactText: Int64] = [:]
    /// Whether this replica leads. Another one marks none.
    private var isLeading = false

    /// The sources of all ClusterChecks.
    var sources: [ExactText] { Array(stored.keys) }

    /// The pauses after the first failure of one, and after many.
    private static let (firstPause, longestPause) = (Duration.seconds(1), Duration.seconds(300))

    /// How many are marked, or failing.
    var count: Int { marked.count + failing.count }

    /// Whether any could not be written.
    var hasFailing: Bool { !failing.isEmpty }

    /// When the turn of the next one comes; nil if there is none.
    var nextDue: Instant? {
        let due = failing.values.map(\.due) + (head < queue.count ? [queue[head].due] : [])
        return due.min()
    }

    /// From now on this replica leads.
    mutating func startLeading() {
        isLeading = true
        refused = [:]
    }

    /// From now on another one writes, and what is marked is forgotten.
    mutating func stopLeading() {
        (isLeading, queue, head, marked, failing) = (false, [], 0, [], [:])
    }

    /// Marks a ClusterCheck, if it is known: its turn comes at `due`, or after those that were marked before.
    mutating func mark(_ source: ExactText, _ due: Instant) {
        guard isLeading, stored[source] != nil, marked.insert(source).inserted else { return }
        queue.append((source, due))
    }

    /// Takes a ClusterCheck as it is stored now, and marks it.
    mutating func take(_ check: ClusterCheck, _ due: Instant) {
        let source = ExactText(check.source)
        if let generation = refused[source], generation != check.metadata.generation { refused[source] = nil }
        stored[source] = Stored(
            namespace: check.metadata.namespace, name: check.metadata.name, uid: check.metadata.uid,
            generation: check.metadata.generation, status: check.status)
        mark(source, due)
    }

    /// A ClusterCheck is gone.
    mutating func remove(_ source: ExactText) {
        stored[source] = nil
        refused[source] = nil
        failing[source] = nil
    }

    /// Forgets which were listed so far: a new list begins.
    mutating func beginList() {
        listed = []
    }

    /// Takes a ClusterCheck of the list that is being read, as it is stored now, and marks it.
    mutating func take(listed check: ClusterCheck, _ due: Instant) {
        listed.insert(ExactText(check.source))
        take(check, due)
    }

    /// The list is complete: those that are not in it are gone.
    mutating func finishList() {
        for source in stored.keys where !listed.contains(source) { remove(source) }
        stored.shrinkIfSparse()
        listed = []
    }

    /// Takes the first one whose turn has come; those that are gone, or were refused, are dropped.
    mutating func next(_ now: Instant) -> (source: ExactText, stored: Stored)? {
        let again = failing.filter { $0.value.due <= now }.min { $0.value.due < $1.value.due }
        let isFirst = head == queue.count || again.map { $0.value.due <= queue[head].due } ?? false
        if isFirst, let source = again?.key, let found = stored[source] {
            failing[source]?.due = .distantFuture
            return (source, found)
        }
        while head < queue.count, queue[head].due <= now {
            let source = queue[head].source
            head += 1
            marked.remove(source)
            // Freed in large pieces, so that taking one is cheap.
            if head == queue.count || head >= 1024 {
                queue.removeFirst(head)
                head = 0
            }
            // Who fails has turns of its own.
            if let found = stored[source], refused[source] == nil, failing[source] == nil { return (source, found) }
        }
        return nil
    }

    /// A status was written to the ClusterCheck that has this uid.
    mutating func written(_ status: ClusterCheckStatus, _ source: ExactText, uid: String) {
        failing[source] = nil
        guard let known = stored[source], known.uid.hasSameBytes(as: uid) else { return }
        stored[source]?.status = status
    }

    /// The API server refused the status of this generation.
    ///
    /// - Returns: whether that is news.
    mutating func refuse(_ source: ExactText, _ generation: Int64) -> Bool {
        failing[source] = nil
        return refused.updateValue(generation, forKey: source) == nil
    }

    /// There is nothing to write for this one after all.
    mutating func settled(_ source: ExactText) {
        failing[source] = nil
    }

    /// A status could not be written: its turn comes again, later each time, and holds up no other.
    mutating func fail(_ source: ExactText, _ now: Instant) {
        guard isLeading, stored[source] != nil else { return }
        let failures = (failing[source]?.failures ?? 0) + 1
        let pause = min(Self.firstPause * (1 << min(failures - 1, 10)), Self.longestPause)
        failing[source] = (failures, now + pause)
    }
}
