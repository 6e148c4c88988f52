import CheckModel

/// What is known of the objects of one source: which configs each gave, and what is wrong with it. It decides what a reading changes.
struct SourceObjects {
    /// What a reading changes.
    struct Change {
        var upserts: [CheckConfig] = []
        var removals: [ConfigKey] = []
        /// Problems that were not there before.
        var appeared: [ConfigProblem] = []
        /// Problems that are no more.
        var solved: [ConfigProblem] = []
    }

    private struct Known {
        var keys: [ConfigKey] = []
        var problems: [ConfigProblem] = []
    }

    private var objects: [String: Known] = [:]

    /// Configs now.
    var configCount: Int {
        objects.values.reduce(0) { $0 + $1.keys.count }
    }

    /// What is wrong now, sorted by object.
    var problems: [ConfigProblem] {
        objects.sorted { $0.key < $1.key }.flatMap(\.value.problems)
    }

    /// Whether anything is known of the object.
    func contains(_ object: String) -> Bool {
        objects[object] != nil
    }

    /// Takes the readings of all objects there are: what is not among them is gone, unless its name begins with one of `unlisted`.
    mutating func replace(with readings: [String: ConfigReading], unlisted: [String] = []) -> Change {
        var change = Change()
        for object in objects.keys.sorted() where readings[object] == nil {
            if !unlisted.contains(where: object.hasPrefix) { remove(object, &change) }
        }
        for (object, reading) in readings.sorted(by: { $0.key < $1.key }) { apply(reading, to: object, &change) }
        return change
    }

    /// Takes the reading of one object.
    mutating func apply(_ reading: ConfigReading, to object: String) -> Change {
        var change = Change()
        apply(reading, to: object, &change)
        return change
    }

    /// Forgets an object that is gone.
    mutating func remove(_ object: String) -> Change {
        var change = Change()
        remove(object, &change)
        return change
    }

    private mutating func apply(_ reading: ConfigReading, to object: String, _ change: inout Change) {
        var known = objects[object] ?? Known()
        switch reading {
        case .unchanged:
            return
        case .configs(let configs, let problems):
            let keys = configs.map(\.key)
            change.upserts += configs
            change.removals += known.keys.filter { !keys.contains($0) }
            known.keys = keys
            Self.compare(known.problems, problems, &change)
            known.problems = problems
        case .keepsLast(let problem):
            Self.compare(known.problems, [problem], &change)
            known.problems = [problem]
        }
        objects[object] = known.keys.isEmpty && known.problems.isEmpty ? nil : known
    }

    private mutating func remove(_ object: String, _ change: inout Change) {
        guard let known = objects.removeValue(forKey: object) else { return }
        change.removals += known.keys
        change.solved += known.problems
    }

    private static func compare(_ before: [ConfigProblem], _ after: [ConfigProblem], _ change: inout Change) {
        change.appeared += after.filter { !before.contains($0) }
        change.solved += before.filter { !after.contains($0) }
    }
}
