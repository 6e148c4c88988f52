package import Kubernetes
import Leadership
import Platform

/// The first promise of leadership, checked against the Lease's own history: once a write has given the Lease to
/// somebody, no term of an earlier write is valid any more, and no answer of it is written.
package struct TermChecker: Sendable {
    private let leases: SimulatedLeases

    /// A checker of the terms of this Lease.
    package init(leases: SimulatedLeases) {
        self.leases = leases
    }

    /// What is wrong with the terms that the running or paused electors believe in; nil if nothing is. To be asked
    /// after each step.
    package func problem(_ electors: [(process: SimulatedProcess, elector: LeaderElector)]) -> String? {
        var valid: [(name: String, token: String)] = []
        for (process, elector) in electors where process.status != .crashed {
            guard let term = elector.leadership.value.term(at: process.clock.now()) else { continue }
            if let problem = problem(ofToken: term.token) { return "\(process.name) believes to lead: \(problem)" }
            valid.append((process.name, term.token))
        }
        guard valid.count > 1 else { return nil }
        let holders = valid.map { "\($0.name) in \($0.token)" }.joined(separator: ", ")
        return "several replicas lead at once: \(holders)"
    }

    /// What is wrong with an answer of the term `token` that is written now; nil if nothing is.
    package func problem(ofToken token: String) -> String? {
        guard let version = Int(token.prefix { $0 != "." }) else { return "the term \(token) has no resourceVersion" }
        guard let last = leases.lastAcquisition, last.resourceVersion > version else { return nil }
        let holder = last.holder.isEmpty ? "nobody" : last.holder
        return "the term \(token) is over since \(last.resourceVersion), when the Lease went to \(holder)"
    }
}
