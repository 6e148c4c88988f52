import Platform

@testable import NodeAgent

/// Drives an `AgentCore` in virtual time and writes down what it wants.
struct AgentSession {
    var core: AgentCore
    private(set) var now = Instant(nanoseconds: 0)
    /// Every request sent, in order, with its time in seconds.
    private(set) var sent: [(call: AgentCall, second: Double)] = []
    /// Main requests not yet answered; at most one at a time.
    private(set) var pending: AgentRequest?
    private(set) var heartbeats: [AgentRequest] = []
    /// The check IDs of each set that was to be run.
    private(set) var sets: [[String]] = []
    private(set) var reports: [AgentReport] = []
    private(set) var cancelled: [UInt64] = []
    private(set) var rebuilds = 0
    /// Whether it asked to be told when no check runs any more.
    private(set) var awaitsIdle = false
    /// When it was done; nil if it is not.
    private(set) var finished: Instant?

    init(_ change: (inout AgentCoreOptions) -> Void = { _ in }) {
        var options = AgentCoreOptions(nodeID: "node-1")
        options.waitsForChanges = false
        change(&options)
        core = AgentCore(options: options)
        handle(.tick)
    }

    /// An agent that has been told the version, and whose first status call is under way.
    static func connected(_ change: (inout AgentCoreOptions) -> Void = { _ in }) -> AgentSession {
        var session = AgentSession(change)
        session.answer(.version("7.60.0"))
        return session
    }

    /// An agent that runs `ids` at revision 7, between two polls.
    static func running(_ ids: [String], _ change: (inout AgentCoreOptions) -> Void = { _ in }) -> AgentSession {
        var session = connected(change)
        session.answer(.status(isUpToDate: false))
        session.answer(.configs(lastChange: 7, configs: [config(ids)]))
        return session
    }

    static func config(_ ids: [String], isExclusive: Bool = false) -> AssignedConfig {
        AssignedConfig(
            checkName: "http_check",
            instances: ids.map { AssignedInstance(id: $0, checkName: "http_check", instance: []) },
            isExclusive: isExclusive)
    }

    var calls: [AgentCall] {
        sent.map(\.call)
    }

    mutating func handle(_ event: AgentEvent) {
        for action in core.handle(event, now: now) {
            switch action {
            case .send(let request):
                sent.append((request.call, Double(now.nanoseconds) / 1e9))
                if case .extraHeartbeat = request.call {
                    heartbeats.append(request)
                } else {
                    precondition(pending == nil, "two requests of the poll at once")
                    pending = request
                }
            case .cancel(let id):
                cancelled.append(id)
                if pending?.id == id { pending = nil }
            case .rebuildClient: rebuilds += 1
            case .run(let instances): sets.append(instances.map(\.id))
            case .report(let report): reports.append(report)
            case .awaitIdle: awaitsIdle = true
            case .finish: finished = now
            }
        }
    }

    /// Answers the request that is under way.
    mutating func answer(_ reply: AgentReply) {
        guard let request = pending else { return }
        pending = nil
        handle(.answered(request.id, reply))
    }

    /// Lets time pass without a tick, as for a process that is paused.
    mutating func freeze(_ duration: Duration) {
        now = now + duration
    }

    /// Lets time pass, ticking whenever the core asked for it.
    mutating func pass(_ duration: Duration) {
        let end = now + duration
        while core.nextWake <= end {
            now = max(now, core.nextWake)
            handle(.tick)
        }
        now = end
    }

    /// Lets time pass, answering every main request at once with what `reply` says.
    mutating func pass(_ duration: Duration, answering reply: (AgentCall) -> AgentReply) {
        let end = now + duration
        while true {
            while let request = pending { answer(reply(request.call)) }
            guard core.nextWake <= end else { break }
            now = max(now, core.nextWake)
            handle(.tick)
        }
        now = end
    }
}
