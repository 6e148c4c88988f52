import CheckModel
import JSON
import Kubernetes
import Platform

/// The ClusterChecks that are known, and what they give.
struct ClusterChecks {
    private struct Known {
        /// Another one of the same name is another object.
        @ExactText var uid: String
        /// A hash, with a key of this process, of the spec: most changes are of the status.
        var fingerprint: Int
        /// Whether its author has paused it. Its config is kept, but not wanted.
        let isPaused: Bool
        /// Whether there was no room for its config. It is read again with the next list, or when it changes.
        var isCrowdedOut = false
    }

    private var known: [ExactText: Known] = [:]
    /// Those of the list that is being read, so far.
    private var listed: Set<ExactText> = []
    private(set) var objects = SourceObjects()

    /// Applies a new or changed ClusterCheck.
    ///
    /// - Parameters:
    ///   - room: what there is for its config.
    ///   - keepsLast: whether a spec that cannot be used keeps the config of an earlier one.
    mutating func apply(
        _ check: ClusterCheck, environment: Environment, limit: ConfigLimit, room: ConfigRoom, keepsLast: Bool
    ) -> SourceObjects.Change {
        let name = check.source
        var change = SourceObjects.Change()
        if let former = known[name], former.uid != check.metadata.uid { change += remove(name) }
        var hasher = Hasher()
        hasher.combine(check.spec)
        hasher.combine(check.specProblem)
        let fingerprint = hasher.finalize()
        if let former = known[name], former.fingerprint == fingerprint, !former.isCrowdedOut { return change }
        let reading = check.reading(environment: environment)
        // One of which that cannot be read stays as it was.
        let isPaused = reading.isPaused ?? known[name]?.isPaused ?? false
        var entry = Known(uid: check.metadata.uid, fingerprint: fingerprint, isPaused: isPaused)
        var configs = reading.configs
        switch configs {
        case .unchanged: break
        case .keepsLast(let problem): if !keepsLast { configs = .configs([], problems: [problem]) }
        case .configs(let found, let problems, _):
            let isPartial = problems.contains { $0.severity == .error }
            let bound = BoundConfigs(
                found, problems: problems, isPartial: isPartial, limit: limit, room: room, keepsLast: keepsLast)
            entry.isCrowdedOut = bound.isCrowdedOut
            configs = bound.reading(of: name)
        }
        known[ExactText(name)] = entry
        change += objects.apply(configs, to: name, check.reference, isSuspended: isPaused)
        return change
    }

    /// Removes a deleted ClusterCheck.
    mutating func remove(_ name: String) -> SourceObjects.Change {
        known[name] = nil
        known.shrinkIfSparse()
        return objects.remove(name)
    }

    /// Forgets which were listed so far.
    mutating func beginList() {
        listed = []
    }

    /// These are in the list that is being read.
    mutating func note(listed part: some Sequence<ClusterCheck>) {
        listed.formUnion(part.map { ExactText($0.source) })
    }

    /// The list is complete: removes those that are not in it.
    mutating func finishList() -> SourceObjects.Change {
        var change = SourceObjects.Change()
        for name in known.keys.filter({ !listed.contains($0) }).sortedTexts() { change += remove(name) }
        listed = []
        return change
    }

    /// The reference in Events of the ClusterCheck that has this name and source; nil if there is none.
    func reference(_ name: NamespacedName, source: String) -> ObjectReference? {
        known[source].map { entry in
            ObjectReference(
                apiVersion: ClusterCheck.apiVersion, kind: ClusterCheck.kind, namespace: name.namespace,
                name: name.name, uid: entry.uid)
        }
    }

    /// What became of a ClusterCheck; nil if it is not known.
    func acceptance(of name: String) -> ClusterCheckAcceptance? {
        guard let entry = known[name] else { return nil }
        let problems = objects.problems(of: name)
        return ClusterCheckAcceptance(
            errors: problems.filter { $0.severity == .error }.map(\.reason),
            warnings: problems.filter { $0.severity == .warning }.map(\.reason), isPaused: entry.isPaused,
            keepsLast: objects.keepsLast(name), hasConfig: objects.hasConfigs(name))
    }
}

/// What became of the spec of a ClusterCheck.
package struct ClusterCheckAcceptance: Hashable, Sendable {
    /// What of it cannot be used, and why; empty if all can.
    package let errors: [String]
    /// What its author should know.
    package let warnings: [String]
    /// Whether its author has paused it.
    package let isPaused: Bool
    /// Whether the spec cannot be used, and the config of an earlier one stays in use.
    package let keepsLast: Bool
    /// Whether there is a config of it.
    package let hasConfig: Bool

    /// What became of a spec.
    package init(
        errors: [String] = [], warnings: [String] = [], isPaused: Bool = false, keepsLast: Bool = false,
        hasConfig: Bool = true
    ) {
        self.errors = errors
        self.warnings = warnings
        self.isPaused = isPaused
        self.keepsLast = keepsLast
        self.hasConfig = hasConfig
    }
}
