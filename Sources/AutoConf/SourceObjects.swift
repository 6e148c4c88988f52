import CheckModel
import Kubernetes
import Platform

/// The objects of one source, with the configs and problems of each. It decides what a reading changes.
struct SourceObjects {
    /// What a reading changes.
    struct Change {
        var upserts: [CheckConfig] = []
        var removals: [ConfigKey] = []
        /// Those that are kept, but not wanted for now, and those that are wanted again.
        var suspended: [ConfigKey] = []
        var resumed: [ConfigKey] = []
        /// How problems changed, one for each object.
        var problems: [ProblemChange] = []
        /// The problems of objects that are gone.
        var gone: [ConfigProblem] = []

        /// Whether nothing changes.
        var isEmpty: Bool {
            upserts.isEmpty && removals.isEmpty && suspended.isEmpty && resumed.isEmpty && problems.isEmpty
                && gone.isEmpty
        }

        /// Appends the changes of other objects: no key is in both.
        static func += (first: inout Change, second: Change) {
            first.upserts += second.upserts
            first.removals += second.removals
            first.suspended += second.suspended
            first.resumed += second.resumed
            first.problems += second.problems
            first.gone += second.gone
        }
    }

    fileprivate struct Known {
        /// One of its configs.
        struct Entry: Equatable {
            let key: ConfigKey
            /// What it counts for: see `ConfigLimit`.
            let bytes: Int
            /// Whether something of it could not be used: then it is nothing to keep.
            var isPartial = false
        }

        var entries: [Entry] = []
        /// Whether its configs are not wanted for now.
        var isSuspended = false
        /// What is kept of what its author wrote, in bytes.
        var written = 0
        /// Nil while there are no problems, as for most objects.
        var fault: Fault?

        var problems: [ConfigProblem] { fault?.problems ?? [] }

        /// What it counts for: its configs, and what is kept of what its author wrote.
        var bytes: Int { entries.reduce(written) { $0 + $1.bytes } }
    }

    /// The problems of an object.
    fileprivate final class Fault: Sendable {
        /// The object in Kubernetes; nil for a file.
        let reference: ObjectReference?
        let problems: [ConfigProblem]
        /// Whether configs that its author wrote before stay in use.
        let keepsLast: Bool

        init?(_ reference: ObjectReference?, _ problems: [ConfigProblem], keepsLast: Bool) {
            guard !problems.isEmpty else { return nil }
            self.reference = reference
            self.problems = problems
            self.keepsLast = keepsLast
        }
    }

    private var objects: [ExactText: Known] = [:]
    /// What all objects count for: see `ConfigLimit`.
    private(set) var bytes = 0
    /// Those of each namespace.
    private var namespaces: [ExactText: Int] = [:]

    /// What the objects of a namespace count for.
    func bytes(ofNamespace namespace: String) -> Int {
        namespaces[namespace] ?? 0
    }

    /// An object counts for so much more.
    private mutating func count(_ more: Int, of object: String) {
        bytes += more
        guard let name = NamespacedName(ofSource: object) else { return }
        namespaces[name.namespace, default: 0] += more
        if namespaces[name.namespace] == 0 { namespaces[name.namespace] = nil }
    }

    /// What an object counts for: its configs, and what is kept of what its author wrote.
    func bytes(of object: String) -> Int {
        objects[object]?.bytes ?? 0
    }

    /// How many configs that are wanted have a key that is counted.
    func configCount(where isCounted: (ConfigKey) -> Bool) -> Int {
        objects.values.reduce(0) { $0 + ($1.isSuspended ? 0 : $1.entries.count { isCounted($0.key) }) }
    }

    /// The current problems, sorted by object.
    var problems: [ConfigProblem] {
        objects.sorted { $0.key < $1.key }.flatMap(\.value.problems)
    }

    /// The problems of objects in Kubernetes, sorted by object.
    var referencedProblems: [(object: ObjectReference, problems: [ConfigProblem], keepsLast: Bool)] {
        objects.sorted { $0.key < $1.key }.compactMap { _, known in
            known.fault.flatMap { fault in fault.reference.map { ($0, fault.problems, fault.keepsLast) } }
        }
    }

    /// The current problems of an object.
    func problems(of object: String) -> [ConfigProblem] {
        objects[object]?.problems ?? []
    }

    /// Whether configs that an object's author wrote before stay in use.
    func keepsLast(_ object: String) -> Bool {
        objects[object]?.fault?.keepsLast == true
    }

    /// Whether an object gives any configs that are wanted.
    func hasConfigs(_ object: String) -> Bool {
        objects[object].map { !$0.isSuspended && !$0.entries.isEmpty } ?? false
    }

    /// Whether anything is known of the object.
    func contains(_ object: String) -> Bool {
        objects[object] != nil
    }

    /// Removes the objects that are gone.
    mutating func remove(where isGone: (String) -> Bool) -> Change {
        var change = Change()
        for object in objects.keys.sortedTexts() where isGone(object) { remove(object, &change) }
        return change
    }

    /// Applies the reading of one object.
    ///
    /// - Parameters:
    ///   - written: the bytes that are kept of what its author wrote.
    ///   - isSuspended: whether its configs are not wanted for now. They are kept all the same, so that what comes
    ///     after cannot lose them.
    mutating func apply(
        _ reading: ConfigReading, to object: String, _ reference: ObjectReference? = nil, written: Int = 0,
        isSuspended: Bool = false
    ) -> Change {
        var change = Change()
        apply(reading, to: object, reference, written, isSuspended, &change)
        return change
    }

    /// Removes an object that is gone.
    mutating func remove(_ object: String) -> Change {
        var change = Change()
        remove(object, &change)
        return change
    }

    private mutating func apply(
        _ reading: ConfigReading, to object: String, _ reference: ObjectReference?, _ written: Int,
        _ isSuspended: Bool, _ change: inout Change
    ) {
        var known = objects[object] ?? Known()
        if let fault = known.fault, fault.reference?.uid != reference?.uid {
            // A new object of the same name does not solve the problems of the former one.
            change.gone += fault.problems
            known.fault = nil
        }
        let problems: [ConfigProblem]
        var keepsLast: Bool
        switch reading {
        case .unchanged:
            return
        case .configs(let configs, let found, let kept):
            let before = known.bytes
            known.written = written
            keepsLast = known.replace(by: configs, keeping: kept, &change)
            count(known.bytes - before, of: object)
            problems = found
        case .keepsLast(let problem):
            problems = [problem]
            keepsLast = !known.entries.isEmpty
        }
        known.set(isSuspended: isSuspended, &change)
        if isSuspended { keepsLast = false }
        if let difference = Self.difference(known.problems, problems, reference, keepsLast: keepsLast) {
            change.problems.append(difference)
        }
        known.fault = Fault(reference, problems, keepsLast: keepsLast)
        // The text of its keys is used again, so that there is one copy of it.
        let name = known.entries.first.map(\.key.source) ?? object
        let isNothing = known.entries.isEmpty && known.fault == nil && known.written == 0
        objects[name.hasSameBytes(as: object) ? name : object] = isNothing ? nil : known
    }

    private mutating func remove(_ object: String, _ change: inout Change) {
        guard let known = objects.removeValue(forKey: object) else { return }
        objects.shrinkIfSparse()
        count(-known.bytes, of: object)
        change.removals += known.entries.map(\.key)
        change.gone += known.problems
    }

    private static func difference(
        _ before: [ConfigProblem], _ after: [ConfigProblem], _ reference: ObjectReference?,
        keepsLast: Bool
    ) -> ProblemChange? {
        let appeared = after.filter { !before.contains($0) }
        let solved = before.filter { !after.contains($0) }
        guard !appeared.isEmpty || !solved.isEmpty else { return nil }
        return ProblemChange(
            object: reference, appeared: appeared, solved: solved, keepsLast: keepsLast,
            remaining: after.count { $0.severity == .error })
    }
}

extension SourceObjects.Known {
    /// Whether its configs, as they are now, are not wanted for now.
    fileprivate mutating func set(isSuspended: Bool, _ change: inout SourceObjects.Change) {
        if isSuspended {
            change.suspended += entries.map(\.key)
        } else if self.isSuspended {
            change.resumed += entries.map(\.key)
        }
        self.isSuspended = isSuspended
    }

    /// Replaces the configs by those of a reading, but for some that stay.
    ///
    /// - Returns: whether any stays, or is of what was written before.
    fileprivate mutating func replace(
        by configs: [WeighedConfig], keeping kept: KeptConfigs?, _ change: inout SourceObjects.Change
    ) -> Bool {
        let former = entries
        var keepsLast = kept?.hasStandIns == true
        entries = configs.map { config in
            let isPartial = kept?.partial.contains(config.key) == true
            if isPartial, let whole = former.first(where: { $0.key == config.key && !$0.isPartial }) {
                keepsLast = true
                return whole
            }
            change.upserts.append(config.config)
            return Entry(key: config.key, bytes: config.bytes, isPartial: isPartial)
        }
        // Equal keys are kept: the same objects are elsewhere too.
        if entries == former { entries = former }
        let present = Set(entries.map(\.key))
        var total = entries.reduce(0) { $0 + $1.bytes }
        for entry in former where !present.contains(entry.key) {
            guard let kept, kept.sources.contains(ExactText(entry.key.source)), entries.count < kept.limit.configs,
                total + entry.bytes <= kept.limit.bytes
            else {
                change.removals.append(entry.key)
                continue
            }
            entries.append(entry)
            total += entry.bytes
            keepsLast = true
        }
        return keepsLast
    }
}
