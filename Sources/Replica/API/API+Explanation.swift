import CheckModel
import ClusterChecks
import JSON
import Platform

extension API {
    /// Why a check is where it is, what its config is without secrets, and how it fares.
    func shown(_ explanation: Explanation, of name: String) -> JSONValue {
        let config = explanation.subject
        let id = config.instanceIDs.first { $0.hasSameBytes(as: name) } ?? config.checkID
        var members = explanation.encoded.objectValue ?? [:]
        members["definition"] = config.shown
        members["result"] = results.result(of: id, on: explanation.node, now: clock.now())?.json
        members["strip"] = results.strip(of: id, at: clock.wallTime())?.json
        return .object(members)
    }
}
