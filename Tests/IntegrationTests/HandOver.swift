import Glibc
import Platform
import TestSupport
import Testing

/// What may end a leader.
enum HandOver: String, CaseIterable {
    case asked = "SIGTERM"
    case killed = "SIGKILL"
    case frozen = "SIGSTOP, later SIGCONT"
    case hanging = "its API connection hangs"
    case dropped = "its API connection is dropped"
    case lateRequests = "its API requests are delayed"
    case lateAnswers = "its API answers are delayed"

    /// Longer than a request may take, so that a write is committed whose sender has given it up.
    private static let delay = ReplicatedCluster.renewDeadline
    /// How much longer than the design's bound it may take on two cores that also run the API server, the prober and a
    /// debug build.
    private static let margin = Duration.seconds(2)

    /// How long after the cause somebody leads at the latest.
    ///
    /// A leader that was asked gives the Lease back. Else the Lease must expire, which it does the lease duration after
    /// the last renewal that was committed; 1 s is DESIGN's for noticing it. A delayed renewal is committed later by
    /// the delay and the time to the next one.
    var bound: Duration {
        let expiry = ReplicatedCluster.leaseDuration + .seconds(1) + Self.margin
        return switch self {
        case .asked: .seconds(2)
        case .killed, .frozen, .hanging, .dropped: expiry
        case .lateRequests, .lateAnswers: expiry + ReplicatedCluster.retryPeriod + Self.delay
        }
    }

    /// Does it to the leader.
    func begin(_ cluster: ReplicatedCluster, _ leader: Int) async throws {
        switch self {
        case .asked: cluster.replica(leader).process.signal(SIGTERM)
        case .killed: cluster.replica(leader).process.signal(SIGKILL)
        case .frozen: cluster.replica(leader).process.signal(SIGSTOP)
        case .hanging: try await cluster.proxy.set(.hang, on: leader)
        case .dropped: try await cluster.proxy.set(.drop, on: leader)
        case .lateRequests: try await cluster.proxy.set(.delayRequests(Self.delay), on: leader)
        case .lateAnswers: try await cluster.proxy.set(.delayAnswers(Self.delay), on: leader)
        }
    }

    /// Brings it back as a candidate.
    func end(_ cluster: ReplicatedCluster, _ leader: Int) async throws {
        switch self {
        case .asked:
            #expect(try await cluster.replica(leader).process.wait(within: .seconds(30)) == .exited(0))
            try cluster.restart(leader)
        case .killed:
            try await cluster.replica(leader).process.wait(within: .seconds(30))
            try cluster.restart(leader)
        case .frozen: cluster.replica(leader).process.signal(SIGCONT)
        case .hanging, .dropped, .lateRequests, .lateAnswers: try await cluster.proxy.set(.none, on: leader)
        }
    }
}
