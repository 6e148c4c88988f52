import HTTPServer
import Platform

/// Answers the kubelet's probes: `/livez` and `/readyz`, plain HTTP, no token.
///
/// Live means that this process still makes progress: never that the API server is there, for restarting every replica in an outage would
/// destroy what they hold. Ready means that it can answer node-agents or forward them; it never means leading.
struct ProbeHandler: HTTPHandler {
    let readiness: Readiness

    func handle(_ request: HTTPRequest, _ responder: Responder) {
        guard request.method == .get || request.method == .head else {
            return responder.respond(.text(405, "probes take GET"))
        }
        switch request.path {
        case "/livez": answer(responder, readiness.liveProblems)
        case "/readyz": answer(responder, readiness.readyProblems)
        default: responder.respond(.text(404, "this port serves /livez and /readyz"))
        }
    }

    private func answer(_ responder: Responder, _ problems: [String]) {
        responder.respond(problems.isEmpty ? .text(200, "ok") : .text(503, problems.joined(separator: "\n")))
    }
}
