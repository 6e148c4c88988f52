import CheckModel
import ClusterChecks
import HTTPServer
import Leadership
import Platform

/// Why a request gets no 200: every refusal of the API, its status and its text.
///
/// Node-agents look only for a 200; the texts are for people who read their logs.
enum APIError: Error {
    case notFound
    case methodNotAllowed(allowed: HTTPMethod)
    case invalidPath(reason: String)
    case operatorsOnly
    case noOperators
    case noReplicas
    case replicasOnly
    case otherAgents(asked: String, by: AgentIdentity)
    case tokenRefused(reason: String)
    case identityUnknown(reason: String)
    case malformedIdentity
    case notBelieved(leader: LeaderEndpoint, reason: [UInt8])
    case certificateExpired
    case certificateOfNoNode
    case notMirrored
    case mirrorForgotten
    case malformedMirror(String)
    case invalidAddress(String)
    case invalidInterval(limit: Int)
    case invalidQuery(reason: String)
    case malformedBody(CheckModelError)
    case operatorUnknown(leader: LeaderEndpoint)
    case clusterChecks(ClusterChecksError)
    case alreadyForwarded(from: PeerAddress)
    case forwardFailed(leader: LeaderEndpoint, reason: String)
    case forwardedTooLate
    case termEnded
    case malformedFollow(String)
    case leaderNotFollowed(String)
    case tooManyWait(limit: Int)
    case answerTooLarge(bytes: Int, limit: Int)
    case intentNotKept(String)
    case stopping
    case noThread

    /// The answer.
    var response: HTTPResponse {
        switch self {
        case .notFound: return .text(404, "404 page not found")
        case .methodNotAllowed(let allowed):
            var response = HTTPResponse.text(405, "method not allowed")
            response.headers.append(("Allow", allowed == .post ? "POST" : "GET"))
            return response
        case .invalidPath(let reason): return .text(400, "invalid path: \(reason)")
        case .operatorsOnly: return .text(403, "this call needs the operator's token; the agents' does not open it")
        case .noOperators:
            return .text(403, "this call needs an operator's token, and cluster_agent.operator_token_file is not set")
        case .noReplicas:
            return .text(403, "this call needs the replicas' token, and cluster_agent.replica_token_file is not set")
        case .replicasOnly: return .text(403, "this call is for other replicas alone")
        case .otherAgents(let asked, let identity):
            let text =
                "the caller is \(identity.description), which may ask only for its own configs, by the name of its "
                + "node or its pod; it asked for those of \(shownName(asked))"
            return .text(403, text)
        case .tokenRefused(let reason): return .text(403, "the ServiceAccount token is refused: \(reason)")
        case .identityUnknown(let reason):
            return .text(503, "it cannot be known now whose ServiceAccount token this is: \(reason)")
        case .certificateExpired:
            // A new connection can show another one.
            var response = HTTPResponse.text(401, "the client's certificate has expired, or its CA has been replaced")
            response.headers.append(("WWW-Authenticate", "Bearer realm=\"cluster-agent\""))
            response.closesConnection = true
            return response
        case .certificateOfNoNode: return .text(403, "the client's certificate has no common name that is a node's")
        case .notBelieved(let leader, let reason):
            let line = cut(String(decoding: reason.prefix { $0 != 0x0A }, as: UTF8.self), to: 200)
            return .text(
                503, "the leader at \(leader.address) does not take this replica's word for the agent: \(line)")
        case .malformedIdentity: return .text(400, "\(AgentIdentity.header) is malformed")
        case .notMirrored:
            let text =
                "a follower that may take over has not acknowledged what this call asks for, and the Lease could not be "
                + "written to strike it off"
            return .text(503, text)
        case .mirrorForgotten:
            return .text(503, "mirror: it lags behind by more changes than are remembered: begin anew")
        case .malformedMirror(let reason): return .text(400, "mirror: \(reason)")
        // Upstream answers 500 to these and to an unknown node. Agents look only for a 200, so the caller's mistake
        // gets its proper status here.
        case .invalidAddress(let text): return .text(400, "cannot parse CLC runner address: \(text)")
        case .invalidInterval(let limit):
            let text =
                "\(ScrapeFetch.intervalHeader) is missing or not a whole number of seconds from 0 to \(limit): a "
                + "Prometheus says with it how often it fetches"
            return .text(400, text)
        case .invalidQuery(let reason): return .text(400, "invalid query: \(reason)")
        case .malformedBody(let error): return .text(400, error.description)
        case .operatorUnknown(let leader):
            let text =
                "the leader at \(leader.address) does not know this operator's token: give all replicas the same "
                + "operator token file, or ask the leader itself"
            return .text(403, text)
        case .clusterChecks(let error): return .text(Self.status(of: error), error.description)
        case .alreadyForwarded(let peer):
            return .text(508, "Query was already forwarded from: \(peer.host):\(peer.port)")
        case .forwardFailed(let leader, let reason):
            return .text(502, "the leader at \(leader.address) gave no answer: \(reason)")
        case .forwardedTooLate: return .text(503, "the leader's answer came too late to be passed on")
        case .termEnded: return .text(503, "the term ended before the answer was written")
        case .malformedFollow(let reason): return .text(400, "follow: \(reason)")
        case .leaderNotFollowed(let reason): return .text(503, "no changes can be waited for: the leader: \(reason)")
        case .tooManyWait(let limit): return .text(503, "too many calls wait: \(limit) do already, which is the limit")
        case .answerTooLarge(let bytes, let limit):
            let text =
                "the answer has \(bytes) bytes, and at most \(limit) are sent: more nodes, or fewer or smaller configs, "
                + "are needed"
            return .text(500, text)
        case .intentNotKept(let reason): return .text(503, "nothing was changed, as it cannot be kept: \(reason)")
        case .stopping: return .text(503, "stopping")
        case .noThread: return .text(503, "the system has no thread to answer with: look at the limits of the pod")
        }
    }

    private static func status(of error: ClusterChecksError) -> Int {
        switch error {
        case .startingUp, .notLeading, .warmingUp, .notSynced, .handingOver, .unconfirmed, .tooManyNodes: 503
        case .unknownNode: 404
        case .invalidNodeID: 400
        case .strangersGoodbye: 403
        case .advancedDispatchingOff, .intent, .otherKind: 409
        }
    }
}
