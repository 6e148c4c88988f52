import AutoConf
import CheckModel
import Kubernetes

extension StateAnswer.Problem {
    /// As people read it.
    init(_ reported: ReportedProblem) {
        let problem = reported.problem
        self.init(
            object: problem.object, reason: problem.reason, severity: problem.severity.rawValue,
            since: reported.since.map(eventTime) ?? "",
            keepsLast: reported.keepsLast)
    }
}
