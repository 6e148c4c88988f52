import AutoConf
import CheckModel
import ClusterChecks
import HTTPServer
import JSON
import Kubernetes
import Leadership
import Platform

/// How the API answers, and its limits.
package struct APIOptions: Sendable {
    /// What `GET /version` says.
    package var version: AgentVersion
    /// How long a forwarded call may take before it fails.
    package var forwardTimeout: Duration = .seconds(5)
    /// How long an operator's forwarded call may take: the leader refreshes all statistics first.
    package var operationTimeout: Duration = .seconds(25)
    /// How long after it forwarded a call a follower may pass the leader's answer on. A release of the Lease waits for
    /// as long: see `API.forwardedUntil`.
    package var forwardedAnswerLifetime: Duration = .milliseconds(400)
    /// How much longer that is for each byte of an answer beyond the first MiB: a large one must come through a slow
    /// network or a busy follower, or its agent never gets it. Default: 1 s for 16 MiB.
    var lifetimePerByte: Duration = .nanoseconds(60)
    /// The largest answer to an agent.
    package var maximumAnswerBytes = ConfigsAnswer.maximumBytes
    /// How long a call may wait for a change: a third of the node expiration timeout, because its arrival is a
    /// heartbeat.
    package var longestWait: Duration = .seconds(10)
    /// How long a follower's call may wait: half of `longestWait`, because it carries the heartbeats of the nodes that
    /// wait at the follower.
    var longestFollow: Duration { longestWait / 2 }
    /// How many calls may wait; further ones are refused. As many as a server has connections.
    package var maximumWaiting = 10_000

    /// The defaults, with a version.
    package init(version: AgentVersion) {
        self.version = version
    }
}

/// Decides what becomes of each request, and of each forwarded call that came back. No I/O: `RequestHandler` performs
/// the actions.
///
/// Every answer that only a leader may give carries the term's token, and a gate that is asked right before the answer
/// is written.
struct API: Sendable {
    /// What to do with a request.
    enum Action: Sendable {
        /// Answer it.
        case respond(HTTPResponse)
        /// Find out which agent's token it presents, then handle it as that agent's.
        case identify(String)
        /// Refuse it to this agent.
        case refuse(AgentIdentity, APIError)
        /// Answer it, by `told`, once the followers named in the Lease know the store at this version.
        case tell(HTTPResponse, since: UInt64, in: Term)
        /// Answer it with what this returns, apart from the serving thread: to scrub very many configs takes seconds.
        case respondInBackground(@Sendable () -> HTTPResponse)
        /// Forward it to the leader, and pass the result to `finish`.
        case forward(Forward)
        /// Answer it when the node's configs change, or its wait is over.
        case wait(ConfigsPoll)
        /// Answer it, a follower's, when any node's configs change, or its wait is over.
        case follow(FollowRequest)
        /// Answer it, a follower's that mirrors the store, when something changes, or its wait is over.
        case mirror(MirrorRequest)
        /// Answer it with what a look at the overview shows, now or when there is another one.
        case look(OverviewPoll?)
        /// Forward it to the leader, and answer it with the last overview known if no answer comes.
        case lookAtLeader(Forward, isWaiting: Bool)
        /// Refresh the statistics, then pass it to `finish`.
        case rebalance(Rebalancing)
        /// Keep what an operator wants, then pass what became of it to `finish`.
        case intend(Intention)
    }

    /// Until when followers may pass on answers that this replica gave as the leader. When a term ends early, the Lease
    /// is released only after this, so that no answer of the term leaves a follower after another term has begun.
    let forwardedUntil = Deadline(Instant(nanoseconds: 0))

    let handler: Handler
    private let admission: Admission
    private let problems: @Sendable () -> [ReportedProblem]
    let results: CheckResults
    private let lastHistory: @Sendable () -> History
    let options: APIOptions
    let clock: GateClock
    private let versionBody: [[UInt8]]

    private static let upToDate = [NodeStatusAnswer.bytes(upToDate: true)]
    private static let outOfDate = [NodeStatusAnswer.bytes(upToDate: false)]

    /// An API in front of `handler`.
    ///
    /// - Parameters:
    ///   - admission: whose requests are answered.
    ///   - problems: what cannot be used of the configs that this replica has read.
    ///   - results: where what agents say of their checks goes.
    ///   - lastHistory: what this replica knows of the history, whoever leads.
    init(
        handler: Handler, admission: Admission, problems: @escaping @Sendable () -> [ReportedProblem] = { [] },
        results: CheckResults = CheckResults(), lastHistory: @escaping @Sendable () -> History = { History() },
        options: APIOptions, clock: any Clock
    ) {
        self.handler = handler
        self.admission = admission
        self.problems = problems
        self.results = results
        self.lastHistory = lastHistory
        self.options = options
        self.clock = GateClock(clock)
        versionBody = [options.version.body]
    }

    /// Decides what becomes of a request for a route that came at `now`.
    func handle(_ request: HTTPRequest, _ route: Route, now: Instant) -> Action {
        switch admission.verdict(on: request, for: route.authority, now, clock.wallTime()) {
        case .refused(let response): .respond(response)
        case .unidentified(let token): .identify(token)
        case .admitted(let identity): handle(request, route, from: identity, now: now)
        }
    }

    /// Decides what becomes of an admitted request; `identity` is the agent's, if its credentials are its own.
    func handle(_ request: HTTPRequest, _ route: Route, from identity: AgentIdentity?, now: Instant) -> Action {
        do throws(APIError) {
            guard let identity else { return try answer(to: request, route, now) }
            if let refusal = identity.refusal(of: route) { return .refuse(identity, refusal) }
            return try answer(to: admission.vouched(request, for: identity), route, now)
        } catch {
            return .respond(error.response)
        }
    }

    private func answer(to request: HTTPRequest, _ route: Route, _ now: Instant) throws(APIError) -> Action {
        guard request.method == route.method else { throw .methodNotAllowed(allowed: route.method) }
        return try answer(route, request, now)
    }

    private static func statusBody(_ answer: Dispatcher.ReportAnswer, _ resultsVersion: Int64?) -> [[UInt8]] {
        if answer.asksForRunning { return [NodeStatusAnswer.asking] }
        guard answer.handingOver == 0, resultsVersion == nil else {
            return [
                NodeStatusAnswer.bytes(
                    upToDate: answer.isUpToDate, handingOver: answer.handingOver, resultsVersion: resultsVersion)
            ]
        }
        return answer.isUpToDate ? upToDate : outOfDate
    }

    private func answer(_ route: Route, _ request: HTTPRequest, _ now: Instant) throws(APIError) -> Action {
        switch route {
        case .status(let id):
            return try status(of: id, request, now)
        case .configs(let id):
            // A forwarded call is never parked here: the replica that the caller asked parks it.
            if !Forward.isForwarded(request), let poll = try ConfigsPoll(request, node: id) { return .wait(poll) }
            return try asLeader(request, now) { () throws(ClusterChecksError) in
                let node = try handler.configs(of: id, now: now)
                return (
                    ConfigsAnswer.pieces(lastChange: node.value.revision, configs: node.value.configs), node.term,
                    node.value.since
                )
            }
        case .endpointsChecks(let nodeName):
            return try asLeader(request, now) { () throws(ClusterChecksError) in
                let checks = try handler.endpointsChecks(of: nodeName, now: now)
                return (
                    ConfigsAnswer.pieces(lastChange: 0, configs: checks.value.configs), checks.term, checks.value.since
                )
            }
        case .targets(let id):
            return try targets(of: id, request, now)
        case .allEndpointsChecks:
            return .respondInBackground { allEndpointsChecks(request, now) }
        case .rebalance:
            let asked: RebalanceRequest
            do { asked = try RebalanceRequest(parsing: request.body) } catch { throw .malformedBody(error) }
            return try atLeader(request, now, within: options.operationTimeout) {
                .rebalance(Rebalancing(asked: asked, request: request))
            }
        case .isolate(let checkID):
            return try intend(IntentCommand(.isolate, check: checkID), request, now, asUpstream: true)
        case .intent:
            let command: IntentCommand
            do { command = try IntentCommand(parsing: request.body) } catch { throw .malformedBody(error) }
            return try intend(command, request, now, asUpstream: false)
        case .follow:
            return .follow(try FollowRequest(parsing: request.body))
        case .mirror:
            return .mirror(try MirrorRequest(parsing: request.body))
        case .state:
            return try anywhere(request, now) { .respondInBackground { state(request, now) } }
        case .overview:
            return try overview(request, now)
        case .explain(let checkID):
            return try asking(request, now, within: options.operationTimeout) { () throws(ClusterChecksError) in
                let explanation = try handler.explain(checkID)
                return ([shown(explanation.value, of: checkID).encoded()], explanation.term)
            }
        case .simulate:
            let change: SupposedChange
            do { change = try SupposedChange(parsing: request.body) } catch { throw .malformedBody(error) }
            return try asking(request, now, within: options.operationTimeout) { () throws(ClusterChecksError) in
                let answer = try handler.simulate(change)
                return ([answer.value.encoded.encoded()], answer.term)
            }
        case .history:
            return try history(request, now)
        case .version:
            return .respond(.json(versionBody))
        }
    }
}

// Leader-only calls.
extension API {
    /// Answers a node-agent's report, and takes what it says of its results.
    private func status(of id: String, _ request: HTTPRequest, _ now: Instant) throws(APIError) -> Action {
        let status: NodeStatusRequest
        do { status = try NodeStatusRequest(parsing: request.body) } catch { throw .malformedBody(error) }
        let address = try NodeAddress.of(request)
        let report = NodeReport(
            id: id, status: status, address: address.text, isAddressStated: address.isStated,
            peer: NodeAddress.peer(of: request))
        return try asLeader(request, now) { () throws(ClusterChecksError) in
            let answer = try handler.nodeStatus(report, now: now)
            let version = status.results.map { results.take($0, of: id, now: now, at: clock.wallTime()) }
            return (Self.statusBody(answer.value, version), answer.term, answer.value.since)
        }
    }

    /// Answers a Prometheus' fetch of its targets, which registers it and is its heartbeat.
    private func targets(of id: String, _ request: HTTPRequest, _ now: Instant) throws(APIError) -> Action {
        let report = try ScrapeFetch.report(of: id, request)
        return try asLeader(request, now) { () throws(ClusterChecksError) in
            _ = try handler.nodeStatus(report, now: now)
            let node = try handler.configs(of: id, now: now)
            return (ScrapeTargetsAnswer.pieces(node.value.configs), node.term, node.value.since)
        }
    }

    /// Answers as the leader, or forwards the call to it.
    ///
    /// - Parameter answer: the answer, its term, and since which version of the store it has been so, if it tells what
    ///   to run.
    private func asLeader(
        _ request: HTTPRequest, _ now: Instant,
        _ answer: () throws(ClusterChecksError) -> (body: [[UInt8]], term: Term, since: UInt64?)
    ) throws(APIError) -> Action {
        let (body, term, since): ([[UInt8]], Term, UInt64?)
        do throws(ClusterChecksError) {
            (body, term, since) = try answer()
        } catch .notLeading(let leader?) {
            return .forward(try forward(request, to: leader, now, within: options.forwardTimeout))
        } catch {
            throw .clusterChecks(error)
        }
        if let error = tooLarge(body) { throw error }
        guard let since else { return .respond(inTerm(term, body, for: request, now)) }
        return .tell(inTerm(term, body), since: since, in: term)
    }

    /// An answer that may be told now to a request that came at `arrival`.
    func told(_ response: HTTPResponse, in term: Term, to request: HTTPRequest, arrival: Instant) -> HTTPResponse {
        guard Forward.isForwarded(request) else { return response }
        var response = response
        promise(&response, in: term, arrival: arrival, clock.now())
        return response
    }

    /// Why a body is not sent to an agent: a follower would not pass it on, nor our agent read it.
    func tooLarge(_ body: [[UInt8]]) -> APIError? {
        let size = Self.size(of: body)
        return size > options.maximumAnswerBytes
            ? .answerTooLarge(bytes: size, limit: options.maximumAnswerBytes) : nil
    }

    private static func size(of body: [[UInt8]]) -> Int {
        body.reduce(0) { $0 + $1.count }
    }

    func forward(
        _ request: HTTPRequest, to leader: LeaderEndpoint, _ now: Instant, within timeout: Duration,
        isOperation: Bool = false
    ) throws(APIError) -> Forward {
        // One hop at most: two replicas that each believe the other leads must not send a call in circles.
        guard !Forward.isForwarded(request) else { throw .alreadyForwarded(from: request.peer) }
        return Forward(request, to: leader, now: now, timeout: timeout, isOperation: isOperation)
    }

    func inTerm(
        _ term: Term, _ body: [[UInt8]], for request: HTTPRequest, _ now: Instant
    ) -> HTTPResponse {
        var response = inTerm(term, body)
        if Forward.isForwarded(request) { promise(&response, in: term, arrival: now, now) }
        return response
    }

    /// A leader's 200, which leaves only while the term is valid.
    func inTerm(_ term: Term, _ body: [[UInt8]]) -> HTTPResponse {
        HTTPResponse(
            status: 200, headers: term.answerHeaders, body: body, gate: TermGate(term: term, clock: clock))
    }

    /// Adds for how long a follower may pass the answer on, counted from when it sent the call, which was before the
    /// call arrived here.
    func promise(_ response: inout HTTPResponse, in term: Term, arrival: Instant, _ now: Instant) {
        let size = Self.size(of: response.body)
        let wanted = options.forwardedAnswerLifetime + options.lifetimePerByte * max(0, size - 1 << 20)
        let lifetime = max(.zero, min(wanted, term.validUntil.instant - now))
        forwardedUntil.extend(to: now + lifetime)
        // A hundredth less than it waited here, in case the clocks run at different rates.
        let sinceSent = lifetime + (now - arrival) * 99 / 100
        let total = lifetime == .zero ? .zero : sinceSent
        response.headers.append((Forward.validForHeader, String(total.nanoseconds / 1_000_000)))
    }

    /// The endpoints checks of all nodes, scrubbed.
    private func allEndpointsChecks(_ request: HTTPRequest, _ now: Instant) -> HTTPResponse {
        do throws(ClusterChecksError) {
            let checks = try handler.allEndpointsChecks(now: now)
            let body = ConfigsAnswer.pieces(lastChange: 0, configs: checks.value, isShown: true)
            return inTerm(checks.term, body, for: request, now)
        } catch {
            return APIError.clusterChecks(error).response
        }
    }

    /// Who runs what. Any replica answers; one that does not lead says so.
    private func state(_ request: HTTPRequest, _ now: Instant) -> HTTPResponse {
        do throws(ClusterChecksError) {
            let state = try handler.snapshot(now: now)
            let nodes = state.nodes.map {
                StateAnswer.Node(
                    name: $0.id, configs: $0.configs, pod: $0.conditions.pod, address: $0.address, nodeType: $0.type,
                    conditions: $0.remarks, stats: $0.statistics?.checks ?? [:],
                    results: results.of($0.id, now: now))
            }
            let dangling = state.dangling.map {
                StateAnswer.Dangling(config: $0.config, reason: $0.reason.description)
            }
            let answer = StateAnswer(
                warmup: state.isWarmingUp, nodes: nodes, dangling: dangling,
                endpointsChecks: state.endpointsChecks.count, problems: problems().map { StateAnswer.Problem($0) })
            return inTerm(state.term, [answer.encoded()], for: request, now)
        } catch .startingUp {
            return .json([StateAnswer(notRunning: "Startup in progress").encoded()])
        } catch {
            var leader: String?
            if case .notLeading(let endpoint) = error { leader = endpoint?.address }
            return .json([StateAnswer(notRunning: "currently follower", leader: leader).encoded()])
        }
    }

    /// What to do with an operator's call: what `lead` says at the leader, and forward it elsewhere.
    private func atLeader(
        _ request: HTTPRequest, _ now: Instant, within timeout: Duration, _ lead: () -> Action
    ) throws(APIError) -> Action {
        switch handler.leadership(at: now) {
        case .leading: return lead()
        case .following(let leader?):
            return .forward(try forward(request, to: leader, now, within: timeout, isOperation: true))
        case .following(nil): throw .clusterChecks(.notLeading(nil))
        case .unknown: throw .clusterChecks(.startingUp)
        }
    }

    /// What an operator looks at: the leader's answer, if one is known, else this replica's.
    private func anywhere(_ request: HTTPRequest, _ now: Instant, _ here: () -> Action) throws(APIError) -> Action {
        guard case .following(let leader?) = handler.leadership(at: now), !Forward.isForwarded(request) else {
            return here()
        }
        return .forward(try forward(request, to: leader, now, within: options.operationTimeout, isOperation: true))
    }

    /// What a person sees at a glance. Any replica answers: the leader's, or the last one known.
    private func overview(_ request: HTTPRequest, _ now: Instant) throws(APIError) -> Action {
        let poll = try OverviewPoll(request)
        guard case .following(let leader?) = handler.leadership(at: now), !Forward.isForwarded(request) else {
            return .look(poll)
        }
        let timeout = (poll?.wait ?? .zero) + options.forwardTimeout
        let call = try forward(request, to: leader, now, within: timeout, isOperation: true)
        return .lookAtLeader(call, isWaiting: poll != nil)
    }

    /// The answer to somebody who looks.
    func answer(_ look: Overviews.Look) -> HTTPResponse {
        switch look {
        case .current(let body, let term): inTerm(term, body)
        case .lastKnown(let body): .json(body)
        case .unchanged: HTTPResponse(status: 304)
        case .refused(let error): error.response
        }
    }

    /// What an operator asks the leader, answered apart from the serving thread: it may look at every config.
    private func asking(
        _ request: HTTPRequest, _ now: Instant, within timeout: Duration,
        _ answer: @escaping @Sendable () throws(ClusterChecksError) -> (body: [[UInt8]], term: Term)
    ) throws(APIError) -> Action {
        try atLeader(request, now, within: timeout) {
            .respondInBackground {
                do throws(ClusterChecksError) {
                    let (body, term) = try answer()
                    return inTerm(term, body, for: request, clock.now())
                } catch {
                    return APIError.clusterChecks(error).response
                }
            }
        }
    }

    /// What happened, from the leader; while nobody leads, as far as this replica knows.
    private func history(_ request: HTTPRequest, _ now: Instant) throws(APIError) -> Action {
        let query = try HistoryQuery(request)
        if case .following(nil) = handler.leadership(at: now) {
            return .respondInBackground {
                let entries = query.matching(lastHistory().entries, at: clock.wallTime())
                let members: [ExactText: JSONValue] = [
                    "history": .array(entries.map(\.encoded)), "is_last_known": .bool(true),
                ]
                return .json([JSONValue.object(members).encoded()])
            }
        }
        return try asking(request, now, within: options.forwardTimeout) { () throws(ClusterChecksError) in
            let history = try handler.history(now: clock.now())
            let entries = query.matching(history.value.entries, at: clock.wallTime())
            return ([JSONValue.object(["history": .array(entries.map(\.encoded))]).encoded()], history.term)
        }
    }

    private func intend(
        _ command: IntentCommand, _ request: HTTPRequest, _ now: Instant, asUpstream: Bool
    ) throws(APIError) -> Action {
        try atLeader(request, now, within: options.operationTimeout) {
            .intend(Intention(command: command, request: request, isAnsweredAsUpstream: asUpstream))
        }
    }

    /// Does what an operator asked, by the statistics that the Handler has now.
    func finish(_ rebalancing: Rebalancing, now: Instant) -> HTTPResponse {
        do throws(ClusterChecksError) {
            let asked = rebalancing.asked
            let answer = try handler.rebalance(isForced: asked.force, isDry: asked.isDry)
            let body = asked.explains ? answer.value.explained() : answer.value.encoded()
            return inTerm(answer.term, [body], for: rebalancing.request, now)
        } catch {
            return APIError.clusterChecks(error).response
        }
    }

    /// Answers what became of what an operator wants.
    func finish(_ intention: Intention, _ outcome: IntentOutcome, now: Instant) -> HTTPResponse {
        let (check, asUpstream) = (intention.command.check, intention.isAnsweredAsUpstream)
        switch outcome {
        case .done(let decision, let term, let isKept) where asUpstream:
            let done = Self.meaning(decision, isKept)
            let body = IsolateAnswer(isolated: check, on: decision.node, done: done).encoded()
            return inTerm(term, [body], for: intention.request, now)
        // Upstream answers 200 also where it refuses.
        case .refused(.intent(let reason)) where asUpstream:
            return .json([IsolateAnswer(refused: check, reason: reason).encoded()])
        case .done(let decision, let term, let isKept):
            let done = JSONValue.string(Self.meaning(decision, isKept))
            let body = JSONValue.object(["done": done, "kept": .bool(isKept)]).encoded()
            return inTerm(term, [body], for: intention.request, now)
        case .refused(let error):
            return APIError.clusterChecks(error).response
        case .notKept(let reason):
            return APIError.intentNotKept(reason).response
        }
    }

    private static func meaning(_ decision: IntentDecision, _ isKept: Bool) -> String {
        isKept ? decision.answer : "\(decision.answer); this is not kept when all replicas stop"
    }

    /// The answer to the caller of a forwarded call that came back or failed.
    ///
    /// A leader's 200 is passed on only for as long as the leader allowed, counted from when the call was sent, and
    /// only while this replica follows that leader.
    func finish(_ forward: Forward, _ result: ForwardResult, now: Instant) -> HTTPResponse {
        switch result {
        case .failed(let reason):
            return APIError.forwardFailed(leader: forward.leader, reason: reason).response
        case .answered(let status, let headers, let body):
            let passed = Forward.passedOn(headers)
            if forward.isOperation {
                if status == 403 { return APIError.operatorUnknown(leader: forward.leader).response }
                // It reports what was done, which stays true whoever leads.
                return HTTPResponse(status: status, headers: passed, body: [body])
            }
            // It is about us, not about the agent, which would take its own token for a wrong one.
            if forward.isVouched, status == 401 || status == 403 {
                return APIError.notBelieved(leader: forward.leader, reason: body).response
            }
            guard status == 200 else { return HTTPResponse(status: status, headers: passed, body: [body]) }
            guard let lifetime = Forward.lifetime(headers) else {
                return APIError.forwardFailed(leader: forward.leader, reason: "its answer names no term").response
            }
            guard handler.leadership(at: now) == .following(forward.leader) else {
                return APIError.forwardedTooLate.response
            }
            let gate = ForwardGate(until: forward.sentAt + lifetime, clock: clock)
            return HTTPResponse(status: 200, headers: passed, body: [body], gate: gate)
        }
    }
}

/// A clock behind one reference, so that a gate takes two words and no answer allocates for it.
final class GateClock: Sendable {
    private let clock: any Clock

    init(_ clock: any Clock) {
        self.clock = clock
    }

    func now() -> Instant { clock.now() }

    func wallTime() -> WallTime { clock.wallTime() }
}

/// Lets a leader's answer out only while its term is valid.
struct TermGate: ResponseGate {
    let term: Term
    let clock: GateClock

    func replacement() -> HTTPResponse? {
        term.isValid(at: clock.now()) ? nil : APIError.termEnded.response
    }
}

/// Lets a forwarded answer out only for as long as its leader allowed.
struct ForwardGate: ResponseGate {
    let until: Instant
    let clock: GateClock

    func replacement() -> HTTPResponse? {
        clock.now() < until ? nil : APIError.forwardedTooLate.response
    }
}

/// An operator's call to rebalance, which the leader decides by what runners measure at that time.
struct Rebalancing: Sendable {
    let asked: RebalanceRequest
    let request: HTTPRequest
}

/// An operator's call to have something kept of checks or nodes.
struct Intention: Sendable {
    let command: IntentCommand
    let request: HTTPRequest
    /// Whether it came by upstream's call to isolate a check, which has an answer of its own.
    let isAnsweredAsUpstream: Bool
}

/// The version that `GET /version` answers. Node-agents take major 1 with a minor below 21 for an old protocol that
/// redirects: be 7 or more.
package struct AgentVersion: Sendable {
    private let major: Int
    private let minor: Int
    private let patch: Int
    private let commit: String

    /// A version; `commit` may be empty.
    package init(major: Int, minor: Int, patch: Int, commit: String = "") {
        self.major = major
        self.minor = minor
        self.patch = patch
        self.commit = commit
    }

    /// The JSON object.
    var body: [UInt8] {
        JSONValue.object([
            "Major": .number(String(major)), "Minor": .number(String(minor)), "Patch": .number(String(patch)),
            "Pre": .string(""), "Meta": .string(""), "Commit": .string(commit),
        ]).encoded()
    }
}
