import CheckModel

/// The configs that templates give for their targets, up to a limit, and problems.
///
/// Targets are bound in a stable order, so that the same configs are left out each time.
struct BoundConfigs {
    private(set) var configs: [CheckConfig] = []
    /// Without duplicates: a hundred endpoints may have the same problem.
    private(set) var problems: [ConfigProblem] = []
    /// The most problems of one object that are told one by one.
    private static let longestReport = 50

    private let limit: ConfigLimit
    /// The bytes that there is room for among all configs.
    private let room: Int
    private var bytes = 0
    private var leftOut = 0
    /// Whether the configs of other objects leave too little room, rather than its own being too many.
    private(set) var isCrowdedOut = false
    private var unreported = 0
    private var unreportedErrors = 0

    /// - Parameter room: the bytes that the configs of all other objects leave.
    init(limit: ConfigLimit, room: Int) {
        self.limit = limit
        self.room = room
    }

    /// Whether nothing more is added. What is left out need not be resolved.
    var isFull: Bool {
        leftOut > 0
    }

    /// Adds a config, if the limit allows it.
    mutating func add(_ config: CheckConfig) {
        let size = ConfigLimit.bytes(of: config)
        guard !isFull, configs.count < limit.configs, bytes + size <= min(limit.bytes, room) else {
            if !isFull { isCrowdedOut = configs.count < limit.configs && bytes + size <= limit.bytes }
            return leaveOut(1)
        }
        bytes += size
        configs.append(config)
    }

    /// Counts configs that are left out.
    mutating func leaveOut(_ count: Int) {
        leftOut += count
    }

    /// Adds a problem, unless it is there already. Of very many, the rest is counted.
    mutating func report(_ problem: ConfigProblem) {
        guard !problems.contains(problem) else { return }
        if problems.count < Self.longestReport { return problems.append(problem) }
        // An error is not hidden behind warnings.
        if problem.severity == .error, let warning = problems.lastIndex(where: { $0.severity == .warning }) {
            problems.remove(at: warning)
            problems.append(problem)
        } else if problem.severity == .error {
            unreportedErrors += 1
        }
        unreported += 1
    }

    /// All problems of `object`: with those that were only counted, and with what was left out.
    func problems(of object: String) -> [ConfigProblem] {
        var problems = problems
        if unreported > 0 {
            let severity: ConfigProblem.Severity = unreportedErrors > 0 ? .error : .warning
            problems.append(ConfigProblem(object, "\(unreported) more problems", severity))
        }
        guard isFull else { return problems }
        let count = configs.count + leftOut
        let reason =
            isCrowdedOut
            ? "no room for \(leftOut) of its \(count) configs: all configs together may have \(limit.totalBytes) bytes"
            : "\(leftOut) of its \(count) configs are left out: one object may give \(limit.configs) configs of "
                + "\(limit.bytes) bytes together"
        return problems + [ConfigProblem(object, reason)]
    }
}
