import Kubernetes
import Platform
import Simulation
import Testing

/// The simulated API server must be as strict as a real one, or the elector's tests prove nothing.
@Suite struct LeasesTests {
    @Test func `a Lease is created once and updated only from its newest state`() throws {
        let setting = LeaseSetting(seed: 1)
        let seen = setting.run { client, deadline in
            var seen = [name(of: await client.get(deadline: deadline))]
            let new = Lease(namespace: client.namespace, name: client.name, spec: LeaseSpec(holderIdentity: "a"))
            guard case .lease(let first) = await client.create(new, deadline: deadline) else { return seen }
            seen.append(name(of: await client.create(new, deadline: deadline)))
            guard case .lease(let second) = await client.update(first, deadline: deadline) else { return seen }
            seen.append(first.resourceVersion == second.resourceVersion ? "same version" : "new version")
            seen.append(first.uid == second.uid && first.uid != nil ? "same uid" : "other uid")
            seen.append(name(of: await client.update(first, deadline: deadline)))
            setting.leases.delete()
            seen.append(name(of: await client.update(second, deadline: deadline)))
            guard case .lease(let third) = await client.create(new, deadline: deadline) else { return seen }
            seen.append(first.uid == third.uid ? "same uid" : "other uid")
            return seen
        }
        let expected = [
            "notFound", "conflict", "new version", "same uid", "conflict", "notFound", "other uid",
        ]
        #expect(try seen() == expected)
    }

    @Test func `the answer to a stored write can be lost`() throws {
        let setting = LeaseSetting(seed: 2)
        setting.leases.loseAnswers(1)
        let seen = setting.run { client, deadline in
            let new = Lease(namespace: client.namespace, name: client.name, spec: LeaseSpec(holderIdentity: "a"))
            let early = setting.process.clock.now() + .seconds(5)
            let created = name(of: await client.create(new, deadline: early))
            return [created, name(of: await client.get(deadline: deadline))]
        }
        #expect(try seen() == ["failed", "lease"])
        #expect(setting.leases.holder == "a")
    }

    @Test func `a refusing server fails at once and ends watches`() throws {
        let setting = LeaseSetting(seed: 3)
        setting.world.after(.seconds(1)) { setting.leases.setRefusing(true) }
        let seen = setting.run { client, deadline in
            let end = await client.watch(deadline: deadline) { _ in }
            return [end?.description ?? "in order", name(of: await client.get(deadline: deadline))]
        }
        #expect(try seen() == ["no answer from the Kubernetes API: connection reset", "failed"])
    }

    @Test(arguments: 1...20) func `a watch delivers the state and then each change in order`(seed: UInt64) throws {
        let setting = LeaseSetting(seed: seed)
        var conditions = NetworkConditions()
        conditions.latency = .zero ... .seconds(1)
        setting.network.setConditions(conditions)
        let told = Notes()
        let seen = setting.run { client, deadline in
            var spec = LeaseSpec(holderIdentity: "1")
            let new = Lease(namespace: client.namespace, name: client.name, spec: spec)
            guard case .lease(var lease) = await client.create(new, deadline: deadline) else { return [] }
            async let end = client.watch(deadline: deadline) { event in
                if case .changed(let lease) = event { told.add(lease.spec.holder) } else { told.add("deleted") }
            }
            // The watch has begun by then.
            try? await setting.process.clock.sleep(until: setting.process.clock.now() + .seconds(2))
            for number in 2...6 {
                spec.holderIdentity = "\(number)"
                lease.spec = spec
                guard case .lease(let stored) = await client.update(lease, deadline: deadline) else { return [] }
                lease = stored
            }
            setting.leases.delete()
            return [await end == nil ? "in order" : "broken"]
        }
        #expect(try seen() == ["in order"])
        #expect(told.all == ["1", "2", "3", "4", "5", "6", "deleted"])
    }
}

private struct LeaseSetting: Sendable {
    let world: World
    let network: SimulatedNetwork
    let leases: SimulatedLeases
    let process: SimulatedProcess

    init(seed: UInt64) {
        world = World(seed: seed)
        network = SimulatedNetwork(world: world)
        leases = SimulatedLeases(world: world, network: network)
        process = SimulatedProcess("client", in: world)
    }

    /// Runs `body` in the process, with a deadline 40 s from now.
    func run(_ body: @escaping @Sendable (any LeaseClient, Instant) async -> [String]) -> () throws -> [String] {
        let seen = Notes()
        process.spawn {
            let deadline = process.clock.now() + .seconds(40)
            for line in await body(leases.client(for: process), deadline) { seen.add(line) }
        }
        return {
            try world.run(for: .seconds(50))
            return seen.all
        }
    }
}

private func name(of result: LeaseResult) -> String {
    switch result {
    case .lease: "lease"
    case .notFound: "notFound"
    case .conflict: "conflict"
    case .failed: "failed"
    }
}
