import HTTPServer
import Platform

/// Serves `/api/v1/clcrunner/…` to whoever has the cluster-agent's token.
struct RunnerHandler: HTTPHandler {
    let checks: CheckRunner
    let token: AgentToken

    func handle(_ request: HTTPRequest, _ responder: Responder) {
        responder.respond(answer(to: request))
    }

    private func answer(to request: HTTPRequest) -> HTTPResponse {
        if let refusal = token.refusal(of: request) { return refusal }
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
