import CheckModel
import Platform
import Testing

@testable import ClusterChecks

/// Configs that have had no node for longer than the threshold, which is 60 s of listening here.
@Suite struct UnscheduledConfigsTests {
    /// Ticks once each second, from `start` to `end`, and returns the keys that became overdue, by second.
    func tick(_ dispatcher: inout Dispatcher, from start: Int, to end: Int) -> [Int: [ConfigKey]] {
        var overdue: [Int: [ConfigKey]] = [:]
        for second in start...end {
            if let keys = dispatcher.expire(now: at(Double(second)))?.keys, !keys.isEmpty { overdue[second] = keys }
        }
        return overdue
    }

    func unscheduled(_ dispatcher: Dispatcher) -> [ConfigKey] {
        dispatcher.view.unscheduled.map(\.key)
    }

    @Test func `A config is reported once, when it has had no node for longer than the threshold`() throws {
        var dispatcher = try Dispatcher(nodes: [], configs: try encodedConfigs(0..<2))
        #expect(tick(&dispatcher, from: 0, to: 9).isEmpty)
        dispatcher.dispatch(EncodedChanges(upserts: [try encodedConfig("later")]))
        #expect(tick(&dispatcher, from: 10, to: 60).isEmpty)
        #expect(unscheduled(dispatcher).isEmpty)
        #expect(tick(&dispatcher, from: 61, to: 200) == [61: [key("c0"), key("c1")], 71: [key("later")]])
        #expect(unscheduled(dispatcher) == [key("c0"), key("c1"), key("later")])
    }

    @Test func `A config that was removed, placed or edited meanwhile counts as it should`() throws {
        var dispatcher = try Dispatcher(nodes: [], configs: try encodedConfigs(0..<3))
        #expect(tick(&dispatcher, from: 0, to: 40).isEmpty)
        dispatcher.dispatch(EncodedChanges(upserts: [try encodedConfig("c1", edition: 1)], removals: [key("c0")]))
        // An edit does not start the time again, and the removed config is not reported.
        #expect(tick(&dispatcher, from: 41, to: 61) == [61: [key("c1"), key("c2")]])
        // A node starts it again, also where it comes and goes between two ticks.
        _ = dispatcher.handle(.replaced([agentPod("a")]), at: 61.1)
        _ = try dispatcher.report("a", at: 61.2)
        #expect(unscheduled(dispatcher).isEmpty)
        _ = dispatcher.handle(.deleted(agentPod("a")), at: 61.3)
        #expect(dispatcher.store.dangling.count == 2)
        #expect(unscheduled(dispatcher).isEmpty)
        #expect(tick(&dispatcher, from: 62, to: 200) == [123: [key("c1"), key("c2")]])
    }

    @Test func `A paused config is none of them, and once it is resumed the time begins anew`() throws {
        var dispatcher = try Dispatcher(nodes: [], configs: try encodedConfigs(0..<2))
        let check = try #require(encodedConfigs(0..<1).first?.instanceIDs.first)
        try order(.pause, check, &dispatcher)
        #expect(tick(&dispatcher, from: 0, to: 200) == [61: [key("c1")]])
        #expect(unscheduled(dispatcher) == [key("c1")])
        try order(.resume, check, &dispatcher)
        #expect(unscheduled(dispatcher) == [key("c1")])
        #expect(tick(&dispatcher, from: 201, to: 400) == [262: [key("c0")]])
        #expect(unscheduled(dispatcher) == [key("c0"), key("c1")])
    }

    private func order(_ verb: IntentCommand.Verb, _ check: String, _ dispatcher: inout Dispatcher) throws {
        let decision = try dispatcher.decide(IntentCommand(verb, check: check))
        dispatcher.adopt(decision.intent)
    }

    @Test func `Time in which this process did not listen does not count`() throws {
        var dispatcher = try Dispatcher(nodes: [], configs: try encodedConfigs(0..<1))
        #expect(tick(&dispatcher, from: 0, to: 30).isEmpty)
        #expect(tick(&dispatcher, from: 3600, to: 3628).isEmpty)
        #expect(tick(&dispatcher, from: 3629, to: 3630) == [3629: [key("c0")]])
    }

    @Test func `What is remembered depends on the number of ticks, not on the number of configs`() throws {
        var unscheduled = UnscheduledConfigs(threshold: .seconds(60))
        var store = ClusterStore()
        for (index, config) in try encodedConfigs(0..<1000).enumerated() {
            store.apply(.configScheduled(config, on: nil))
            if index % 250 == 249 { #expect(unscheduled.update(store, at: .seconds(index / 250)) == nil) }
        }
        #expect(unscheduled.seen.map(\.version) == [250, 500, 750, 1000])
        // A tick before which nothing began to dangle remembers nothing, whatever else has changed.
        for second in 4...60 {
            store.apply(.configReplaced(try encodedConfig("c0", edition: second)))
            #expect(unscheduled.update(store, at: .seconds(second)) == nil)
        }
        #expect(unscheduled.seen.count == 4)
        #expect(unscheduled.update(store, at: .seconds(61))?.keys.count == 250)
        #expect(unscheduled.update(store, at: .seconds(100))?.keys.count == 750)
        #expect(unscheduled.seen.isEmpty && unscheduled.overdue == 1000)
    }

    @Test func `A view copies no config, and a refused report changes nothing, however many configs dangle`() throws {
        var options = HandlerOptions(patch: ConfigPatch())
        options.maximumNodes = 0
        var dispatcher = try Dispatcher(nodes: [], configs: try encodedConfigs(0..<1000), options: options)
        _ = tick(&dispatcher, from: 0, to: 100)
        let (view, store) = (dispatcher.view, dispatcher.store)
        let isShared = unsafe view.dangling.withUnsafeBufferPointer { copy in
            unsafe store.dangling.withUnsafeBufferPointer { unsafe $0.baseAddress == copy.baseAddress }
        }
        #expect(isShared)
        #expect(throws: ClusterChecksError.tooManyNodes(limit: 0)) { try dispatcher.report("a", at: 100) }
        #expect(dispatcher.handle(.replaced([agentPod("a")]), at: 100).isEmpty)
        #expect(dispatcher.store.version == store.version)
    }
}
