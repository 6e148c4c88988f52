import CheckModel
import HTTPServer
import Platform
import Synchronization

/// A cluster-agent of few words, over real TLS: it hands out what the test gives it, and remembers who asked what.
final class FakeClusterAgent: HTTPHandler {
    struct State {
        var configs: [WireConfig] = []
        var revision: Int64 = 0
        /// Answered to everything but the version, in place of the real answer.
        var failure: (status: Int, body: String)?
        /// What it says to an agent that is leaving, in order; 0 at the end.
        var handingOver: [Int] = []
        /// Whether it leaves every request unanswered.
        var isSilent = false
        /// The requests that it left so: a responder that nobody holds answers by itself.
        var unanswered: [Responder] = []
        /// What agents that stop have said.
        var departures: [NodeStatusRequest] = []
        var requests: [(method: HTTPMethod, path: String, realIP: String?, authorization: String?)] = []
    }

    let state = Mutex(State())

    func set(_ configs: [WireConfig], revision: Int64) {
        state.withLock { state in
            state.configs = configs
            state.revision = revision
        }
    }

    func fail(_ failure: (status: Int, body: String)?) {
        state.withLock { $0.failure = failure }
    }

    func handle(_ request: HTTPRequest, _ responder: Responder) {
        let response = state.withLock { state -> HTTPResponse? in
            state.requests.append(
                (
                    request.method, request.path, request.headers["X-Real-Ip"],
                    request.headers["Authorization"]
                ))
            let status = request.method == .post ? try? NodeStatusRequest(parsing: request.body) : nil
            if let status, status.departure != nil { state.departures.append(status) }
            if state.isSilent {
                state.unanswered.append(responder)
                return nil
            }
            if request.path == "/version" { return .json([Array(#"{"Major":7,"Minor":60,"Patch":0}"#.utf8)]) }
            if let failure = state.failure {
                return HTTPResponse(status: failure.status, body: [Array(failure.body.utf8)])
            }
            if request.method == .post {
                let isUpToDate = status?.lastChange == state.revision || status?.lastChange == -1
                let isLeaving = status?.departure == .leaving && !state.handingOver.isEmpty
                let count = isLeaving ? state.handingOver.removeFirst() : 0
                return .json([NodeStatusAnswer.bytes(upToDate: isUpToDate, handingOver: count)])
            }
            return .json([ConfigsAnswer.wire(lastChange: state.revision, state.configs)])
        }
        if let response { responder.respond(response) }
    }
}

/// A server for a handler, on any port of loopback.
struct RunningServer {
    let server: HTTPServer
    let identity: TLSIdentity

    init(_ handler: any HTTPHandler) throws {
        let clock = SystemClock()
        identity = try TLSIdentity.selfSigned(hosts: [])
        server = try HTTPServer(
            options: HTTPServerOptions(
                name: "test", host: "127.0.0.1", port: 0, tls: TLSServerOptions(identity: identity)),
            handler: handler, clock: clock, log: Log(sink: NoLog()))
        try server.start()
    }

    var url: String {
        "https://127.0.0.1:\(server.port)"
    }

    /// Writes the certificate to a file that the caller removes.
    func writeCertificate(_ name: String) throws -> String {
        let path = "/tmp/node-agent-test-\(name)-\(SystemEntropy().uuid()).pem"
        try writeFile(path, identity.certificatePEM)
        return path
    }
}
