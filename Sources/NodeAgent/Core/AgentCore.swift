package import Platform

/// The node-agent's side of the protocol as a pure state machine: (state, event, now) → actions.
///
/// It asks for the version first, then polls: status, configs when they are not up to date, endpoints checks. After a poll without a failure it
/// does not rest: it asks for its configs so that the answer comes when they change, and again after each answer, with endpoints checks between
/// as often as a poll would ask for them. Where that fails, or is not known, it polls. One of these requests is under way at a time; extra
/// heartbeats go beside it. What runs changes only when a complete answer says so
/// (or the degraded deadline, if there is one, has passed): an error, of whatever kind, never stops a check. In this it is
/// stricter than Datadog's agents, which drop all their cluster checks on a malformed 200.
package struct AgentCore: Sendable {
    /// What the poll is at. disconnected → waiting(version) → disconnected | resting; resting → waiting(…)… → resting | pausing; pausing →
    /// waiting(wait) → pausing | resting | waiting(endpoints).
    private enum Stage: Sendable {
        /// The version is not known; asks for it at `until`, after `failures` failures.
        case disconnected(until: Instant, failures: Int)
        /// A request is under way; `failures` counts those of the version.
        case waiting(AgentRequest, failures: Int)
        /// The poll is done; the next begins at `until`.
        case resting(until: Instant)
        /// Changes are waited for; the next call that waits is sent at `until`.
        case pausing(until: Instant)
    }

    /// A set of configs and the last time that the cluster-agent answered about it.
    private struct ConfigSet: Sendable {
        var configs: [AssignedConfig] = []
        var lastSuccess: Instant?
    }

    /// How long after its deadline a request is waited for: the transport knows better why there was no answer.
    private static let slack: Duration = .seconds(1)

    /// How it talks.
    package let options: AgentCoreOptions
    /// The revision of the cluster checks that this agent has, and 0 when it has none: it changes only together with them.
    package private(set) var lastChange: Int64 = 0
    /// Whether the last poll succeeded; nil before the first ended.
    package private(set) var isReachable: Bool?

    private var stage: Stage
    private var clusterChecks = ConfigSet()
    private var endpointsChecks = ConfigSet()
    private var extraHeartbeat: AgentRequest?
    private var lastExtraHeartbeat = Instant.distantPast
    /// The last accepted status call; before the first, the time of connecting.
    private var lastHeartbeat = Instant.distantPast
    private var isRegistered = false
    private var clientBuilt = Instant.distantPast
    private var hasLostConnection = false
    private var pollStarted = Instant.distantPast
    private var pollHasFailed = false
    private var failingSince = Instant.distantPast
    private var requests: UInt64 = 0
    private var changeWait: ChangeWait
    private var endpointsAsked = Instant.distantPast

    /// An agent that has done nothing yet; the first `tick` starts it.
    package init(options: AgentCoreOptions) {
        self.options = options
        changeWait = ChangeWait(name: options.nodeID)
        stage = .disconnected(until: .distantPast, failures: 0)
    }

    /// The cluster checks and endpoints checks that this agent runs, each in the order in which they came.
    package var configs: [AssignedConfig] {
        clusterChecks.configs + endpointsChecks.configs
    }

    /// What runs: sorted by check ID. Instances with the same ID are the same bytes of the same config, and run once.
    package var instances: [AssignedInstance] {
        let all = configs.flatMap(\.instances)
        return Dictionary(all.map { ($0.id, $0) }) { first, _ in first }.values.sorted { $0.id < $1.id }
    }

    /// When `tick` is due next.
    package var nextWake: Instant {
        switch stage {
        case .disconnected(let until, _): until
        case .waiting(let request, _): min(request.deadline + Self.slack, extraWake)
        case .resting(let until), .pausing(let until): min(until, extraWake)
        }
    }

    private var extraWake: Instant {
        if let extraHeartbeat { return extraHeartbeat.deadline + Self.slack }
        guard clientBuilt != .distantPast else { return .distantFuture }
        return max(lastHeartbeat, lastExtraHeartbeat) + options.extraHeartbeatAfter
    }

    /// Takes one event.
    package mutating func handle(_ event: AgentEvent, now: Instant) -> [AgentAction] {
        var actions: [AgentAction] = []
        if case .answered(let id, let reply) = event {
            if case .waiting(let request, let failures) = stage, request.id == id {
                take(reply, of: request, failures: failures, now, &actions)
            } else if extraHeartbeat?.id == id {
                extraHeartbeat = nil
            }
        }
        abandonOverdue(now, &actions)
        beginWhatIsDue(now, &actions)
        return actions
    }

    // MARK: Time

    private mutating func abandonOverdue(_ now: Instant, _ actions: inout [AgentAction]) {
        if let late = extraHeartbeat, late.deadline + Self.slack <= now {
            extraHeartbeat = nil
            actions.append(.cancel(late.id))
        }
        if case .waiting(let late, let failures) = stage, late.deadline + Self.slack <= now {
            actions.append(.cancel(late.id))
            take(.failed(.timedOut(after: late.deadline - late.sentAt)), of: late, failures: failures, now, &actions)
        }
    }

    private mutating func beginWhatIsDue(_ now: Instant, _ actions: inout [AgentAction]) {
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
        if extraHeartbeat == nil, extraWake <= now {
            let request = makeRequest(.extraHeartbeat, now)
            extraHeartbeat = request
            lastExtraHeartbeat = now
            actions.append(.send(request))
        }
    }

    /// Connections are made anew from time to time, and after one was lost: a replaced certificate or address is then seen.
    private mutating func rebuildClientIfDue(_ now: Instant, _ actions: inout [AgentAction]) {
        let isOld = clientBuilt != .distantPast && now - clientBuilt >= options.reconnectPeriod
        guard isOld || hasLostConnection else { return }
        hasLostConnection = false
        changeWait.reset()
        if clientBuilt != .distantPast { clientBuilt = now }
        actions.append(.rebuildClient)
    }

    private mutating func send(
        _ call: AgentCall, failures: Int = 0, _ now: Instant, _ actions: inout [AgentAction]
    ) {
        let request = makeRequest(call, now)
        stage = .waiting(request, failures: failures)
        actions.append(.send(request))
    }

    private mutating func makeRequest(_ call: AgentCall, _ now: Instant) -> AgentRequest {
        requests += 1
        return AgentRequest(id: requests, call: call, options: options, now: now)
    }

    // MARK: Answers

    private mutating func take(
        _ reply: AgentReply, of request: AgentRequest, failures: Int, _ now: Instant, _ actions: inout [AgentAction]
    ) {
        switch (request.call, reply) {
        case (.version, .version(let version)):
            (clientBuilt, lastHeartbeat) = (now, now)
            stage = .resting(until: now)
            actions.append(.report(.connected(version: version)))
        case (.version, _):
            note(reply, of: request, now, &actions)
            stage = .disconnected(until: now + Self.backoff(failures), failures: failures + 1)
        case (.status, .status(let isUpToDate)):
            clusterChecks.lastSuccess = now
            lastHeartbeat = now
            if !isRegistered { actions.append(.report(.registered)) }
            isRegistered = true
            if isUpToDate { askForEndpoints(now, &actions) } else { send(.configs, now, &actions) }
        case (.status, _):
            note(reply, of: request, now, &actions)
            dropIfDegraded(\.clusterChecks, now, &actions)
            // Within the grace period a failure counts as "up to date".
            if isWithinGrace(now) { askForEndpoints(now, &actions) } else { send(.configs, now, &actions) }
        case (.configs, .configs(let lastChange, let configs)):
            self.lastChange = lastChange
            replace(\.clusterChecks, configs, now, &actions)
            askForEndpoints(now, &actions)
        case (.configs, _):
            note(reply, of: request, now, &actions)
            dropIfDegraded(\.clusterChecks, now, &actions)
            askForEndpoints(now, &actions)
        case (.endpointsConfigs, .configs(_, let configs)):
            replace(\.endpointsChecks, configs, now, &actions)
            endPoll(now, &actions)
        case (.endpointsConfigs, _):
            note(reply, of: request, now, &actions)
            dropIfDegraded(\.endpointsChecks, now, &actions)
            endPoll(now, &actions)
        case (.wait, .configs(let lastChange, let configs)):
            let isRepeat = lastChange == self.lastChange
            self.lastChange = lastChange
            replace(\.clusterChecks, configs, now, &actions)
            endWait(isRepeat: isRepeat, now, &actions)
        case (.wait, .unchanged):
            clusterChecks.lastSuccess = now
            endWait(isRepeat: false, now, &actions)
        case (.wait, _):
            failWait(reply, now, &actions)
        case (.extraHeartbeat, _): break
        }
    }

    private mutating func askForEndpoints(_ now: Instant, _ actions: inout [AgentAction]) {
        guard options.kubernetesNodeName != nil else { return endPoll(now, &actions) }
        endpointsAsked = now
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

    /// A poll begins an interval after the one before; after a wait, within an interval, so that not all agents come at the same moment.
    private mutating func nextPoll(_ now: Instant) -> Instant {
        let regular = pollStarted + options.pollInterval
        guard regular <= now, changeWait.began >= pollStarted else { return max(now, regular) }
        return now + .nanoseconds(Int64(Double(options.pollInterval.nanoseconds) * changeWait.fraction()))
    }

    // MARK: Waiting for changes

    private mutating func waitForChange(_ now: Instant, _ actions: inout [AgentAction]) {
        rebuildClientIfDue(now, &actions)
        changeWait.begin(now)
        var longest = options.wait
        if options.kubernetesNodeName != nil {
            longest = min(longest, max(.seconds(1), endpointsAsked + options.pollInterval - now))
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
            if options.kubernetesNodeName != nil, now >= endpointsAsked + options.pollInterval * 3 / 4 {
                pollHasFailed = false
                askForEndpoints(now, &actions)
            } else if next > now {
                stage = .pausing(until: next)
            } else {
                waitForChange(now, &actions)
            }
        }
    }

    /// Nothing is said of what failed beyond that: the poll that follows finds out, and keeps the rules of grace and degradation.
    private mutating func failWait(_ reply: AgentReply, _ now: Instant, _ actions: inout [AgentAction]) {
        let failure =
            if case .failed(let failure) = reply { failure } else { AgentFailure.malformed("of another call") }
        if failure.isOfConnection { hasLostConnection = true }
        if changeWait.isReported == true { reportWaiting(false, failure, &actions) }
        stage = .resting(until: nextPoll(now))
    }

    private mutating func reportWaiting(_ isWaiting: Bool, _ failure: AgentFailure?, _ actions: inout [AgentAction]) {
        guard changeWait.isReported != isWaiting else { return }
        changeWait.isReported = isWaiting
        actions.append(.report(isWaiting ? .waiting : .polling(failure)))
    }

    /// Says the first failure after a success, and no other.
    private mutating func note(
        _ reply: AgentReply, of request: AgentRequest, _ now: Instant, _ actions: inout [AgentAction]
    ) {
        pollHasFailed = true
        let failure =
            if case .failed(let failure) = reply { failure } else { AgentFailure.malformed("of another call") }
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

    // MARK: What runs

    private func isWithinGrace(_ now: Instant) -> Bool {
        clusterChecks.lastSuccess.map { now - $0 <= options.gracePeriod } ?? false
    }

    private mutating func replace(
        _ set: WritableKeyPath<AgentCore, ConfigSet>, _ configs: [AssignedConfig], _ now: Instant,
        _ actions: inout [AgentAction]
    ) {
        self[keyPath: set].lastSuccess = now
        let old = self[keyPath: set].configs
        guard old != configs else { return }
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
        actions.append(.report(.gaveUp(configs: count, after: now - lastSuccess)))
    }
}
