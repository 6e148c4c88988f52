import Platform

/// Decides which notes become Events and with which message: client-go's event correlator (tools/record) as a pure
/// value.
///
/// More than ten different messages of one kind about one object are combined into one Event until none has come for
/// ten minutes. One object gets a burst of 25 Events, then one every five minutes. Memory is bounded: the 4,096 most
/// recently used entries of each kind.
struct EventCorrelator: Sendable {
    /// How many different messages of one kind about one object become Events of their own.
    static let similarLimit = 10
    /// After a pause of this length, messages become Events of their own again.
    static let similarInterval = Duration.seconds(600)
    /// The burst of Events of one object.
    static let burst = 25
    /// The time until one more is allowed.
    static let refill = Duration.seconds(300)
    /// The most kinds, and the most objects, that are remembered.
    static let memory = 4096

    private struct Kind: Hashable {
        let about: ObjectReference
        let type: EventType
        @ExactText private(set) var reason: String
    }

    private struct Similar {
        var messages: Set<ExactText> = []
        var last: Instant
    }

    /// A token bucket.
    private struct Allowance {
        var tokens: Double
        var updated: Instant
    }

    private var similar = RecentlyUsed<Kind, Similar>(limit: memory)
    private var allowances = RecentlyUsed<ObjectReference, Allowance>(limit: memory)

    /// What to send for `note`; nil to send nothing.
    mutating func admit(_ note: EventNote, now: Instant) -> EventNote? {
        // A new state of an object does not make it another object.
        var object = note.about
        object.resourceVersion = ""
        let isOneOfMany = isOneOfMany(note, Kind(about: object, type: note.type, reason: note.reason), now)
        guard takeToken(of: object, now) else { return nil }
        return isOneOfMany ? note.combined : note
    }

    private mutating func isOneOfMany(_ note: EventNote, _ kind: Kind, _ now: Instant) -> Bool {
        var seen = similar[kind] ?? Similar(last: now)
        if now - seen.last > Self.similarInterval { seen.messages = [] }
        seen.last = now
        let message = note.name
        let isNew = !seen.messages.contains(message)
        let isOneOfMany = isNew && seen.messages.count >= Self.similarLimit
        if isNew, !isOneOfMany { seen.messages.insert(message) }
        similar[kind] = seen
        return isOneOfMany
    }

    private mutating func takeToken(of object: ObjectReference, _ now: Instant) -> Bool {
        var allowance = allowances[object] ?? Allowance(tokens: Double(Self.burst), updated: now)
        let earned = (now - allowance.updated).seconds / Self.refill.seconds
        allowance.tokens = min(Double(Self.burst), allowance.tokens + max(0, earned))
        allowance.updated = now
        let hasOne = allowance.tokens >= 1
        if hasOne { allowance.tokens -= 1 }
        allowances[object] = allowance
        return hasOne
    }
}

/// A dictionary of bounded size: a new entry replaces the least recently used one.
struct RecentlyUsed<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Entry {
        var value: Value
        var used: UInt64
    }

    private let limit: Int
    private var entries: [Key: Entry] = [:]
    private var uses: UInt64 = 0

    /// An empty one for at most `limit` entries.
    init(limit: Int) {
        self.limit = limit
    }

    /// The value of a key. Reading and setting both count as use.
    subscript(key: Key) -> Value? {
        mutating get {
            guard entries[key] != nil else { return nil }
            uses += 1
            entries[key]?.used = uses
            return entries[key]?.value
        }
        set {
            uses += 1
            entries[key] = newValue.map { Entry(value: $0, used: uses) }
            guard entries.count > limit else { return }
            // Each use has another number, so there is one oldest. A scan of a full memory costs some microseconds, at
            // a new key only.
            let oldest = entries.min { $0.value.used < $1.value.used }
            if let oldest { entries[oldest.key] = nil }
        }
    }

    /// How many entries there are.
    var count: Int {
        entries.count
    }
}
