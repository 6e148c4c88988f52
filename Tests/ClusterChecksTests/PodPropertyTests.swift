import CheckModel
import Platform
import TestKit
import Testing

@testable import ClusterChecks

/// Random histories of pods, cordons and reports, each from a seed: after every step the nodes stand as they would if
/// all were told anew, and configs are only where they may be.
@Suite(.serialized) struct PodPropertyTests {
    struct History {
        let entropy: SeededEntropy
        var dispatcher = Dispatcher(options: HandlerOptions(patch: ConfigPatch()))
        /// What a mirror makes of the changes alone.
        var mirror = ClusterStore()
        /// In the order in which they came.
        var pods: [AgentPod] = []
        /// The addresses that each pod had that is gone.
        var gone: [String: [String]] = [:]
        var arePodsKnown = false
        var workers: [String: Bool] = [:]
        var areWorkersKnown = false
        var wanted: Set<ConfigKey> = []
        /// From where each node reported last.
        var addresses: [String: String] = [:]
        var made = 0
        var now = 0.0
        var seen: Set<String> = []

        init(seed: UInt64) {
            entropy = SeededEntropy(seed: seed)
        }

        func roll(_ sides: Int) -> Int { entropy.next(below: sides) }
    }

    @Test(arguments: 0..<30 as Range<UInt64>)
    func `node conditions follow Kubernetes and configs are only where they may be`(seed: UInt64) throws {
        var history = History(seed: seed)
        for _ in 0..<150 {
            try history.step()
            try history.check()
        }
    }

    /// Over a few seeds everything that the rules are about comes to pass.
    @Test func `the random histories cover every condition`() throws {
        var seen: Set<String> = []
        for seed in 0..<12 as Range<UInt64> {
            var history = History(seed: seed)
            for _ in 0..<150 { try history.step() }
            seen.formUnion(history.seen)
        }
        #expect(
            seen == [
                "cordoned", "dangled", "deleted", "drained", "expired", "hands over", "joined", "keeps running",
                "let go",
                "no pod", "podDeleted",
                "shared", "silent", "unsure",
            ])
    }
}

// What happens.
extension PodPropertyTests.History {
    mutating func step() throws {
        switch roll(12) {
        case 0..<5: try report()
        case 5..<8: changePods()
        case 8: changeWorkers()
        case 9: reconcile()
        default: passTime()
        }
    }

    private mutating func report() throws {
        // A node is named by its pod, by its Kubernetes node, or by something else.
        let pod = pods.isEmpty ? nil : pods[roll(pods.count)]
        let names = ["w\(roll(4))", "stranger-\(roll(2))", pod?.name ?? "w0", pod?.nodeName ?? "w1"]
        let id = names[roll(names.count)]
        let foreign = "192.0.2.\(roll(2))"
        let address = roll(4) == 0 ? foreign : pod?.addresses.first ?? foreign
        // Its report comes after what follows from all that was noted before.
        take(dispatcher.catchUp(now: at(now)))
        if dispatcher.store.slot(of: id) == nil { addresses[id] = nil }
        if roll(5) > 0 { addresses[id] = address }
        take(try dispatcher.report(id, address: addresses[id], isStated: roll(2) == 0, at: now).changes)
        guard roll(2) == 0, let revision = try? dispatcher.tell(id).revision else { return }
        take(try dispatcher.report(id, lastChange: revision, address: addresses[id], at: now).changes)
    }

    private mutating func changePods() {
        let change: AgentPodChange
        switch roll(8) {
        case 0:
            let left = pods.filter { _ in roll(5) > 0 }
            for pod in pods where !left.contains(pod) { gone[pod.fullName] = pod.addresses }
            pods = left
            arePodsKnown = true
            change = .replaced(pods)
        case 1..<4:
            made += 1
            let pod = agentPod("p\(made)", on: "w\(roll(4))", addresses: roll(4) == 0 ? [] : ["10.0.0.\(made)"])
            pods.append(pod)
            change = .applied(pod)
        case 4:
            // Made anew under its name, as a StatefulSet does.
            guard !pods.isEmpty else { return }
            let pod = pods.remove(at: roll(pods.count))
            made += 1
            gone[pod.fullName] = pod.addresses
            pods.append(agentPod(pod.name, on: pod.nodeName, uid: "uid-\(made)", addresses: ["10.0.0.\(made)"]))
            change = .applied(pods[pods.count - 1])
        case 5:
            guard !pods.isEmpty else { return }
            let index = roll(pods.count)
            let pod = pods[index]
            pods[index] = agentPod(
                pod.name, on: pod.nodeName, uid: pod.uid, addresses: pod.addresses, isTerminating: true)
            change = .applied(pods[index])
        default:
            guard !pods.isEmpty else { return }
            let pod = pods.remove(at: roll(pods.count))
            gone[pod.fullName] = pod.addresses
            change = .deleted(pod)
        }
        dispatcher.handle(change)
        if roll(4) > 0 { take(dispatcher.catchUp(now: at(now))) }
    }

    private mutating func changeWorkers() {
        let name = "w\(roll(4))"
        workers[name] = roll(4) == 0 ? nil : roll(2) == 0
        if roll(3) == 0 {
            areWorkersKnown = true
            dispatcher.handle(.replaced(allWorkers))
        } else if let isSchedulable = workers[name] {
            dispatcher.handle(.applied(worker(name, isSchedulable: isSchedulable)))
        } else {
            dispatcher.handle(.deleted(name))
        }
        take(dispatcher.catchUp(now: at(now)))
    }

    var allWorkers: [WorkerNode] {
        workers.sorted { $0.key < $1.key }.map { worker($0.key, isSchedulable: $0.value) }
    }

    private mutating func reconcile() {
        do {
            let upserts = try (0..<roll(6)).map { _ in try encodedConfig("c\(roll(30))", instances: 1 + roll(2)) }
            let unique = Dictionary(upserts.map { ($0.key, $0) }) { $1 }
            let removals = wanted.sorted().filter { unique[$0] == nil && roll(8) == 0 }
            wanted.subtract(removals)
            wanted.formUnion(unique.keys)
            let sorted = unique.values.sorted { $0.key < $1.key }
            take(dispatcher.dispatch(EncodedChanges(upserts: sorted, removals: removals)).changes)
        } catch {
            preconditionFailure("\(error)")
        }
    }

    private mutating func passTime() {
        for _ in 0..<roll(12) {
            now += 1
            take(dispatcher.expireNodes(now: at(now)))
        }
    }
}

// What must hold.
extension PodPropertyTests.History {
    /// Each change on its own: it is allowed in the state in which it comes.
    private mutating func take(_ changes: [StoreChange]) {
        for change in changes {
            checkConfigs(change)
            checkNodes(change)
            mirror.apply(change)
        }
    }

    private mutating func checkConfigs(_ change: StoreChange) {
        switch change {
        case .configScheduled(_, let id?):
            #expect(mirror.node(id)?.conditions.standing == mirror.bestStanding)
        case .configMoved(let key, _, let id, let reason, let mayRun):
            let (from, best) = (mirror.nodeID(of: key).flatMap(mirror.node), mirror.bestStanding)
            #expect(mirror.node(id)?.conditions.standing == best)
            seen.insert("\(reason)")
            #expect(from != nil || !mayRun)
            switch reason {
            case .dangled, .expired, .podDeleted, .left: #expect(from == nil)
            case .rebalanced, .isolated, .unfit, .pinned, .resumed: Issue.record("nobody asked for it")
            case .drained: #expect(from?.conditions.isDraining == true)
            // Who is cordoned is not asked to give while any other is not.
            case .joined: #expect(from?.conditions.standing == best)
            }
        default: break
        }
    }

    private mutating func checkNodes(_ change: StoreChange) {
        switch change {
        case .nodeConditionsChanged(let id, let conditions):
            if conditions.cordon != nil { seen.insert("cordoned") }
            if conditions.lacksPod { seen.insert(mirror.node(id)?.conditions.pod == nil ? "no pod" : "unsure") }
            let differs = mirror.node(id)?.conditions != conditions
            #expect(differs)
        case .nodeIDShared(_, let agents):
            if !agents.isEmpty { seen.insert("shared") }
        case .configMoved(_, _, _, _, mayRun: true): seen.insert("hands over")
        case .handOverEnded: seen.insert("let go")
        case .keepsRunning: seen.insert("keeps running")
        case .nodeExpired(let id, let reason):
            guard case .podDeleted(let pod) = reason else { return _ = seen.insert("silent") }
            seen.insert("deleted")
            // It was this one's, it is gone, it left no other, and the last report was not another one's.
            #expect(mirror.node(id)?.conditions.pod == pod)
            let address = addresses[id] ?? ""
            #expect(!pods.contains { $0.name == id || $0.addresses.contains(address) })
            let had = gone[pod] ?? []
            #expect(address.isEmpty || had.isEmpty || had.contains(address))
        default: break
        }
    }

    func check() throws {
        let store = dispatcher.store
        #expect(mirror.description == store.description)
        #expect(Set(store.keys) == wanted)
        #expect(store.nodeCount == 0 || store.dangling.isEmpty)
        let best = store.bestStanding
        for slot in store.occupiedSlots {
            let node = store.nodes[slot]
            let standing = node.conditions.standing
            if standing == .draining, best != .draining { #expect(node.configs.isEmpty) }
            #expect(node.revision.value == Revision(of: node.told(store.handOvers).map(\.contentHash)).value)
            // Nobody is told to keep what nobody else is to take.
            for key in node.outgoing { #expect(store.nodeID(of: key) != node.id && wanted.contains(key)) }
        }
        try checkAgainstAllToldAnew()
    }

    /// The dispatcher looks again only at the nodes that a change can have touched; told everything anew, it must come
    /// to the same.
    private func checkAgainstAllToldAnew() throws {
        let store = dispatcher.store
        let nodes = store.occupiedSlots.map { store.nodes[$0] }
        guard nodes.allSatisfy({ $0.agents.isEmpty }) else { return }
        var told = dispatcher
        _ = told.catchUp(now: at(now))
        var anew = Dispatcher(options: HandlerOptions(patch: ConfigPatch()))
        if arePodsKnown { anew.handle(.replaced(pods)) }
        if areWorkersKnown { anew.handle(.replaced(allWorkers)) }
        let left = told.store.occupiedSlots.map { told.store.nodes[$0] }
        for node in left { _ = try anew.report(node.id, type: node.type, address: node.address, at: 0) }
        for node in left { #expect(anew.store.node(node.id)?.conditions == node.conditions, "\(node.id)") }
    }
}
