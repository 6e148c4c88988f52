import AutoConf
import ClusterChecks
import Kubernetes
import Platform

/// All that the status of one ClusterCheck tells.
struct ClusterCheckFacts {
    /// The generation that was read.
    let generation: Int64
    /// What became of its spec.
    let acceptance: ClusterCheckAcceptance
    /// Where its configs are.
    let places: [ClusterCheckPlaces.Place]
    /// Why it cannot be dispatched at all; nil if it can.
    let rejection: String?
    /// How its instances fare.
    var verdict = ClusterCheckVerdict.unheard
}

extension ClusterCheckStatus {
    /// Of more nodes, the rest is counted.
    private static let mostNodes = 3
    /// The condition that says whether all instances succeed.
    fileprivate static let passing = "Passing"
    /// The longest message of a condition, in bytes.
    private static let messageBytes = 1024

    /// What the status should be.
    ///
    /// What stays true keeps its time: `lastTransitionTime` of a condition whose status is the same, `placedAt` on the
    /// same node. So a new leader writes nothing that is written already. Conditions of other types are left alone.
    func wanted(_ facts: ClusterCheckFacts, now: WallTime) -> ClusterCheckStatus {
        var status = ClusterCheckStatus(observedGeneration: facts.generation, conditions: conditions)
        let nodes = Set(texts: facts.places.compactMap(\.node)).sortedTexts()
        status.node = Self.list(nodes)
        if !nodes.isEmpty {
            let since = facts.places.compactMap(\.since).max() ?? now
            status.placedAt = status.node.hasSameBytes(as: node) && !placedAt.isEmpty ? placedAt : eventTime(since)
        }
        status.set(facts.acceptanceCondition, facts.generation, now)
        status.set(facts.placementCondition, facts.generation, now)
        // A new leader has not heard of it yet: what the former one wrote stays.
        let isSamePlace = status.node.hasSameBytes(as: node) && !node.isEmpty
        if !isSamePlace || facts.verdict != .unheard || condition(Self.passing) == nil {
            status.set(facts.passingCondition, facts.generation, now)
        }
        return status
    }

    private static func list(_ nodes: [String]) -> String {
        let shown = nodes.prefix(mostNodes).joined(separator: ", ")
        return visibleLine(nodes.count > mostNodes ? "\(shown) and \(nodes.count - mostNodes) more" : shown)
    }

    private mutating func set(_ stated: ClusterCheckFacts.Condition, _ generation: Int64, _ now: WallTime) {
        let status = stated.isTrue.map { $0 ? "True" : "False" } ?? "Unknown"
        let former = condition(stated.type)
        let since = former?.status == status ? former?.lastTransitionTime ?? "" : ""
        let condition = Condition(
            type: stated.type, status: status, reason: stated.reason,
            message: cut(visibleLine(stated.message), to: Self.messageBytes),
            lastTransitionTime: since.isEmpty ? eventTime(now) : since, observedGeneration: generation)
        if let index = conditions.firstIndex(where: { $0.type.hasSameBytes(as: stated.type) }) {
            conditions[index] = condition
        } else {
            conditions.append(condition)
        }
    }
}

extension ClusterCheckFacts {
    /// A condition without its times.
    fileprivate struct Condition {
        let type: String
        /// Nil if it is not known.
        let isTrue: Bool?
        let reason: String
        var message = ""
    }

    /// Whether all of the spec can be used.
    fileprivate var acceptanceCondition: Condition {
        guard acceptance.errors.isEmpty else {
            let kept = acceptance.keepsLast ? ["the last valid spec stays in use"] : []
            return Condition(
                type: "Accepted", isTrue: false, reason: "Invalid",
                message: (acceptance.errors + kept).joined(separator: "; "))
        }
        return Condition(
            type: "Accepted", isTrue: true, reason: "Valid", message: acceptance.warnings.joined(separator: "; "))
    }

    /// Whether all of its instances have a node.
    fileprivate var placementCondition: Condition {
        guard let (reason, message) = obstacle else { return Condition(type: "Placed", isTrue: true, reason: "Placed") }
        return Condition(type: "Placed", isTrue: false, reason: reason, message: message)
    }

    /// Whether all of its instances succeed.
    fileprivate var passingCondition: Condition {
        let type = ClusterCheckStatus.passing
        guard !places.compactMap(\.node).isEmpty else {
            return Condition(type: type, isTrue: nil, reason: "NotPlaced", message: "it runs nowhere")
        }
        return switch verdict {
        case .unheard:
            Condition(type: type, isTrue: nil, reason: "NoResult", message: "its node-agent has not said how it fares")
        case .stale(let id):
            Condition(
                type: type, isTrue: nil, reason: "Stale", message: "nothing has been heard of \(id) for a while")
        case .passing: Condition(type: type, isTrue: true, reason: "Passing")
        case .failing(let reason, let message):
            Condition(type: type, isTrue: false, reason: reason, message: message)
        }
    }

    /// Why not all of it has a node; nil if it has.
    private var obstacle: (reason: String, message: String)? {
        if acceptance.isPaused { return ("Paused", "spec.paused is true") }
        if !acceptance.hasConfig { return ("Invalid", "there is no valid spec") }
        if let rejection { return ("Rejected", rejection) }
        let reasons = places.compactMap(\.obstacle)
        if let reason = reasons.first {
            let count = places.count
            return (reason.word, count == 1 ? "\(reason)" : "\(reasons.count) of \(count) parts: \(reason)")
        }
        return places.isEmpty ? ("Pending", "it has not been dispatched yet") : nil
    }
}

extension ClusterCheckPlaces.Place {
    fileprivate var node: String? { if case .node(let id, _) = self { id } else { nil } }

    fileprivate var since: WallTime? { if case .node(_, let since) = self { since } else { nil } }

    fileprivate var obstacle: DanglingReason? { if case .nowhere(let reason) = self { reason } else { nil } }
}

extension DanglingReason {
    /// The reason in one word, for the condition `Placed`.
    fileprivate var word: String {
        switch self {
        case .noNode, .nodeExpired, .podDeleted, .nodeLeft: "NoNode"
        case .noEligibleNode: "NoEligibleNode"
        case .paused: "PausedByOperator"
        }
    }
}
