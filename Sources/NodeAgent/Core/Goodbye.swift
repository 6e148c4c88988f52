import Platform

/// How an agent that is asked to stop takes its leave, so that others have its checks before it stops them.
///
/// It says that it is leaving, and runs its checks until the cluster-agent has handed them over, some seconds at most.
/// Then it stops them, waits until the runs under way have ended, and says that it is gone. Whatever fails only brings
/// the end forward.
struct Goodbye: Sendable {
    /// What to do next. A request may take until `deadline`.
    enum Step: Sendable, Equatable {
        /// Say that the agent is leaving.
        case ask(deadline: Instant)
        /// Fetch the configs: those that other agents have taken over are no longer among them.
        case fetch(deadline: Instant)
        /// Do nothing until the next tick.
        case rest
        /// Stop all checks, and tell when the runs under way have ended.
        case stopChecks
        /// Say that the agent is gone.
        case confirm(deadline: Instant)
        /// End.
        case finish
    }

    private enum Stage: Sendable, Equatable {
        case asking
        case fetching
        case pausing
        case stopping
        case confirming
        case over
    }

    /// For so long the checks may be handed over.
    static let handOverLimit: Duration = .seconds(5)
    /// From one question whether they are handed over to the next.
    static let pace: Duration = .milliseconds(200)
    /// For so long the runs under way may continue.
    static let idleLimit: Duration = .seconds(2)
    /// The time limit of one request.
    static let requestLimit: Duration = .seconds(1)
    /// The time limit of the last request if no connection was to be had before.
    static let lastTry: Duration = .milliseconds(250)

    /// When the agent was asked to stop.
    private let began: Instant
    /// How many checks were to be handed over.
    private var toHandOver = 0
    /// How many of them are not handed over yet.
    private var unconfirmed = 0
    /// Why it went on without the cluster-agent; nil if that answered to the end.
    private var failure: AgentFailure?
    /// When `tick` is due.
    private(set) var wake: Instant

    private var stage = Stage.over
    private var askedAt = Instant.distantPast

    /// A goodbye that `tick` starts.
    init(now: Instant) {
        (began, wake) = (now, now)
        stage = .pausing
    }

    /// For the operator, at the end.
    func report(_ now: Instant) -> AgentReport {
        .left(handedOver: toHandOver - unconfirmed, unconfirmed: unconfirmed, after: now - began, failure)
    }

    private var handOverEnd: Instant {
        began + Self.handOverLimit
    }

    /// Handles that time has passed.
    mutating func tick(_ now: Instant) -> Step {
        guard wake <= now else { return .rest }
        switch stage {
        case .pausing:
            guard now < handOverEnd else { return stopChecks(now) }
            askedAt = now
            return .ask(deadline: enter(.asking, until: min(now + Self.requestLimit, handOverEnd)))
        case .asking, .fetching:
            // A request that the end of the hand-over cuts short may be no failure.
            if now < handOverEnd { failure = .timedOut(after: Self.requestLimit) }
            return stopChecks(now)
        case .stopping: return confirm(now)
        case .confirming:
            failure = failure ?? .timedOut(after: Self.requestLimit)
            return finish()
        case .over: return .rest
        }
    }

    /// Handles the answer to the request under way.
    mutating func handle(_ reply: AgentReply, _ now: Instant) -> Step {
        switch (stage, reply) {
        case (.asking, .status(let isUpToDate, let handingOver, _, _)):
            toHandOver = max(toHandOver, handingOver)
            (unconfirmed, failure) = (handingOver, nil)
            guard handingOver > 0, now < handOverEnd else { return stopChecks(now) }
            guard !isUpToDate else { return pause(now) }
            return .fetch(deadline: enter(.fetching, until: min(now + Self.requestLimit, handOverEnd)))
        case (.fetching, .configs): return pause(now)
        case (.asking, .failed(let failure)), (.fetching, .failed(let failure)):
            // A request that the end of the hand-over cut short may be no failure.
            if now < handOverEnd { self.failure = failure }
            // There may be another leader soon: none is known, or a follower cannot reach the last one.
            if case .status(502...504, _) = failure { return pause(now) }
            return stopChecks(now)
        case (.asking, _), (.fetching, _):
            failure = .malformed("it belongs to another call")
            return stopChecks(now)
        case (.confirming, .failed(let failure)):
            self.failure = self.failure ?? failure
            return finish()
        case (.confirming, _): return finish()
        case (.pausing, _), (.stopping, _), (.over, _): return .rest
        }
    }

    /// Handles that all runs have ended.
    mutating func handleIdle(_ now: Instant) -> Step {
        stage == .stopping ? confirm(now) : .rest
    }

    private mutating func pause(_ now: Instant) -> Step {
        enter(.pausing, until: min(max(now, askedAt + Self.pace), handOverEnd))
        return .rest
    }

    private mutating func stopChecks(_ now: Instant) -> Step {
        enter(.stopping, until: now + Self.idleLimit)
        return .stopChecks
    }

    private mutating func confirm(_ now: Instant) -> Step {
        let limit = failure?.isOfConnection == true ? Self.lastTry : Self.requestLimit
        return .confirm(deadline: enter(.confirming, until: now + limit))
    }

    /// Ends it.
    mutating func finish() -> Step {
        enter(.over, until: .distantFuture)
        return .finish
    }

    @discardableResult
    private mutating func enter(_ stage: Stage, until wake: Instant) -> Instant {
        (self.stage, self.wake) = (stage, wake)
        return wake
    }
}
