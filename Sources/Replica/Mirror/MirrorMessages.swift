import CheckModel
import ClusterChecks
import JSON
import Platform

/// A follower's call to the leader for what its mirror lacks. Its version is the acknowledgement of all that the leader
/// told before.
struct MirrorRequest: Hashable, Sendable {
    /// What the follower has.
    enum Known: Hashable, Sendable {
        /// Nothing of this term.
        case nothing
        /// A part of the store: it asks for this page, counted from 0, of the snapshot of this version.
        case pages(upTo: Int, version: UInt64)
        /// The whole store at this version.
        case version(UInt64)
    }

    /// The identity by which the Lease names the follower.
    @ExactText var replica: String
    /// The term of what it knows; empty if it knows nothing.
    @ExactText var term: String
    var known: Known
    /// How long the leader may hold the call; milliseconds on the wire.
    var wait: Duration

    /// The version of the messages and of the changes in them. A leader refuses another one, and the follower is not
    /// named then.
    static let format: Int64 = 3
    private static let limits = JSONLimits(bytes: 4_096)

    init(replica: String, term: String, known: Known, wait: Duration) {
        self.known = known
        self.wait = wait
        self.replica = replica
        self.term = term
    }

    /// - Throws: `malformedMirror`.
    init(parsing body: [UInt8]) throws(APIError) {
        let json: JSONValue
        do { json = try JSONValue(parsing: body, limits: Self.limits) } catch { throw .malformedMirror("\(error)") }
        guard json["format"]?.integerValue == Self.format else {
            throw .malformedMirror("the format is not \(Self.format), which this version speaks")
        }
        guard let replica = json["replica"]?.stringValue, Self.isIdentity(replica) else {
            throw .malformedMirror("replica is not the identity of one")
        }
        guard let term = json["term"]?.stringValue else { throw .malformedMirror("term is missing or not a string") }
        guard let wait = json["wait_ms"]?.integerValue, (0...3_600_000).contains(wait) else {
            throw .malformedMirror("wait_ms is missing or not 0 to 3600000")
        }
        let version = json["version"]?.integerValue.flatMap(UInt64.init(exactly:))
        let page = json["page"]?.integerValue.flatMap(Int.init(exactly:))
        let known: Known
        switch (version, page) {
        case (nil, nil): known = .nothing
        case (let version?, nil): known = .version(version)
        case (let version?, let page?) where page >= 0: known = .pages(upTo: page, version: version)
        default: throw .malformedMirror("page is not that of a version")
        }
        self.init(replica: replica, term: term, known: known, wait: .milliseconds(wait))
    }

    func encoded() -> [UInt8] {
        var members: [ExactText: JSONValue] = [
            "format": .integer(Self.format), "replica": .string(replica), "term": .string(term),
            "wait_ms": .integer(wait.nanoseconds / 1_000_000),
        ]
        switch known {
        case .nothing: break
        case .version(let version): members["version"] = .number(String(version))
        case .pages(let page, let version):
            members["version"] = .number(String(version))
            members["page"] = .integer(Int64(page))
        }
        return JSONValue.object(members).encoded()
    }

    /// Whether a text may stand in the list of the Lease: identities are separated by commas there.
    static func isIdentity(_ text: String) -> Bool {
        (1...300).contains(text.utf8.count)
            && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ",") }
    }
}

/// The leader's answer: a page of its store, or what has changed since a version.
struct MirrorAnswer: Sendable {
    /// The version of the snapshot that these are a page of, or the version after these changes.
    var version: UInt64
    /// The page to ask for next; nil if the store is whole with these changes.
    var nextPage: Int?
    /// Whether a new store begins with these changes.
    var isFirst: Bool
    /// How long the leader held the call, or less.
    var held: Duration
    /// Whether the Lease names the follower.
    var isNamed: Bool
    var changes: [StoreChange]
    /// What happened since, for the history; with the beginning of a store, all of it.
    var history: [HistoryEntry]

    private static let limits = JSONLimits(bytes: 64 << 20, keyBytes: 2_000)

    init(
        version: UInt64, nextPage: Int? = nil, isFirst: Bool = false, held: Duration, isNamed: Bool,
        changes: [StoreChange], history: [HistoryEntry] = []
    ) {
        self.history = history
        self.version = version
        self.nextPage = nextPage
        self.isFirst = isFirst
        self.held = held
        self.isNamed = isNamed
        self.changes = changes
    }

    /// - Throws: `MirrorError`: it is not a leader's answer of this format.
    init(parsing body: [UInt8]) throws(MirrorError) {
        guard let json = try? JSONValue(parsing: body, limits: Self.limits),
            json["format"]?.integerValue == MirrorRequest.format,
            let version = json["version"]?.integerValue.flatMap(UInt64.init(exactly:)),
            let isFirst = json["first"]?.boolValue, let isNamed = json["named"]?.boolValue,
            let held = json["held_ms"]?.integerValue, (0...3_600_000).contains(held),
            let list = json["changes"]?.arrayValue
        else { throw MirrorError(reason: "an answer that is not a leader's of this format") }
        var changes: [StoreChange] = []
        changes.reserveCapacity(list.count)
        for element in list { changes.append(try StoreChange(wire: element)) }
        self.init(
            version: version, nextPage: json["next_page"]?.integerValue.flatMap(Int.init(exactly:)), isFirst: isFirst,
            held: .milliseconds(held), isNamed: isNamed, changes: changes,
            history: (json["history"]?.arrayValue ?? []).compactMap { HistoryEntry($0) })
    }

    /// - Parameter remaining: for how much longer what the change at an index began lasts.
    func encoded(remaining: (_ index: Int, Duration) -> Duration = { $1 }) -> [UInt8] {
        var members: [ExactText: JSONValue] = [
            "format": .integer(MirrorRequest.format), "version": .number(String(version)), "first": .bool(isFirst),
            "named": .bool(isNamed), "held_ms": .integer(held.nanoseconds / 1_000_000),
            "changes": .array(
                changes.enumerated().map { index, change in change.wire { remaining(index, $0) } }),
        ]
        if let nextPage { members["next_page"] = .integer(Int64(nextPage)) }
        if !history.isEmpty { members["history"] = .array(history.map(\.encoded)) }
        return JSONValue.object(members).encoded()
    }
}
