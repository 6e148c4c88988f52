import CheckModel
package import Platform

/// The node-agent's side of the protocol as a pure state machine: (state, event, now) → actions.
///
/// It asks for the version first, then polls: status, configs if they are not up to date, endpoints checks. After a
/// poll without a failure it waits for changes: it sends one long poll for its configs after the other, and fetches
/// endpoints checks in between, as often as a poll would. If a long poll fails, or the cluster-agent does not support
/// them, it polls. One of these requests is in flight at a time; extra heartbeats are sent beside it.
///
/// What runs changes only with a complete answer, or when the degraded deadline, if there is one, has passed: an error
/// of any kind never stops a check. In this it is stricter than Datadog's agents, which drop all their cluster checks
/// on a malformed 200. Only exclusive checks are stopped when no leader answers for too long (`ExclusiveLease`).
///
/// When it is asked to stop it takes leave (`Goodbye`).
package struct AgentCore: Sendable {
    /// Where the poll is: disconnected → waiting(version) → disconnected | resting; resting → waiting(…)… → resting |
    /// pausing; pausing → waiting(wait) → pausing | resting | waiting(endpoints).
    private enum Stage: Sendable {
        /// The version is not known. It is requested at `until`, after `failures` failed requests.
        case disconnected(until: Instant, failures: Int)
        /// A request is in flight. `failures` counts failed requests for the version.
        case waiting(AgentRequest, failures: Int)
        /// The poll is done. The next one starts at `until`.
        case resting(until: Instant)
        /// A long poll was answered. The next one is sent at `until`.
        case pausing(until: Instant)
    }

    /// A set of configs, and when the cluster-agent last answered about it.
    private struct ConfigSet: Sendable {
        var configs: [AssignedConfig] = []
        var lastSuccess: Instant?
    }

    /// How long after its deadline the core gives a request up: until then, the transport can still report the reason.
    private static let slack: Duration = .seconds(1)
    /// How soon an agent that was never answered asks again at most; twice as long each time.
    private static let firstRetry: Duration = .seconds(1)
    /// A long poll that is to be answered at once.
    private static let shortestWait: Duration = .milliseconds(10)

    private let options: AgentCoreOptions
    /// The revision of the cluster checks that this agent runs, 0 if there are none. Both change only together.
    private(set) var lastChange: Int64 = 0
    /// Whether the last poll succeeded; nil before the first ended.
    private(set) var isReachable: Bool?

    private var stage: Stage
    private var clusterChecks = ConfigSet()
    private var endpointsChecks = ConfigSet()
    private var extraHeartbeat: AgentRequest?
    private var lastExtraHeartbeat = Instant.distantPast
    /// When the last status call was accepted, or when the agent connected.
    private var lastHeartbeat = Instant.distantPast
    private var isRegistered = false
    /// The polls without an answer before it was registered.
    private var unansweredPolls = 0
    private var clientBuilt = Instant.distantPast
    private var hasLostConnection = false
    private var pollStarted = Instant.distantPast
    private var pollHasFailed = false
    private var failingSince = Instant.distantPast
    private var requests: UInt64 = 0
    private var changeWait: ChangeWait
    private var endpointsRequested = Instant.distantPast
    private var exclusive: ExclusiveLease
    private var journal: ResultJournal
    private var goodbye: Goodbye?

    /// A core that the first `tick` starts.
    package init(options: AgentCoreOptions) {
        self.options = options
        changeWait = ChangeWait(name: options.nodeID)
        exclusive = ExclusiveLease(limit: options.exclusiveLimit)
        journal = ResultJournal(session: options.session)
        stage = .disconnected(until: .distantPast, failures: 0)
    }

    /// The cluster checks and endpoints checks that this agent runs, in the order received.
    var configs: [AssignedConfig] {
        clusterChecks.configs + endpointsChecks.configs
    }

    /// The instances that this agent runs, sorted by check ID. Instances with the same ID have the same bytes, and run
    /// once.
    var instances: [AssignedInstance] {
        let all = (runningClusterConfigs + endpointsChecks.configs).flatMap(\.instances)
        return Dictionary(all.map { (ExactText($0.id), $0) }) { first, _ in first }.sorted { $0.key < $1.key }.map(
            \.value)
    }

    /// The cluster checks' configs without exclusive ones that are stopped.
    private var runningClusterConfigs: [AssignedConfig] {
        clusterChecks.configs.filter { !$0.isExclusive || !exclusive.hasEnded }
    }

    /// The check IDs of the cluster checks that this agent runs, sorted.
    private var runningClusterChecks: [ExactText] {
        Set(runningClusterConfigs.flatMap(\.instances).map { ExactText($0.id) }).sorted()
    }

    /// When `tick` is due next.
    package var nextWake: Instant {
        min(nextStep, exclusiveConfigs > 0 ? exclusive.end : .distantFuture)
    }

    private var nextStep: Instant {
        if let goodbye { return goodbye.wake }
        return switch stage {
        case .disconnected(let until, _): until
        case .waiting(let request, _): min(request.deadline + Self.slack, nextExtraHeartbeat)
        case .resting(let until), .pausing(let until): min(until, nextExtraHeartbeat)
        }
    }

    private var nextExtraHeartbeat: Instant {
        if let extraHeartbeat { return extraHeartbeat.deadline + Self.slack }
        guard clientBuilt != .distantPast else { return .distantFuture }
        let news = isRegistered ? journal.nextReport : .distantFuture
        let regular = min(news, max(lastHeartbeat, lastExtraHeartbeat) + options.extraHeartbeatAfter)
        guard exclusiveConfigs > 0, !exclusive.hasEnded else { return regular }
        let isAnswered = exclusive.answered >= lastExtraHeartbeat
        let pause = isAnswered ? options.exclusiveHeartbeatAfter : options.exclusiveRetryAfter
        return min(regular, max(exclusive.answered, lastExtraHeartbeat) + pause)
    }

    /// Until when exclusive checks may be started: whoever runs them asks at each start, since this process may have
    /// been suspended.
    package var exclusiveEnd: Instant { exclusive.hasEnded ? .distantPast : exclusive.end }

    /// Whether exclusive checks are stopped, as no leader answers.
    package var hasStoppedExclusive: Bool { exclusive.hasEnded && exclusiveConfigs > 0 }

    /// How many exclusive configs this agent has, whether they run or are stopped. Endpoints checks are never
    /// exclusive.
    private var exclusiveConfigs: Int {
        clusterChecks.configs.count { $0.isExclusive }
    }

    /// Handles one event and returns what to do, in order.
    package mutating func handle(_ event: AgentEvent, now: Instant) -> [AgentAction] {
        var actions: [AgentAction] = []
        if case .results(let results, let gone) = event { journal.note(results, gone: gone, now: now) }
        if goodbye != nil || event == .stop {
            takeLeave(event, now, &actions)
        } else {
            if case .answered(let id, let reply) = event { handle(reply, to: id, now, &actions) }
            cancelOverdueRequests(now, &actions)
            sendDueRequests(now, &actions)
        }
        stopExclusiveIfDue(now, &actions)
        return actions
    }

    private mutating func handle(_ reply: AgentReply, to id: UInt64, _ now: Instant, _ actions: inout [AgentAction]) {
        if case .waiting(let request, let failures) = stage, request.id == id {
            handle(reply, to: request, failures: failures, now, &actions)
        } else if let request = extraHeartbeat, request.id == id {
            extraHeartbeat = nil
            guard case .status(_, _, _, let version) = reply else { return }
            exclusive.extend(sentAt: request.sentAt)
            if case .extraHeartbeat(_?) = request.call { journal.acknowledge(version, now: now) }
        }
    }

    // MARK: Time

    private mutating func cancelOverdueRequests(_ now: Instant, _ actions: inout [AgentAction]) {
        if let late = extraHeartbeat, late.deadline + Self.slack <= now {
            extraHeartbeat = nil
            actions.append(.cancel(late.id))
        }
        if case .waiting(let late, let failures) = stage, late.deadline + Self.slack <= now {
            actions.append(.cancel(late.id))
            handle(.failed(.timedOut(after: late.deadline - late.sentAt)), to: late, failures: failures, now, &actions)
        }
    }

    private mutating func sendDueRequests(_ now: Instant, _ actions: inout [AgentAction]) {
        switch stage {
        case .disconnected(let until, let failures) where until <= now:
            rebuildClientIfDue(now, &actions)
            send(.version, failures: failures, now, &actions)
        case .resting(let until) where until <= now:
            rebuildClientIfDue(now, &actions)
            pollStarted = now
            pollHasFailed = false
            send(.status(lastChange: lastChange), now, &actions)
        case .pausing(let until) where until <= now:
            waitForChange(now, &actions)
        case .disconnected, .waiting, .resting, .pausing: break
        }
        if extraHeartbeat == nil, nextExtraHeartbeat <= now {
            let results = isRegistered && journal.nextReport <= now ? journal.report(now) : nil
            let request = makeRequest(.extraHeartbeat(results: results), now)
            extraHeartbeat = request
            lastExtraHeartbeat = now
            actions.append(.send(request))
        }
    }

    /// Reconnects from time to time, and after a connection was lost, so that a new certificate or address takes
    /// effect.
    private mutating func rebuildClientIfDue(_ now: Instant, _ actions: inout [AgentAction]) {
        let isOld = clientBuilt != .distantPast && now - clientBuilt >= options.reconnectPeriod
        guard isOld || hasLostConnection else { return }
        hasLostConnection = false
        changeWait.reset()
        if clientBuilt != .distantPast { clientBuilt = now }
        actions.append(.rebuildClient)
    }

    private mutating func send(
        _ call: AgentCall, failures: Int = 0, deadline: Instant? = nil, _ now: Instant,
        _ actions: inout [AgentAction]
    ) {
        let request = makeRequest(call, deadline: deadline, now)
        stage = .waiting(request, failures: failures)
        actions.append(.send(request))
    }

    private mutating func makeRequest(_ call: AgentCall, deadline: Instant? = nil, _ now: Instant) -> AgentRequest {
        requests += 1
        return AgentRequest(id: requests, call: call, options: options, now: now, deadline: deadline)
    }

    // MARK: Answers

    private mutating func handle(
        _ reply: AgentReply, to request: AgentRequest, failures: Int, _ now: Instant, _ actions: inout [AgentAction]
    ) {
        switch (request.call, reply) {
        case (.version, .version(let version)):
            (clientBuilt, lastHeartbeat) = (now, now)
            stage = .resting(until: now)
            actions.append(.report(.connected(version: version)))
        case (.version, _):
            recordFailure(reply, to: request, now, &actions)
            stage = .disconnected(until: now + Self.backoff(failures), failures: failures + 1)
        case (.status(let lastChange, nil), .status(_, _, asksForRunning: true, _)):
            // The leader is new and does not know what this agent runs: tell it before it decides.
            exclusive.extend(sentAt: request.sentAt)
            send(.status(lastChange: lastChange, running: runningClusterChecks), now, &actions)
        case (.status, .status(let isUpToDate, _, _, _)):
            exclusive.extend(sentAt: request.sentAt)
            clusterChecks.lastSuccess = now
            lastHeartbeat = now
            if !isRegistered { actions.append(.report(.registered)) }
            isRegistered = true
            // A leader that warms up says "up to date" to all: only a list gives exclusive checks back, or the word
            // that the last one still holds.
            if !isUpToDate {
                send(.configs, now, &actions)
            } else if !hasStoppedExclusive {
                requestEndpoints(now, &actions)
            } else if options.waitsForChanges, changeWait.isSupported {
                waitForChange(now, &actions, atMost: Self.shortestWait)
            } else {
                send(.configs, now, &actions)
            }
        case (.status, _):
            recordFailure(reply, to: request, now, &actions)
            dropIfDegraded(\.clusterChecks, now, &actions)
            // Within the grace period a failure counts as "up to date".
            if isWithinGrace(now) { requestEndpoints(now, &actions) } else { send(.configs, now, &actions) }
        case (.configs, .configs(let lastChange, let configs)):
            take(configs, lastChange, from: request, now, &actions)
            requestEndpoints(now, &actions)
        case (.configs, _):
            recordFailure(reply, to: request, now, &actions)
            dropIfDegraded(\.clusterChecks, now, &actions)
            requestEndpoints(now, &actions)
        case (.endpointsConfigs, .configs(_, let configs)):
            replace(\.endpointsChecks, configs, now, &actions)
            endPoll(now, &actions)
        case (.endpointsConfigs, _):
            recordFailure(reply, to: request, now, &actions)
            dropIfDegraded(\.endpointsChecks, now, &actions)
            endPoll(now, &actions)
        case (.wait, .configs(let lastChange, let configs)):
            let isRepeat = lastChange == self.lastChange
            take(configs, lastChange, from: request, now, &actions)
            endWait(isRepeat: isRepeat, now, &actions)
        case (.wait, .unchanged):
            take(clusterChecks.configs, lastChange, from: request, now, &actions)
            endWait(isRepeat: false, now, &actions)
        case (.wait, _):
            failWait(reply, now, &actions)
        case (.extraHeartbeat, _), (.departure, _): break
        }
    }

    private mutating func requestEndpoints(_ now: Instant, _ actions: inout [AgentAction]) {
        guard options.kubernetesNodeName != nil else { return endPoll(now, &actions) }
        endpointsRequested = now
        send(.endpointsConfigs, now, &actions)
    }

    private mutating func endPoll(_ now: Instant, _ actions: inout [AgentAction]) {
        if !pollHasFailed {
            if isReachable == false { actions.append(.report(.reachable(after: now - failingSince))) }
            isReachable = true
        }
        if !pollHasFailed, options.waitsForChanges, changeWait.isSupported {
            waitForChange(now, &actions)
        } else {
            stage = .resting(until: nextPoll(now))
        }
    }

    /// A poll starts one interval after the previous one; after a long poll, at a random time within the interval, so
    /// that agents do not all poll at the same moment. It starts sooner until a leader has answered for the first time,
    /// and while exclusive checks are stopped: they run nowhere meanwhile.
    private mutating func nextPoll(_ now: Instant) -> Instant {
        if hasStoppedExclusive { return now + options.exclusiveRetryAfter }
        if !isRegistered {
            defer { unansweredPolls += 1 }
            let longest = min(options.pollInterval, Self.firstRetry * (1 << min(unansweredPolls, 10)))
            return now + .nanoseconds(Int64(Double(longest.nanoseconds) * (0.5 + changeWait.fraction() / 2)))
        }
        let regular = pollStarted + options.pollInterval
        guard regular <= now, changeWait.began >= pollStarted else { return max(now, regular) }
        return now + .nanoseconds(Int64(Double(options.pollInterval.nanoseconds) * changeWait.fraction()))
    }

    // MARK: Long polls

    private mutating func waitForChange(
        _ now: Instant, _ actions: inout [AgentAction], atMost limit: Duration = .hours(1)
    ) {
        rebuildClientIfDue(now, &actions)
        changeWait.begin(now)
        var longest = min(options.wait, limit)
        if options.kubernetesNodeName != nil {
            longest = min(longest, max(.seconds(1), endpointsRequested + options.pollInterval - now))
        }
        let wait = Double(longest.nanoseconds) * (1 - changeWait.fraction() / 4)
        send(.wait(lastChange: lastChange, wait: .nanoseconds(Int64(wait))), now, &actions)
    }

    private mutating func endWait(isRepeat: Bool, _ now: Instant, _ actions: inout [AgentAction]) {
        lastHeartbeat = max(lastHeartbeat, changeWait.began)
        switch changeWait.end(now, isRepeat: isRepeat) {
        case .unsupported:
            reportWaiting(false, nil, &actions)
            stage = .resting(until: nextPoll(now))
        case .ask(let next):
            if !isRepeat { reportWaiting(true, nil, &actions) }
            if options.kubernetesNodeName != nil, now >= endpointsRequested + options.pollInterval * 3 / 4 {
                pollHasFailed = false
                requestEndpoints(now, &actions)
            } else if next > now {
                stage = .pausing(until: next)
            } else {
                waitForChange(now, &actions)
            }
        }
    }

    /// Only falls back to polling: the next poll applies the grace period and the degraded deadline.
    private mutating func failWait(_ reply: AgentReply, _ now: Instant, _ actions: inout [AgentAction]) {
        let failure =
            if case .failed(let failure) = reply { failure } else {
                AgentFailure.malformed("it belongs to another call")
            }
        if failure.isOfConnection { hasLostConnection = true }
        if changeWait.isReported == true { reportWaiting(false, failure, &actions) }
        stage = .resting(until: nextPoll(now))
    }

    private mutating func reportWaiting(_ isWaiting: Bool, _ failure: AgentFailure?, _ actions: inout [AgentAction]) {
        guard changeWait.isReported != isWaiting else { return }
        changeWait.isReported = isWaiting
        actions.append(.report(isWaiting ? .waiting : .polling(failure)))
    }

    /// Records a failed poll. Only the first failure after a success is reported.
    private mutating func recordFailure(
        _ reply: AgentReply, to request: AgentRequest, _ now: Instant, _ actions: inout [AgentAction]
    ) {
        pollHasFailed = true
        let failure =
            if case .failed(let failure) = reply { failure } else {
                AgentFailure.malformed("it belongs to another call")
            }
        if failure.isOfConnection { hasLostConnection = true }
        guard isReachable != false else { return }
        isReachable = false
        failingSince = now
        actions.append(.report(.unreachable(call: request.call, failure)))
    }

    /// 1, 2, 4 … seconds, at most 5 minutes.
    private static func backoff(_ failures: Int) -> Duration {
        .seconds(min(300, 1 << min(failures, 9)))
    }

    // MARK: Configs

    private func isWithinGrace(_ now: Instant) -> Bool {
        clusterChecks.lastSuccess.map { now - $0 <= options.gracePeriod } ?? false
    }

    /// Takes the cluster checks that the answer to a request names.
    private mutating func take(
        _ configs: [AssignedConfig], _ lastChange: Int64, from request: AgentRequest, _ now: Instant,
        _ actions: inout [AgentAction]
    ) {
        // For the leader a plain fetch is no heartbeat.
        let sentAt: Instant? = if case .wait = request.call { request.sentAt } else { nil }
        self.lastChange = lastChange
        let hadEnded = exclusive.hasEnded
        exclusive.renew(sentAt: sentAt, now)
        let isOther = exclusive.hasEnded != hadEnded
        replace(\.clusterChecks, configs, restarting: isOther && exclusiveConfigs > 0, now, &actions)
        if isOther, exclusiveConfigs > 0 { reportExclusive(now, &actions) }
    }

    private mutating func stopExclusiveIfDue(_ now: Instant, _ actions: inout [AgentAction]) {
        guard exclusiveConfigs > 0, exclusive.expire(now) else { return }
        actions.append(.run(instances))
        reportExclusive(now, &actions)
    }

    private func reportExclusive(_ now: Instant, _ actions: inout [AgentAction]) {
        let (configs, silence) = (exclusiveConfigs, now - exclusive.answered)
        actions.append(
            .report(
                exclusive.hasEnded
                    ? .exclusiveStopped(configs: configs, after: silence) : .exclusiveStarted(configs: configs)))
    }

    private mutating func replace(
        _ set: WritableKeyPath<AgentCore, ConfigSet>, _ configs: [AssignedConfig], restarting: Bool = false,
        _ now: Instant, _ actions: inout [AgentAction]
    ) {
        self[keyPath: set].lastSuccess = now
        let old = self[keyPath: set].configs
        guard old != configs || restarting else { return }
        self[keyPath: set].configs = configs
        actions.append(.run(instances))
        let (before, after) = (Set(old), Set(configs))
        let (added, removed) = (after.subtracting(before).count, before.subtracting(after).count)
        guard added + removed > 0 else { return }
        actions.append(.report(.configsChanged(added: added, removed: removed, total: self.configs.count)))
    }

    private mutating func dropIfDegraded(
        _ set: WritableKeyPath<AgentCore, ConfigSet>, _ now: Instant, _ actions: inout [AgentAction]
    ) {
        guard options.degradedDeadline > .zero, let lastSuccess = self[keyPath: set].lastSuccess,
            now - lastSuccess > options.degradedDeadline, !self[keyPath: set].configs.isEmpty
        else { return }
        let count = self[keyPath: set].configs.count
        self[keyPath: set].configs = []
        if set == \.clusterChecks { lastChange = 0 }
        actions.append(.run(instances))
        actions.append(.report(.configsDropped(configs: count, after: now - lastSuccess)))
    }

    // MARK: Goodbye

    private mutating func takeLeave(_ event: AgentEvent, _ now: Instant, _ actions: inout [AgentAction]) {
        var step = Goodbye.Step.rest
        switch event {
        case .stop where goodbye == nil:
            cancelRequests(&actions)
            goodbye = Goodbye(now: now)
            // Whoever never connected has nothing to say.
            if clientBuilt == .distantPast { step = goodbye?.finish() ?? .finish }
        case .answered(let id, let reply):
            guard case .waiting(let request, _) = stage, request.id == id else { break }
            stage = .resting(until: .distantFuture)
            if case .status = reply { exclusive.extend(sentAt: request.sentAt) }
            if request.call == .configs, case .configs(let lastChange, let configs) = reply {
                take(configs, lastChange, from: request, now, &actions)
            }
            step = goodbye?.handle(reply, now) ?? .rest
        case .idle: step = goodbye?.handleIdle(now) ?? .rest
        case .tick, .stop, .results: break
        }
        if step == .rest { step = goodbye?.tick(now) ?? .rest }
        perform(step, now, &actions)
    }

    private mutating func perform(_ step: Goodbye.Step, _ now: Instant, _ actions: inout [AgentAction]) {
        switch step {
        case .ask(let deadline):
            send(.departure(.leaving, lastChange: lastChange), deadline: deadline, now, &actions)
        case .fetch(let deadline): send(.configs, deadline: deadline, now, &actions)
        case .rest: break
        case .stopChecks:
            cancelRequests(&actions)
            (clusterChecks.configs, endpointsChecks.configs, lastChange) = ([], [], 0)
            actions += [.run([]), .awaitIdle]
        case .confirm(let deadline): send(.departure(.gone, lastChange: 0), deadline: deadline, now, &actions)
        case .finish:
            cancelRequests(&actions)
            if let goodbye, clientBuilt != .distantPast { actions.append(.report(goodbye.report(now))) }
            actions.append(.finish)
        }
    }

    /// Cancels whatever is in flight.
    private mutating func cancelRequests(_ actions: inout [AgentAction]) {
        if case .waiting(let request, _) = stage { actions.append(.cancel(request.id)) }
        if let extraHeartbeat { actions.append(.cancel(extraHeartbeat.id)) }
        stage = .resting(until: .distantFuture)
        extraHeartbeat = nil
    }
}
