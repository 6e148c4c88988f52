import HTTPServer
import Platform

/// Serves `/api/v1/clcrunner/…` to whoever has the cluster-agent's token.
struct RunnerHandler: HTTPHandler {
    let checks: CheckRunner
    /// The token that opens it, read at each request.
    let token: @Sendable () -> String

    func handle(_ request: HTTPRequest, _ responder: Responder) {
        responder.respond(answer(to: request))
    }

    private func answer(to request: HTTPRequest) -> HTTPResponse {
        let parts = (request.headers["Authorization"] ?? "").split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else {
            var response = HTTPResponse.text(401, "no session token provided")
            response.headers.append(("WWW-Authenticate", "Bearer realm=\"node-agent\""))
            return response
        }
        guard areEqualInConstantTime(trimmed(String(parts[1])), token()) else {
            return .text(403, "invalid session token")
        }
        guard request.method == .get else { return .text(405, "this path takes GET") }
        switch request.path {
        case "/version", "/api/v1/clcrunner/version": return .json([RunnerAnswers.version(Command.version)])
        case "/api/v1/clcrunner/stats": return .json([RunnerAnswers.stats(checks.snapshot.records)])
        case "/api/v1/clcrunner/workers":
            return .json([RunnerAnswers.workers(utilization: checks.snapshot.utilization)])
        default: return .text(404, "this agent serves /api/v1/clcrunner/version, stats and workers")
        }
    }
}

/// Compares without telling by its time where two texts of the same length differ.
func areEqualInConstantTime(_ left: String, _ right: String) -> Bool {
    let (left, right) = (Array(left.utf8), Array(right.utf8))
    guard left.count == right.count else { return false }
    return zip(left, right).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
}
