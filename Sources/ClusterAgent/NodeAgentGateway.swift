import HTTPServer
import NodeAgentAPI
import Platform

/// Performs what the node-agents' API decides: answers, or asks the leader and then answers.
struct NodeAgentGateway: HTTPHandler {
    private let api: NodeAgentAPI
    private let forwarder: LeaderForwarder
    private let clock: any Clock

    func handle(_ request: HTTPRequest, _ responder: Responder) {
        switch api.handle(request, now: clock.now()) {
        case .respond(let response):
            responder.respond(response)
        case .forward(let forward):
            forwarder.forward(forward.request, to: forward.leader, deadline: forward.deadline) { result in
                responder.respond(api.forwardFinished(forward, result, now: clock.now()))
            }
        }
    }
}
