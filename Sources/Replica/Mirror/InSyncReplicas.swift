import Platform

/// Which followers' mirrors are in sync, and so whom the Lease names. A value: acknowledgements and writes of the Lease
/// go in; what may be told, whom to name and whom to strike off come out.
///
/// Whoever the Lease may name must know everything that any agent was told. So nothing is told before each of them has
/// acknowledged it, and one is named only after it has acknowledged everything told before. (Kafka's in-sync replicas
/// are the same idea.)
struct InSyncReplicas: Sendable {
    private enum Standing {
        /// It is not waited for. It may join at this instant once it knows this version.
        case behind(since: UInt64, until: Instant)
        /// It is waited for from now on. What was told before has this version: it may be named once it knows that.
        case joining(UInt64)
        /// It is waited for, and may be named.
        case inSync
    }

    private struct Follower {
        var acknowledged: UInt64
        var heard: Instant
        var standing: Standing
        /// How often it was struck off lately.
        var strikes = 0
        /// When its last absence ended.
        var back = Instant.distantPast

        var isWaitedFor: Bool {
            if case .behind = standing { false } else { true }
        }
    }

    /// How long one that was struck off stays away: longer each time, so that a slow replica does not delay each
    /// change.
    private static let shortestAbsence = Duration.seconds(1)
    /// One that was not struck off for so long begins anew.
    private static let forgiveness = Duration.seconds(60)
    /// More replicas than anybody runs.
    static let limit = 64

    private var followers: [ExactText: Follower] = [:]
    /// Those that the Lease names, or may name as the outcome of a write is not known.
    private var maybeNamed: Set<ExactText> = []
    /// Those that the Lease names as it was last stored.
    private(set) var named: Set<ExactText> = []
    /// The newest version of which an agent was told something.
    private var told: UInt64 = 0
    /// What everybody knows who is waited for or may be named.
    private var assured = UInt64.max

    init() {}

    /// All followers, sorted.
    var known: [ExactText] { followers.keys.sorted() }

    /// A follower's mirror is complete up to a version.
    ///
    /// - Returns: false if there are too many followers.
    mutating func acknowledge(_ replica: ExactText, _ version: UInt64, now: Instant) -> Bool {
        if followers[replica] == nil, followers.count >= Self.limit { forget(silentSince: now - Self.forgiveness) }
        guard followers[replica] != nil || followers.count < Self.limit else { return false }
        var follower =
            followers[replica]
            ?? Follower(acknowledged: version, heard: now, standing: .behind(since: 0, until: .distantPast))
        (follower.acknowledged, follower.heard) = (version, now)
        if case .behind(let needed, let until) = follower.standing, version >= needed, now >= until {
            follower.standing = .joining(told)
        }
        if case .joining(let needed) = follower.standing, version >= needed { follower.standing = .inSync }
        followers[replica] = follower
        updateAssured()
        return true
    }

    /// Whether an agent may be told now what has been so since a version. If so, it counts as told.
    mutating func admit(_ version: UInt64) -> Bool {
        guard version <= assured else { return false }
        told = max(told, version)
        return true
    }

    /// Strikes off those that have not acknowledged a version.
    ///
    /// - Returns: whether the Lease must be written before anybody is told.
    mutating func strikeOff(behind version: UInt64, now: Instant) -> Bool {
        for replica in laggards(behind: version) {
            guard var follower = followers[replica], follower.isWaitedFor else { continue }
            if now - follower.back > Self.forgiveness { follower.strikes = 0 }
            let absence = Self.shortestAbsence * (1 << min(follower.strikes, 6))
            follower.standing = .behind(since: version, until: now + absence)
            follower.strikes += 1
            follower.back = now + absence
            followers[replica] = follower
        }
        updateAssured()
        return version > assured
    }

    /// Lets those return at once that were struck off, or that have just come, if they know everything told: the term
    /// is about to end.
    ///
    /// - Parameter silence: one that has been silent for longer than this is not waited for.
    /// - Returns: whether there is one that is not named yet.
    mutating func recall(now: Instant, silence: Duration) -> Bool {
        let live = followers.filter { now - $0.value.heard <= silence }
        for (replica, follower) in live where follower.acknowledged >= told { followers[replica]?.standing = .inSync }
        updateAssured()
        return live.keys.contains { !named.contains($0) }
    }

    /// Those to name in a write of the Lease that is made now, sorted. From now on they may be named.
    ///
    /// - Parameter silence: one that has been silent for longer than this is not named.
    mutating func nominate(now: Instant, silence: Duration) -> [ExactText] {
        let ready = followers.filter { _, follower in
            guard case .inSync = follower.standing else { return false }
            return now - follower.heard <= silence
        }.keys.sorted()
        maybeNamed.formUnion(ready)
        updateAssured()
        return ready
    }

    /// The Lease was stored, and names these and nobody else.
    mutating func stored(_ names: [ExactText]) {
        named = Set(names)
        maybeNamed = named
        updateAssured()
    }

    /// All followers, sorted: a mistake names them, for tests of the simulation.
    var all: [ExactText] { followers.keys.sorted() }

    /// The version that every follower knows that was heard at this instant or later; nil without one.
    func leastAcknowledged(heardSince: Instant) -> UInt64? {
        followers.values.lazy.filter { $0.heard >= heardSince }.map(\.acknowledged).min()
    }

    private mutating func forget(silentSince: Instant) {
        followers = followers.filter { $0.value.heard >= silentSince || maybeNamed.contains($0.key) }
    }

    /// Those that are waited for, or may be named, and have not acknowledged a version; sorted.
    private func laggards(behind version: UInt64) -> [ExactText] {
        concerned.filter { acknowledged($0) < version }.sorted()
    }

    private var concerned: Set<ExactText> {
        maybeNamed.union(followers.lazy.filter { $0.value.isWaitedFor }.map(\.key))
    }

    private func acknowledged(_ replica: ExactText) -> UInt64 { followers[replica]?.acknowledged ?? 0 }

    private mutating func updateAssured() {
        assured = concerned.map(acknowledged).min() ?? .max
    }
}
