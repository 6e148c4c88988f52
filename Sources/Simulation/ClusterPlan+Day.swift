import CheckModel
import Platform

extension ClusterPlan {
    /// A day of a busy cluster: deploys, an outage, lost nodes, maintenance, rollouts and leaders that come and go. The
    /// same in every world, so that what was done is known.
    ///
    /// - Parameter hour: how long an hour of this day lasts. Only the terms of leaders are as long on any day.
    package init(dayIn world: World, hour: Duration) {
        func minutes(_ count: Int) -> Duration { hour * count / 60 }
        func at(_ hour: Int, _ minute: Int) -> Duration { minutes(hour * 60 + minute) }
        lasting = at(24, 0)
        warmup = hour / 120
        nodeExpirationTimeout = minutes(5)
        pollInterval = minutes(1)
        configs = 24
        (areOfDaemonSet, takesLeave, servers) = (true, true, [])
        // A deploy of twelve Services, six new ones, and one that goes.
        edits =
            (0..<12).map { Edit(at: at(6, 30 + $0), config: $0, version: 1) }
            + (24..<30).map { Edit(at: at(10, 0), config: $0, version: 0) }
            + [Edit(at: at(18, 0), config: 24, version: nil)]
        orders = [
            (at(8, 15), Order(verb: .drain, config: 0, node: 1, holds: minutes(40))),
            (at(11, 20), Order(verb: .pause, config: 15, node: 0, holds: minutes(35))),
            (at(16, 0), Order(verb: .pin, config: 13, node: 0, holds: minutes(45))),
            (at(20, 30), Order(verb: .isolate, config: 17, node: 0, holds: minutes(30))),
        ]
        faults = [
            (at(0, 40), .nodeCrash(nodes: [2], downFor: minutes(25))),
            (at(2, 10), .leaderCrash(downFor: minutes(1))),
            (at(3, 0), .outage(minutes(5))),
            (at(14, 40), .nodeCrash(nodes: [0, 3], downFor: minutes(12))),
            (at(17, 10), .leaderStop(downFor: minutes(1), slowly: false)),
            (at(17, 20), .leaderStop(downFor: minutes(1), slowly: false)),
            (at(22, 0), .nodeCut(node: 4, minutes(15))),
        ]
        // A node is cordoned; then the pods of all node-agents are replaced, one after the other.
        pods =
            [(at(12, 5), .cordoned(node: 4, minutes(60)))]
            + (0..<Self.nodes).map { node in
                let event = PodEvent.terminated(node: node, grace: hour / 120, replacedAfter: hour / 1_800)
                return (at(13, 30 + 4 * node), event)
            }
    }
}
