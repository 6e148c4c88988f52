import HTTPServer
import Platform

/// The calls that wait for a change at one replica: none may go on waiting once there is one.
struct WaitingCalls: Sendable {
    private struct Call {
        let node: String
        let lastChange: Int64
        /// How long the replica had listened as the leader when the node was first seen to have other configs.
        var changedAt: Duration?
    }

    /// Longer than a leader takes to answer them: it holds them for five seconds at most while a follower has not
    /// acknowledged what they would learn.
    private static let patience = Duration.seconds(7)

    private var calls: [UInt64: Call] = [:]

    /// Notes a call, if it is one that waits.
    mutating func add(_ id: UInt64, _ request: HTTPRequest) {
        guard let query = request.query, query.contains("wait="), request.headers["X-DCA-Follower-Forwarded"] == nil,
            let node = request.path.split(separator: "/").last,
            let field = query.split(separator: "&").first(where: { $0.hasPrefix("last_change=") }),
            let lastChange = Int64(field.dropFirst("last_change=".count))
        else { return }
        calls[id] = Call(node: String(node), lastChange: lastChange)
    }

    mutating func remove(_ id: UInt64) {
        calls[id] = nil
    }

    /// What waits though its node's configs have changed; to be asked each second.
    mutating func problem(_ leader: MirroredStore, listened: Duration) -> String? {
        for (id, call) in calls.sorted(by: { $0.key < $1.key }) {
            guard let told = leader.revision(toldTo: call.node), told != call.lastChange else {
                calls[id]?.changedAt = nil
                continue
            }
            let changedAt = call.changedAt ?? listened
            calls[id]?.changedAt = changedAt
            guard listened - changedAt > Self.patience else { continue }
            return
                "\(call.node) waits with \(call.lastChange), and has had \(told) for \((listened - changedAt).seconds) s"
        }
        return nil
    }
}
