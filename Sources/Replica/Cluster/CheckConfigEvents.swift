import AutoConf
import CheckModel
import ClusterChecks
import Kubernetes
import Leadership
import Platform

/// Records Events on Services whose check annotations cannot be used, and when they can be used again.
///
/// Every replica reads all annotations; only the leader records. A new leader records again what is still wrong: the
/// Event has the same name whoever writes it, so that its count goes up and no second one appears.
struct CheckConfigEvents: Sendable {
    /// The reason of the Events, for `kubectl get events --field-selector reason=InvalidCheckConfig`.
    private static let reason = "InvalidCheckConfig"

    let recorder: EventRecorder
    let leadership: Watched<LeadershipState>
    let clock: any Clock

    /// Records what changed about one object.
    func record(_ change: ProblemChange) {
        guard leadership.value.term(at: clock.now()) != nil, let service = change.object else { return }
        for problem in change.appeared { record(problem, about: service) }
        if change.isMended {
            recorder.record(
                .normal, reason: Self.reason, message: "the check annotations can be used again", about: service)
        }
    }

    /// Records all that is wrong each time this replica becomes the leader, until cancelled.
    func run(_ autoConf: AutoConf) async {
        var seen = leadership.current
        var recorded: Term?
        while true {
            if case .leading(let term) = seen.value, term != recorded {
                recorded = term
                for (service, problems) in autoConf.serviceProblems {
                    for problem in problems { record(problem, about: service) }
                }
            }
            guard let next = try? await leadership.next(after: seen.version) else { return }
            seen = next
        }
    }

    private func record(_ problem: ConfigProblem, about service: ObjectReference) {
        recorder.record(.warning, reason: Self.reason, message: problem.reason, about: service)
    }
}
