import HTTPServer
import Platform
import Replica

/// Answers the kubelet's probes, plain HTTP, no token: `/livez` and `/readyz`; `/readyz?verbose` adds a line for each
/// watch.
struct ProbeHandler: HTTPHandler {
    let readiness: Readiness

    func handle(_ request: HTTPRequest, _ responder: Responder) {
        guard request.method == .get || request.method == .head else {
            return responder.respond(.text(405, "probes take GET"))
        }
        switch request.path {
        case "/livez":
            let hanging = LoopPulse.stuckLoops().map { "the loop \($0) hangs" }
            answer(responder, readiness.liveProblems + hanging, [])
        case "/readyz": answer(responder, readiness.readyProblems, request.query == nil ? [] : readiness.conditions)
        default: responder.respond(.text(404, "this port serves /livez and /readyz"))
        }
    }

    private func answer(_ responder: Responder, _ problems: [String], _ conditions: [String]) {
        let lines = (problems.isEmpty ? ["ok"] : problems) + conditions
        responder.respond(.text(problems.isEmpty ? 200 : 503, lines.joined(separator: "\n")))
    }
}
