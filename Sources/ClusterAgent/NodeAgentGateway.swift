import HTTPServer
import NodeAgentAPI
import Platform

/// Performs what the node-agents' API decides: answers, or asks the leader and then answers.
struct NodeAgentGateway: HTTPHandler {
    let api: APIMachine
    let forwarder: LeaderForwarder
    let clock: any Clock

    func handle(_ request: HTTPRequest, _ responder: Responder) {
        switch api.handle(request, now: clock.now()) {
        case .respond(let response):
            responder.respond(response)
        case .forward(let forward):
            forwarder.perform(forward) { result in
                responder.respond(api.finish(forward, result, now: clock.now()))
            }
        }
    }
}
