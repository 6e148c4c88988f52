import CheckModel
import Kubernetes
import Leadership
import Platform
import Synchronization

/// What the probes answer, computed when they ask.
///
/// Live means that this process still makes progress: never that the API server is there, for restarting every replica
/// in an outage would destroy what they hold. Ready means that it can answer node-agents or forward them; it never
/// means leading.
package final class Readiness: Sendable {
    /// The pulse beats each second; ten missed beats mean that the process no longer runs its tasks.
    private static let longestPause = Duration.seconds(10)
    /// How long after its start a follower is not ready for the lack of a mirror.
    private static let longestMirroring = Duration.seconds(30)

    private let desired: DesiredConfigs
    private let leadership: Watched<LeadershipState>
    private let watches: ClusterWatches?
    private let elector: LeaderElector?
    private let mirror: MirrorClient?
    private let clock: any Clock
    private let start: Instant
    private let pulse: Atomic<Int64>
    private let isStopping = Atomic<Bool>(false)

    init(
        desired: DesiredConfigs, leadership: Watched<LeadershipState>, watches: ClusterWatches?,
        elector: LeaderElector?, mirror: MirrorClient?, clock: any Clock
    ) {
        self.desired = desired
        self.leadership = leadership
        self.watches = watches
        self.elector = elector
        self.mirror = mirror
        self.clock = clock
        start = clock.now()
        pulse = Atomic(clock.now().nanoseconds)
    }

    /// Beats until cancelled.
    func run() async {
        while (try? await clock.sleep(until: clock.now() + .seconds(1))) != nil {
            pulse.store(clock.now().nanoseconds, ordering: .relaxed)
        }
    }

    /// From now on this replica is not ready: the first step of stopping.
    func stop() {
        isStopping.store(true, ordering: .relaxed)
    }

    /// Why the process should be restarted; empty while it is live.
    package var liveProblems: [String] {
        let pause = clock.now() - Instant(nanoseconds: pulse.load(ordering: .relaxed))
        // After a pause of the whole process every loop is late: the pulse alone says enough.
        guard pause <= Self.longestPause else { return ["no task has run for \(pause.seconds) s"] }
        var problems = watches?.stalled ?? []
        if let elector, clock.now() - elector.lastAttempt > elector.longestAttempt {
            problems.append("the election has made no attempt for \(durationText(elector.longestAttempt))")
        }
        return problems
    }

    /// Why no node-agent should be sent here; empty while it is ready.
    package var readyProblems: [String] {
        if isStopping.load(ordering: .relaxed) { return ["stopping"] }
        var problems = watches?.unsettled ?? []
        if !desired.isSynced { problems.append("the sources of configs have not all been read yet") }
        switch leadership.value {
        case .unknown: problems.append("no election result yet")
        case .following(nil): problems.append("no leader is known")
        case .following: if let problem = mirrorProblem { problems.append(problem) }
        case .leading: break
        }
        return problems
    }

    /// A rollout goes on only when the new replica could take over without a move. It must not hang on that: the leader
    /// may be of a version that is not mirrored.
    private var mirrorProblem: String? {
        guard let mirror, !mirror.isNamed, clock.now() - start < Self.longestMirroring else { return nil }
        return "the leader's store is not mirrored yet"
    }

    /// How each watch fares, one line each.
    package var conditions: [String] { watches?.conditions ?? [] }
}
