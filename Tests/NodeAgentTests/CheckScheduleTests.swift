import Platform
import Testing

@testable import NodeAgent

@Suite struct CheckScheduleTests {
    /// Runs a schedule in virtual time; each run lasts as long as `duration` says.
    struct Playground {
        var schedule: CheckSchedule
        var now = Instant(nanoseconds: 0)
        var running: [UInt64: (id: String, end: Instant)] = [:]
        /// Starts by instance, in seconds.
        var starts: [String: [Double]] = [:]
        var cancelled: [UInt64] = []
        /// How often instances were due while they waited, by instance.
        var starved: [String: Int] = [:]
        var mostAtOnce = 0
        /// Of instances whose runs are never slow.
        var mostQuickAtOnce = 0
        var ignored = 0
        let duration: (String) -> Duration

        init(workers: Int, duration: @escaping (String) -> Duration = { _ in .milliseconds(10) }) {
            schedule = CheckSchedule(workers: workers)
            self.duration = duration
        }

        mutating func replace(_ instances: [ScheduledInstance]) {
            perform(schedule.replace(instances, now: now))
        }

        mutating func perform(_ actions: [ScheduleAction]) {
            for action in actions {
                switch action {
                case .start(let run, let id):
                    #expect(!running.values.contains { $0.id == id }, "\(id) runs twice at once")
                    running[run] = (id, now + duration(id))
                    starts[id, default: []].append(Double(now.nanoseconds) / 1e9)
                case .cancel(let run): cancelled.append(run)
                case .starved(let id): starved[id, default: 0] += 1
                }
            }
            mostAtOnce = max(mostAtOnce, running.count)
            let quick = running.values.count { duration($0.id) < CheckSchedule.slowAfter }
            mostQuickAtOnce = max(mostQuickAtOnce, quick)
        }

        mutating func pass(_ duration: Duration) {
            let end = now + duration
            while true {
                let next = running.min { ($0.value.end, $0.key) < ($1.value.end, $1.key) }
                let wake = schedule.nextWake ?? .distantFuture
                if let next, next.value.end <= min(wake, end) {
                    now = max(now, next.value.end)
                    running[next.key] = nil
                    let (instance, actions) = schedule.finish(run: next.key, now: now)
                    if instance == nil { ignored += 1 }
                    perform(actions)
                } else if wake <= end {
                    now = max(now, wake)
                    perform(schedule.tick(now: now))
                } else {
                    break
                }
            }
            now = end
        }
    }

    static func instances(_ count: Int, every seconds: Int = 15) -> [ScheduledInstance] {
        (0..<count).map { ScheduledInstance(id: "check:\($0)", interval: .seconds(seconds)) }
    }

    @Test func `every instance starts once per interval at a fixed offset`() {
        var playground = Playground(workers: 64)
        playground.replace(Self.instances(200))
        playground.pass(.seconds(150))
        #expect(playground.starts.count == 200)
        for (id, starts) in playground.starts {
            #expect(starts.count == 10, "\(id)")
            let gaps = zip(starts.dropFirst(), starts).map { ($0 - $1).rounded() }
            #expect(gaps.allSatisfy { $0 == 15 }, "\(id): \(starts)")
        }
    }

    @Test func `instances that hang hold up only each other`() {
        let slow = Set((0..<80).map { "check:\($0)" })
        var playground = Playground(workers: 4) { slow.contains($0) ? .seconds(15) : .milliseconds(10) }
        playground.replace(Self.instances(80) + [ScheduledInstance(id: "quick", interval: .seconds(2))])
        playground.pass(.seconds(120))
        // Until all of them are known to be slow, a worker may be theirs for a second.
        (playground.starts["quick"], playground.starved) = ([], [:])
        playground.pass(.seconds(300))
        #expect((playground.starts["quick"] ?? []).count == 150)
        // Each gets its turn.
        #expect(slow.allSatisfy { (playground.starts[$0] ?? []).count >= 10 })
        #expect(playground.starved["quick"] == nil)
        #expect(playground.mostAtOnce <= 4 + 80)
    }

    @Test func `a check among hundreds that hang waits until each has had its first second, and no longer`() {
        var playground = Playground(workers: 4) { $0 == "quick" ? .milliseconds(10) : .seconds(15) }
        playground.replace(Self.instances(300) + [ScheduledInstance(id: "quick", interval: .seconds(2))])
        playground.pass(.seconds(90))
        (playground.starts["quick"], playground.starved) = ([], [:])
        playground.pass(.seconds(100))
        #expect((playground.starts["quick"] ?? []).count == 50)
        #expect(playground.mostAtOnce <= 4 + CheckSchedule.unknownLimit)
    }

    @Test func `a check that was quick goes before hundreds that hang from the start`() {
        var playground = Playground(workers: 4) { $0.hasPrefix("quick") ? .milliseconds(10) : .seconds(10) }
        let quick = (0..<3).map { ScheduledInstance(id: "quick\($0)", interval: .seconds(1)) }
        playground.replace(quick)
        playground.pass(.seconds(2))
        playground.replace(Self.instances(200) + quick)
        playground.pass(.seconds(45))
        for instance in quick { #expect((playground.starts[instance.id] ?? []).count >= 45, "\(playground.starts)") }
    }

    @Test func `four checks that hang do not hold up a check on four workers`() {
        var playground = Playground(workers: 4) { $0 == "quick" ? .milliseconds(10) : .seconds(600) }
        playground.replace(Self.instances(4, every: 600) + [ScheduledInstance(id: "quick", interval: .seconds(2))])
        playground.pass(.seconds(600))
        #expect((playground.starts["quick"] ?? []).count >= 298)
    }

    @Test func `many new instances are spread over the whole interval`() {
        var playground = Playground(workers: 1000)
        playground.replace(Self.instances(1500))
        playground.pass(.seconds(15))
        let bySecond = Dictionary(grouping: playground.starts.values.map { Int($0[0]) }) { $0 }.mapValues(\.count)
        #expect(bySecond.count == 15)
        #expect(bySecond.values.allSatisfy { $0 > 50 && $0 < 200 }, "\(bySecond)")
    }

    @Test func `a few new instances start soon`() {
        var playground = Playground(workers: 4)
        playground.replace(Self.instances(3, every: 3600))
        playground.pass(.milliseconds(750))
        #expect(playground.starts.count == 3)
    }

    @Test func `the spread is the same each time`() {
        var (first, second) = (Playground(workers: 4), Playground(workers: 4))
        first.replace(Self.instances(50))
        second.replace(Self.instances(50).reversed())
        first.pass(.seconds(60))
        second.pass(.seconds(60))
        #expect(first.starts == second.starts)
    }

    @Test func `no more runs than workers are active`() {
        var playground = Playground(workers: 4) { _ in .milliseconds(800) }
        playground.replace(Self.instances(100))
        playground.pass(.seconds(300))
        #expect(playground.mostAtOnce == 4)
    }

    @Test func `overdue runs are skipped and every instance gets its turn`() {
        // 100 runs of half a second on one worker take 50 s, more than three intervals.
        var playground = Playground(workers: 1) { _ in .milliseconds(500) }
        playground.replace(Self.instances(100))
        playground.pass(.seconds(500))
        let counts = playground.starts.values.map(\.count)
        #expect(playground.starts.count == 100)
        #expect((counts.min() ?? 0) >= 9 && (counts.max() ?? 0) <= 12, "\(counts.sorted())")
        #expect(playground.schedule.instancesWaiting <= 100)
    }

    @Test func `a run longer than its interval is not started twice and skips what it missed`() {
        var playground = Playground(workers: 4) { _ in .seconds(20) }
        playground.replace([ScheduledInstance(id: "slow", interval: .seconds(15))])
        playground.pass(.seconds(100))
        let starts = playground.starts["slow"] ?? []
        #expect(zip(starts.dropFirst(), starts).allSatisfy { ($0 - $1).rounded() == 30 }, "\(starts)")
    }

    @Test func `unscheduled instances stop and their cancelled runs are not counted`() {
        var playground = Playground(workers: 4) { _ in .seconds(5) }
        playground.replace(Self.instances(2))
        playground.pass(.seconds(1))
        #expect(playground.running.count == 2)
        playground.replace(Array(Self.instances(2).prefix(1)))
        #expect(playground.cancelled.count == 1)
        let starts = playground.starts["check:1"]
        playground.pass(.seconds(100))
        #expect(playground.starts["check:1"] == starts)
        #expect(playground.ignored == 1)
        playground.replace([])
        playground.pass(.seconds(100))
        #expect(playground.schedule.nextWake == nil)
    }

    @Test func `instances that stay keep their offsets`() {
        var (alone, joined) = (Playground(workers: 500), Playground(workers: 500))
        alone.replace(Self.instances(100))
        joined.replace(Self.instances(100))
        joined.pass(.seconds(40))
        alone.pass(.seconds(40))
        joined.replace(Self.instances(150))
        joined.pass(.seconds(100))
        alone.pass(.seconds(100))
        for (id, starts) in alone.starts { #expect(joined.starts[id] == starts, "\(id)") }
    }

    @Test func `an instance that returns while its cancelled run hangs does not run twice at once`() {
        var playground = Playground(workers: 4) { _ in .seconds(40) }
        playground.replace(Self.instances(1))
        playground.pass(.seconds(1))
        playground.replace([])
        playground.pass(.seconds(1))
        playground.replace(Self.instances(1))
        playground.pass(.seconds(60))
        #expect(playground.starts["check:0"]?.count == 2)
        #expect(playground.ignored == 1)
    }

    @Test func `the end of an unknown run is ignored`() {
        var schedule = CheckSchedule(workers: 1)
        #expect(schedule.finish(run: 99, now: Instant(nanoseconds: 0)) == (nil, []))
    }

    @Test(arguments: 1...20) func `the schedule keeps its rules in random histories`(_ seed: UInt64) {
        let dice = SeededEntropy(seed: seed)
        let lengths = (0..<30).map { _ in Int64(dice.next() % (dice.next() % 2 == 0 ? 1_000 : 20_000)) }
        var playground = Playground(workers: 1 + Int(dice.next() % 5)) { id in
            .milliseconds(lengths[(Int(id) ?? 0) % 30])
        }
        var wanted: Set<String> = []
        for _ in 0..<200 {
            wanted = Set((0..<30).filter { _ in dice.next() % 3 > 0 }.map(String.init))
            playground.replace(
                wanted.map { ScheduledInstance(id: $0, interval: .milliseconds(500 + 700 * (Int64($0) ?? 0))) })
            let before = playground.starts
            playground.pass(.milliseconds(Int64(dice.next() % 5000)))
            for (id, starts) in playground.starts where starts != before[id] {
                #expect(wanted.contains(id), "\(id) ran though it was not wanted")
            }
        }
        #expect(playground.mostQuickAtOnce <= 5 && playground.mostAtOnce <= 5 + CheckSchedule.unknownLimit)
        #expect(playground.schedule.runsInProgress == playground.running.count)
        playground.pass(.seconds(600))
        for id in wanted { #expect(playground.starts[id]?.isEmpty == false, "\(id) never ran") }
    }

    @Test func `starting one of ten thousand instances is cheap`() {
        // 10,000 starts in 15 s of virtual time, and the queue stays as long as there are instances.
        var playground = Playground(workers: 10_000)
        playground.replace(Self.instances(10_000))
        playground.pass(.seconds(15))
        #expect(playground.starts.count == 10_000)
    }
}
