import CheckModel
import Platform
import Testing

@testable import ClusterChecks

@Suite struct PlacementTests {
    private func hash(_ name: String) -> UInt64 { Murmur3.hash(Array(name.utf8)) }

    @Test func `without nodes there is no placement`() {
        #expect(Placement().leastLoaded(for: 7) == nil)
    }

    @Test(arguments: [2, 3, 5, 64, 100, 1061])
    func `equal configs spread with counts that differ by at most one`(nodes: Int) {
        var placement = Placement()
        var counts = Array(repeating: 0, count: nodes)
        for slot in 0..<nodes { placement.insert("node-\(slot)", slot: slot) }
        for config in 0..<(3 * nodes + 1) {
            guard let slot = placement.leastLoaded(for: hash("c\(config)")) else {
                Issue.record("no place")
                return
            }
            counts[slot] += 1
            placement.update(slot: slot, load: Load(cost: Double(counts[slot])))
        }
        #expect(counts.min() == 3)
        #expect(counts.max() == 4)
    }

    @Test func `a tie is broken by config and nodes, not by the order in which nodes joined`() {
        let ids = (0..<20).map { "node-\($0)" }
        var forward = Placement()
        var backward = Placement()
        for (slot, id) in ids.enumerated() { forward.insert(id, slot: slot) }
        for (slot, id) in ids.reversed().enumerated() { backward.insert(id, slot: slot) }
        var chosen: Set<String> = []
        for config in 0..<100 {
            let hash = hash("c\(config)")
            let first = forward.leastLoaded(for: hash).map { ids[$0] }
            #expect(first == backward.leastLoaded(for: hash).map { ids[19 - $0] })
            if let first { chosen.insert(first) }
        }
        #expect(chosen.count > 10)
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `the tree always gives a node with the least load`(seed: UInt64) {
        let entropy = SeededEntropy(seed: seed)
        var placement = Placement()
        var loads: [Int: Load] = [:]
        for _ in 0..<400 {
            let slot = Int(entropy.next() % 12)
            switch entropy.next() % 4 {
            case 0 where loads[slot] == nil:
                placement.insert("node-\(slot)", slot: slot)
                loads[slot] = .zero
            case 1 where loads[slot] != nil && loads.count > 6:
                placement.remove(slot: slot)
                loads[slot] = nil
            case _ where loads[slot] != nil:
                let load = Load(cost: Double(1 + entropy.next() % 5))
                placement.update(slot: slot, load: load)
                loads[slot] = load
            default: break
            }
            let chosen = placement.leastLoaded(for: entropy.next())
            #expect(chosen.flatMap { loads[$0] } == loads.values.min())
        }
    }
}

extension ListenedTime {
    fileprivate mutating func total(at now: Instant) -> Duration {
        advance(to: now)
        return total
    }
}

@Suite struct ListenedTimeTests {
    @Test func `listened time counts the time between observations`() {
        var time = ListenedTime(longestGap: .seconds(2))
        #expect(time.total(at: at(10)) == .zero)
        #expect(time.total(at: at(11)) == .seconds(1))
        #expect(time.total(at: at(13)) == .seconds(3))
    }

    @Test func `listened time counts only the bound of a long gap`() {
        var time = ListenedTime(longestGap: .seconds(2))
        time.advance(to: at(0))
        #expect(time.total(at: at(3600)) == .seconds(2))
        #expect(time.total(at: at(3601)) == .seconds(3))
    }

    @Test func `an observation before the latest counts as the latest`() {
        var time = ListenedTime(longestGap: .seconds(2))
        time.advance(to: at(5))
        #expect(time.total(at: at(4)) == .zero)
        #expect(time.total(at: at(6)) == .seconds(1))
    }
}

@Suite struct LoadTests {
    @Test(arguments: [(0.1, 100_000), (1, 1_000_000), (0, 1), (-3, 1), (1e9, 1_000_000_000_000), (.nan, 1_000_000)])
    func `a cost is rounded to millionths within bounds`(cost: Double, millionths: Int64) {
        #expect(Load(cost: cost).millionths == millionths)
    }

    @Test func `adding and removing loads leaves exactly zero`() {
        var load = Load.zero
        for _ in 0..<1000 { load += Load(cost: 0.1) }
        for _ in 0..<1000 { load -= Load(cost: 0.1) }
        #expect(load == .zero)
    }
}
