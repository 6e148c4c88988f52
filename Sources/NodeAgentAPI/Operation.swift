import CheckModel
import ClusterChecks
package import HTTPServer
package import Platform

/// An operator's call that a leader decides upon what runners measure at that time.
package struct Operation: Sendable {
    enum Kind: Sendable {
        case rebalance(isForced: Bool)
        case isolate(checkID: String)
    }

    let kind: Kind
    let request: HTTPRequest
}

extension APIMachine {
    func operate(_ kind: Operation.Kind, _ request: HTTPRequest, _ now: Instant) throws(APIError) -> Action {
        switch handler.role(at: now) {
        case .leader:
            return .operate(Operation(kind: kind, request: request))
        case .notLeading(.follower(let leader?)):
            let forward = try forward(
                request, to: leader, now, within: options.operationTimeout, isOperation: true)
            return .forward(forward)
        case .notLeading(let role):
            throw .clusterChecks(.notLeading(role))
        }
    }

    /// Does what an operator asked, by the statistics that the Handler has by now, and says what came of it.
    package func finish(_ operation: Operation, now: Instant) -> HTTPResponse {
        do throws(ClusterChecksError) {
            switch operation.kind {
            case .rebalance(let isForced):
                let moves = try handler.rebalance(isForced: isForced)
                return inTerm(moves.term, [RebalanceAnswer.encoded(moves.value)], for: operation.request, now)
            case .isolate(let checkID):
                let isolation = try handler.isolate(checkID)
                return inTerm(isolation.term, [isolation.value.encoded()], for: operation.request, now)
            }
        } catch {
            return APIError.clusterChecks(error).response
        }
    }
}
