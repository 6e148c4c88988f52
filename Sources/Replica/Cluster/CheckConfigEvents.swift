import AutoConf
import CheckModel
import ClusterChecks
import Kubernetes
import Leadership
import Platform

/// Records Events on Services whose check annotations cannot be used, on ClusterChecks whose spec cannot, and when they
/// can be used again.
///
/// Every replica reads all of them; only the leader records. A new leader records again what is still wrong: the
/// Event has the same name whoever writes it, so that its count goes up and no second one appears.
struct CheckConfigEvents: Sendable {
    /// The reason of the Events, for `kubectl get events --field-selector reason=InvalidCheckConfig`.
    private static let invalid = "InvalidCheckConfig"
    /// The reason of an Event that ends them.
    private static let valid = "CheckConfigValid"

    let recorder: EventRecorder
    let leadership: Watched<LeadershipState>
    let clock: any Clock

    /// Records what changed about one object.
    func record(_ change: ProblemChange) {
        guard leadership.value.term(at: clock.now()) != nil, let object = change.object else { return }
        for problem in change.appeared { record(problem, about: object, keepsLast: change.keepsLast) }
        if change.isMended {
            let what = object.kind == ClusterCheck.kind ? "the spec" : "the check annotations"
            recorder.record(.normal, reason: Self.valid, message: "\(what) can be used again", about: object)
        }
    }

    /// Records all that is wrong each time this replica becomes the leader, until cancelled.
    func run(_ autoConf: AutoConf) async {
        var seen = leadership.current
        var recorded: Term?
        while true {
            if case .leading(let term) = seen.value, term != recorded {
                recorded = term
                for (object, problems, keepsLast) in autoConf.objectProblems {
                    for problem in problems { record(problem, about: object, keepsLast: keepsLast) }
                }
            }
            guard let next = try? await leadership.next(after: seen.version) else { return }
            seen = next
        }
    }

    private func record(_ problem: ConfigProblem, about object: ObjectReference, keepsLast: Bool) {
        let rest = keepsLast && problem.severity == .error ? "; what was valid last stays in use" : ""
        recorder.record(.warning, reason: Self.invalid, message: problem.reason + rest, about: object)
    }
}
