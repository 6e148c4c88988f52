import CheckModel
import JSON
import Kubernetes
import Platform

/// What a seed determines of a cluster: its size, settings, configs with their changes, and faults. All are drawn
/// before it starts, so that the plan can be read beside the trace.
package struct ClusterPlan: Sendable {
    /// A fault, or an operation of an operator. "Leader" is the holder of the Lease at that moment.
    package enum Fault: Sendable {
        /// The leader is killed and started again after a while.
        case leaderCrash(downFor: Duration)
        /// A config is edited, and perhaps after a while another one; the leader is killed as soon as it has told any
        /// agent of the last. The other replica is perhaps frozen meanwhile, or what it watches reaches it late.
        case leaderCrashWhenTelling(TellingCrash)
        /// The leader is frozen and resumes after a while, perhaps between making an answer and writing it.
        case leaderPause(Duration, inAnswer: Bool)
        /// The leader is asked to stop, and started again after a while; calls that are sent on to it may take long
        /// then.
        case leaderStop(downFor: Duration, slowly: Bool)
        /// The other replica is killed and started again after a while.
        case followerCrash(downFor: Duration)
        /// The other replica is frozen and resumes after a while.
        case followerPause(Duration)
        /// The other replica is frozen between receiving the leader's answer and passing it on; the leader is killed
        /// and restarted before the other resumes.
        case relayStall(Duration)
        /// Nodes die together, as when a zone fails; nil: for good.
        case nodeCrash(nodes: [Int], downFor: Duration?)
        /// A node's agent is frozen and resumes after a while.
        case nodePause(node: Int, Duration)
        /// A node can reach neither replica.
        case nodeCut(node: Int, Duration)
        /// The API server refuses every request and ends every watch.
        case outage(Duration)
        /// The API server drops all watches of Services, endpoints, Pods and Nodes; perhaps it has compacted its
        /// history too.
        case watchesDropped(compacts: Bool)
        /// Lists take long.
        case slowLists(Duration)
        /// The API server loses many of its answers to writes that it has stored.
        case lostAnswers(Duration)
        /// The leader alone cannot reach the API server.
        case leaderCut(Duration)
        /// The replicas cannot reach each other.
        case replicasCut(Duration)
        /// All messages are slow, and some are lost.
        case badNetwork(Duration)
    }

    /// How a leader is killed that has just told an agent something.
    package struct TellingCrash: Sendable {
        let downFor: Duration
        /// The config that is edited, and its new version.
        let config: Int
        let version: Int
        /// When the next config is edited too; zero: it is not.
        let secondAfter: Duration
        let follower: Hindrance
    }

    /// What a follower suffers when the leader is killed.
    package enum Hindrance: Sendable {
        case none
        /// It is frozen for so long.
        case frozen(Duration)
        /// What it watches reaches it so much later.
        case late(Duration)
    }

    /// What happens to a node-agent's pod, or to its Kubernetes node. Replicas learn of it within two seconds.
    package enum PodEvent: Sendable {
        /// It is being deleted: its agent runs on for the grace, then the pod is gone, and after a while another takes
        /// its place.
        case terminated(node: Int, grace: Duration, replacedAfter: Duration)
        /// It is force-deleted: its agent is killed later.
        case deleted(node: Int, killedAfter: Duration, replacedAfter: Duration)
        /// Its Kubernetes node is cordoned for a while.
        case cordoned(node: Int, Duration)
    }

    /// A change of the desired configs: the config of this number now has this version; nil: it is gone.
    package struct Edit: Sendable {
        let at: Duration
        let config: Int
        let version: Int?
    }

    /// A Prometheus that gets its targets from the replicas, and what happens to it.
    package struct Server: Sendable {
        /// How often it fetches, in seconds.
        let interval: Int
        let at: Duration
        let fault: ServerFault
    }

    /// What happens to a Prometheus.
    package enum ServerFault: Sendable {
        /// It is killed and started again after a while; nil: for good.
        case crash(downFor: Duration?)
        /// It is frozen and resumes after a while.
        case pause(Duration)
        /// It can reach no replica.
        case cut(Duration)
    }

    /// The number of node-agents.
    package static let nodes = 5
    /// How long there are faults, unless the plan says otherwise.
    private static let turbulence = Duration.seconds(240)

    /// How long there are faults.
    package let lasting: Duration
    /// `cluster_checks.warmup_duration`.
    package let warmup: Duration
    /// `cluster_checks.node_expiration_timeout`, for the replicas and the agents.
    package let nodeExpirationTimeout: Duration
    /// `ad_config_poll_interval` of the agents.
    package let pollInterval: Duration
    /// The number of configs at the start.
    package let configs: Int
    /// The Prometheus servers.
    package let servers: [Server]
    /// The changes after, by time.
    package let edits: [Edit]
    /// What operators want.
    package let orders: [(at: Duration, order: Order)]
    /// The faults, by time.
    package let faults: [(at: Duration, fault: Fault)]
    /// What happens to pods, by time; nil if the replicas may not watch them.
    package let pods: [(at: Duration, event: PodEvent)]?
    /// Whether a DaemonSet makes the pods, so that one that ends is only restarted.
    package let areOfDaemonSet: Bool
    /// Whether agents whose pods are being deleted take leave, as ours do, or run to the end of the grace.
    package let takesLeave: Bool

    /// The plan of a world.
    package init(world: World) {
        let dice = world.dice("plan")
        lasting = Self.turbulence
        warmup = .seconds(dice.number(in: 5...30))
        nodeExpirationTimeout = .seconds(dice.number(in: 20...40))
        pollInterval = .seconds(dice.number(in: 5...12))
        configs = dice.number(in: 0...30)
        edits = Self.drawEdits(dice, configs: configs)
        faults = Self.drawFaults(dice).sorted { $0.at < $1.at }
        orders = Self.drawOrders(world.dice("orders"), configs: configs)
        pods = Self.drawPods(world.dice("pods"))
        servers = Self.drawServers(world.dice("servers"))
        (areOfDaemonSet, takesLeave) = Self.drawAgents(world)
    }

    /// Nothing goes wrong, and each node-agent's pod is replaced by another, one after the other, as in a rollout.
    ///
    /// - Parameter areOfDaemonSet: whether a DaemonSet makes the pods.
    package init(rolloutIn world: World, areOfDaemonSet: Bool = false) {
        self.areOfDaemonSet = areOfDaemonSet
        takesLeave = areOfDaemonSet && world.dice("agents").chance(0.5)
        let dice = world.dice("plan")
        lasting = Self.turbulence
        warmup = .seconds(dice.number(in: 5...30))
        nodeExpirationTimeout = .seconds(dice.number(in: 20...40))
        pollInterval = .seconds(dice.number(in: 5...12))
        configs = dice.number(in: 5...30)
        (edits, faults, orders, servers) = ([], [], [], [])
        pods = (0..<Self.nodes).map { node in
            let grace = dice.duration(in: .seconds(15) ... .seconds(30))
            return (.seconds(60 + 35 * node), .terminated(node: node, grace: grace, replacedAfter: .seconds(2)))
        }
    }

    /// Nothing goes wrong, but all replicas are killed at once, with what they know, and started again.
    package init(restartOfReplicasIn world: World) {
        let dice = world.dice("plan")
        lasting = Self.turbulence
        warmup = .seconds(30)
        nodeExpirationTimeout = .seconds(dice.number(in: 40...60))
        pollInterval = .seconds(dice.number(in: 5...8))
        configs = dice.number(in: 8...30)
        (edits, orders, servers) = ([], [], [])
        let downFor = dice.duration(in: .seconds(1) ... .seconds(5))
        faults = [(.seconds(100), .followerCrash(downFor: downFor)), (.seconds(100), .leaderCrash(downFor: downFor))]
        (pods, areOfDaemonSet, takesLeave) = ([], true, true)
    }

    /// Leaders are killed as soon as they have told an agent something, one after the other, while node-agents' pods
    /// come and go.
    package init(successionsIn world: World) {
        let dice = world.dice("plan")
        lasting = Self.turbulence
        warmup = .seconds(dice.number(in: 5...20))
        nodeExpirationTimeout = .seconds(dice.number(in: 30...40))
        pollInterval = .seconds(dice.number(in: 5...8))
        configs = dice.number(in: 8...30)
        edits = Self.drawEdits(dice, configs: configs)
        faults = (0..<4).map { index in
            (.seconds(60 + 45 * index), Self.drawCrashWhenTelling(dice, version: 1_000 + index))
        }
        orders = Self.drawOrders(world.dice("orders"), configs: configs)
        servers = Self.drawServers(world.dice("servers"))
        let pods = world.dice("pods")
        self.pods = (0..<6).map { index in
            let event = PodEvent.terminated(
                node: pods.index(below: Self.nodes), grace: pods.duration(in: .seconds(20) ... .seconds(50)),
                replacedAfter: pods.duration(in: .zero ... .seconds(10)))
            return (.seconds(48 + 35 * index), event)
        }
        (areOfDaemonSet, takesLeave) = Self.drawAgents(world)
    }

    private static func drawAgents(_ world: World) -> (areOfDaemonSet: Bool, takesLeave: Bool) {
        let dice = world.dice("agents")
        return (dice.chance(0.6), dice.chance(0.5))
    }

    private static func drawServers(_ dice: Dice) -> [Server] {
        guard dice.chance(0.5) else { return [] }
        return (0..<dice.number(in: 1...2)).map { _ in
            let time = dice.duration(in: .seconds(1) ... .seconds(100))
            let fault: ServerFault =
                switch dice.index(below: 4) {
                case 0: .crash(downFor: nil)
                case 1: .crash(downFor: time)
                case 2: .pause(time)
                default: .cut(time)
                }
            return Server(interval: dice.number(in: 5...30), at: anyTime(dice), fault: fault)
        }
    }

    private static func drawPods(_ dice: Dice) -> [(at: Duration, event: PodEvent)]? {
        guard dice.chance(0.6) else { return nil }
        let events = (0..<dice.number(in: 1...6)).map { _ in (at: anyTime(dice), event: drawPodEvent(dice)) }
        return events.sorted { $0.at < $1.at }
    }

    private static func drawPodEvent(_ dice: Dice) -> PodEvent {
        let node = dice.index(below: nodes)
        let replacedAfter = dice.duration(in: .zero ... .seconds(20))
        switch dice.index(below: 5) {
        case 0, 1:
            let grace = dice.duration(in: .seconds(1) ... .seconds(60))
            return .terminated(node: node, grace: grace, replacedAfter: replacedAfter)
        case 2:
            let killedAfter = dice.duration(in: .zero ... .seconds(3))
            return .deleted(node: node, killedAfter: killedAfter, replacedAfter: replacedAfter)
        default:
            return .cordoned(node: node, dice.duration(in: .seconds(1) ... .seconds(60)))
        }
    }

    /// In every plan: the leader's crash and its pause past the term, in either order, its shutdown between them, and
    /// the loss of a node.
    private static func drawFaults(_ dice: Dice) -> [(at: Duration, fault: Fault)] {
        let ofLeaders = dice.shuffled([
            Fault.leaderCrash(downFor: dice.duration(in: .seconds(1) ... .seconds(60))),
            .leaderPause(dice.duration(in: .seconds(16) ... .seconds(60)), inAnswer: dice.chance(0.5)),
        ])
        let lostFor = dice.chance(0.5) ? nil : dice.duration(in: .seconds(1) ... .seconds(100))
        var faults: [(at: Duration, fault: Fault)] = [
            (dice.duration(in: .seconds(20) ... .seconds(60)), ofLeaders[0]),
            (dice.duration(in: .seconds(130) ... .seconds(200)), ofLeaders[1]),
            (anyTime(dice), .nodeCrash(nodes: drawNodes(dice), downFor: lostFor)),
            (
                dice.duration(in: .seconds(60) ... .seconds(130)),
                .leaderStop(downFor: dice.duration(in: .seconds(1) ... .seconds(30)), slowly: dice.chance(0.5))
            ),
        ]
        for _ in 0..<dice.number(in: 0...5) { faults.append((anyTime(dice), drawFault(dice))) }
        faults.append((anyTime(dice), drawCrashWhenTelling(dice, version: 1_000)))
        return faults
    }

    private static func drawCrashWhenTelling(_ dice: Dice, version: Int) -> Fault {
        let follower: Hindrance =
            switch dice.index(below: 4) {
            case 0: .none
            case 1, 2: .frozen(dice.duration(in: .milliseconds(100) ... .seconds(8)))
            default: .late(dice.duration(in: .seconds(5) ... .seconds(40)))
            }
        return .leaderCrashWhenTelling(
            TellingCrash(
                downFor: dice.duration(in: .seconds(1) ... .seconds(10)), config: dice.index(below: 4),
                version: version,
                secondAfter: dice.chance(0.5) ? .zero : dice.duration(in: .seconds(2) ... .seconds(5)),
                follower: follower))
    }

    /// One to three nodes.
    private static func drawNodes(_ dice: Dice) -> [Int] {
        Array(dice.shuffled(Array(0..<nodes)).prefix(dice.number(in: 1...3)))
    }

    private static func anyTime(_ dice: Dice) -> Duration {
        dice.duration(in: .seconds(20) ... .seconds(200))
    }

    private static func drawEdits(_ dice: Dice, configs: Int) -> [Edit] {
        let edits = (0..<dice.number(in: 0...8)).map { number in
            // A new config has a number of its own, so that some come, some change and some go.
            let config = dice.index(below: configs + 4)
            return Edit(
                at: dice.duration(in: .seconds(1)...turbulence), config: config,
                version: dice.chance(0.3) ? nil : number + 1)
        }
        return edits.sorted { $0.at < $1.at }
    }

    private static func drawFault(_ dice: Dice) -> Fault {
        let short = dice.duration(in: .seconds(1) ... .seconds(15))
        let long = dice.duration(in: .seconds(5) ... .seconds(60))
        let node = dice.index(below: nodes)
        switch dice.index(below: 17) {
        case 0: return .leaderCrash(downFor: long)
        case 1: return .leaderPause(short, inAnswer: dice.chance(0.5))
        case 2: return .leaderStop(downFor: long, slowly: dice.chance(0.5))
        case 3: return .followerCrash(downFor: long)
        case 4: return .followerPause(long)
        case 5: return .nodeCrash(nodes: drawNodes(dice), downFor: long)
        case 6: return .nodePause(node: node, long)
        case 7: return .nodeCut(node: node, long)
        case 8: return .outage(dice.duration(in: .seconds(5) ... .seconds(70)))
        case 9: return .leaderCut(long)
        case 10: return .replicasCut(long)
        case 11: return .lostAnswers(long)
        case 12: return .relayStall(dice.duration(in: .seconds(25) ... .seconds(60)))
        case 13, 14: return .watchesDropped(compacts: dice.chance(0.5))
        case 15: return .slowLists(long)
        default: return .badNetwork(long)
        }
    }

    /// Which of the numbers are ClusterChecks: one of this many. The others are annotated Services.
    private static let clusterCheckShare = 5
    /// Which of the numbers a Prometheus may run, unless they are exclusive: one of this many.
    private static let scrapedShare = 3
    /// The namespace of all of them.
    private static let namespace = "shop"

    /// What describes the config of a number, in a version.
    enum Described {
        case service(Service)
        case clusterCheck(ClusterCheck)
    }

    /// What describes the config of a number, in a version.
    static func described(_ number: Int, version: Int) -> Described {
        let name = "check-\(number)"
        let isScraped = number % scrapedShare == scrapedShare - 2
        let check = isScraped ? "openmetrics" : "http_check"
        let instance = JSONValue.object([
            isScraped ? "openmetrics_endpoint" : "url": .string("http://\(name)/"),
            "version": .integer(Int64(version)),
        ])
        let policies: [HandOverPolicy] = [.sticky, .exclusive, .overlap, .sticky]
        let placement = JSONValue.object(["handover": .string(policies[number % policies.count].rawValue)])
        if number % clusterCheckShare == clusterCheckShare - 1 {
            // The server counts the generations of one object; these are of the number.
            let metadata = ObjectMetadata(name: name, namespace: namespace, generation: Int64(version) + 1)
            let spec = JSONValue.object([
                "check": .string(check), "instances": .array([instance]), "placement": placement,
            ])
            return .clusterCheck(ClusterCheck(metadata: metadata, spec: spec))
        }
        let text = { (value: JSONValue) in ExactText(String(decoding: value.encoded(), as: UTF8.self)) }
        return .service(
            Service(
                metadata: ObjectMetadata(
                    name: name, namespace: namespace,
                    annotations: [
                        "ad.datadoghq.com/service.check_names": text(.array([.string(check)])),
                        "ad.datadoghq.com/service.init_configs": text(.array([.object([:])])),
                        "ad.datadoghq.com/service.instances": text(.array([instance])),
                        "ad.datadoghq.com/service.placement": text(placement),
                    ]),
                clusterIP: "127.96.0.\(number + 1)", ports: [Service.Port(port: 80)]))
    }
}
