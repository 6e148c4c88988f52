import CheckModel

/// The configs that templates give for their targets, up to a limit, and problems.
///
/// Targets are bound in a stable order, so that the same configs are left out each time.
struct BoundConfigs {
    private(set) var weighed: [WeighedConfig] = []
    /// Without duplicates: a hundred endpoints may have the same problem.
    private(set) var problems: [ConfigProblem] = []
    /// The most problems of one object that are told one by one.
    private static let longestReport = 50

    /// Which former configs stay where new ones cannot be used; nil if none do.
    private var kept: KeptConfigs?
    private let limit: ConfigLimit
    private let room: ConfigRoom
    /// What the configs count for.
    private(set) var bytes = 0
    private var leftOut = 0
    /// Whether the configs of other objects leave too little room, rather than its own being too many.
    private(set) var isCrowdedOut = false
    private var unreported = 0
    private var unreportedErrors = 0

    /// - Parameters:
    ///   - room: what the configs of all other objects leave.
    ///   - keepsLast: whether former configs stay where new ones cannot be used.
    init(limit: ConfigLimit, room: ConfigRoom, keepsLast: Bool) {
        self.limit = limit
        kept = keepsLast ? KeptConfigs(limit: limit) : nil
        self.room = room
    }

    /// Configs that are resolved already.
    init(
        _ configs: [WeighedConfig], problems: [ConfigProblem], isPartial: Bool = false, limit: ConfigLimit,
        room: ConfigRoom, keepsLast: Bool
    ) {
        self.init(limit: limit, room: room, keepsLast: keepsLast)
        for problem in problems { report(problem) }
        for config in configs { add(config, isPartial: isPartial) }
    }

    /// The configs, without what they count for.
    var configs: [CheckConfig] { weighed.map(\.config) }

    /// Whether nothing more is added. What is left out need not be resolved.
    var isFull: Bool {
        leftOut > 0
    }

    /// Something of this source cannot be used: its former configs stay.
    mutating func keep(source: String) {
        kept?.keep(source: source)
    }

    /// Adds a config, if the limit allows it. If a part of it cannot be used, and there is a former one, that stays
    /// instead.
    ///
    /// - Parameter standsIn: whether it is of the last good template, not of what is written now.
    mutating func add(_ config: CheckConfig, isPartial: Bool = false, standsIn: Bool = false) {
        let isAdded = add(WeighedConfig(config), isPartial: isPartial)
        if standsIn, isAdded { kept?.hasStandIns = true }
    }

    /// - Returns: whether the limit allows it.
    @discardableResult
    private mutating func add(_ config: WeighedConfig, isPartial: Bool) -> Bool {
        let size = config.bytes
        guard !isFull, weighed.count < limit.configs, bytes + size <= min(limit.bytes, room.bytes) else {
            if !isFull { isCrowdedOut = weighed.count < limit.configs && bytes + size <= limit.bytes }
            leaveOut(oneOf: config.key.source)
            return false
        }
        bytes += size
        weighed.append(config)
        if isPartial { kept?.keep(instead: config.key) }
        return true
    }

    /// Counts a config of a source that is left out: a former one stays.
    mutating func leaveOut(oneOf source: String) {
        leftOut += 1
        keep(source: source)
    }

    /// Adds a problem, unless it is there already. Of very many, the rest is counted.
    mutating func report(_ problem: ConfigProblem) {
        guard !problems.contains(problem) else { return }
        guard hasRoom(for: problem.severity) else { return leaveOut(problem.severity) }
        if problems.count == Self.longestReport, let warning = lastWarning {
            problems.remove(at: warning)
            leaveOut(.warning)
        }
        problems.append(problem)
    }

    /// Whether a problem is told by itself. An error is not hidden behind warnings: it takes the place of one.
    func hasRoom(for severity: ConfigProblem.Severity) -> Bool {
        problems.count < Self.longestReport || (severity == .error && lastWarning != nil)
    }

    /// Counts a problem that is not told by itself.
    mutating func leaveOut(_ severity: ConfigProblem.Severity) {
        unreported += 1
        if severity == .error { unreportedErrors += 1 }
    }

    private var lastWarning: Int? {
        problems.lastIndex { $0.severity == .warning }
    }

    /// The reading of `object`, for which all of this was bound.
    func reading(of object: String) -> ConfigReading {
        .configs(weighed, problems: problems(of: object), keeping: kept)
    }

    /// All problems of `object`: with those that were only counted, and with what was left out.
    func problems(of object: String) -> [ConfigProblem] {
        var problems = problems
        if unreported > 0 {
            let severity: ConfigProblem.Severity = unreportedErrors > 0 ? .error : .warning
            problems.append(ConfigProblem(object, "\(unreported) more problems", severity))
        }
        guard isFull else { return problems }
        let count = weighed.count + leftOut
        let reason =
            isCrowdedOut
            ? "no room for \(leftOut) of its \(count) configs: \(room.limit)"
            : "\(leftOut) of its \(count) configs are left out: one object may give \(limit.configs) configs of "
                + "\(limit.bytes) bytes together"
        return problems + [ConfigProblem(object, reason)]
    }
}
