import Platform
import TestSupport

/// Which checks are wanted, and since when others are not, to judge what node agents did.
struct WantedChecks {
    /// How long a check that moves may run on two agents or on none: each agent learns of it at its own poll, every 200
    /// ms here, or at the next one if that gets no answer in the 3 s that it may take.
    private static let longestMove = Duration.seconds(5)

    /// One time for which an agent ran a check.
    private struct Run {
        let agent: String
        let start: Instant
        let end: Instant
    }

    private var editions: [Int: Int] = [:]
    private var dismissed: [String: Instant] = [:]

    /// The names of the checks that are wanted now.
    var names: Set<String> {
        Set(editions.map { Self.name($0.key, $0.value) })
    }

    /// A check is wanted in this edition, which was written after `start`; its older edition is not.
    mutating func want(_ number: Int, edition: Int, since start: Instant) {
        if let old = editions[number], old != edition { dismissed[Self.name(number, old)] = start }
        editions[number] = edition
    }

    /// A check is not wanted any more.
    mutating func dismiss(_ number: Int, since start: Instant) {
        if let old = editions.removeValue(forKey: number) { dismissed[Self.name(number, old)] = start }
    }

    /// How often an agent stopped a check that was wanted, as another one was to run it.
    func moves(_ agents: [DatadogAgent]) -> Int {
        stops(agents).count
    }

    /// What the agents did wrong: whatever they were told that nobody may tell them, and a check that nobody ran, or
    /// two, for too long. If no check may move: one stopped that was wanted, and an edited one that changed its agent.
    func violations(_ agents: [DatadogAgent], mayMove: Bool) -> [String] {
        let told = agents.flatMap { agent in
            agent.events.filter { ["flush", "violation"].contains($0.kind) }.map { "\(agent.id): \($0.fields)" }
        }
        let runs = Self.runs(agents)
        let found = told + doubles(runs) + gaps(runs)
        return mayMove ? found : found + stops(agents) + strays(runs)
    }

    private func stops(_ agents: [DatadogAgent]) -> [String] {
        agents.flatMap { agent in
            agent.events.compactMap { event in
                guard event.kind == "unschedule", let check = event.check else { return nil }
                if let end = dismissed[check], event.time >= end { return nil }
                return "\(agent.id) stopped \(check), which was wanted"
            }
        }
    }

    private static func runs(_ agents: [DatadogAgent]) -> [String: [Run]] {
        var runs: [String: [Run]] = [:]
        for agent in agents {
            var begun: [String: Instant] = [:]
            for event in agent.events {
                guard let check = event.check else { continue }
                if event.kind == "schedule" { begun[check] = event.time }
                guard event.kind == "unschedule", let start = begun.removeValue(forKey: check) else { continue }
                runs[check, default: []].append(Run(agent: agent.id, start: start, end: event.time))
            }
            for (check, start) in begun {
                runs[check, default: []].append(Run(agent: agent.id, start: start, end: .distantFuture))
            }
        }
        return runs.mapValues { $0.sorted { $0.start < $1.start } }
    }

    private func doubles(_ runs: [String: [Run]]) -> [String] {
        runs.sorted { $0.key < $1.key }.flatMap { check, runs in
            runs.indices.flatMap { index in
                runs[..<index].compactMap { other in
                    let time = min(other.end, runs[index].end) - runs[index].start
                    return time > Self.longestMove
                        ? "\(check) ran on \(other.agent) and on \(runs[index].agent) for \(time)" : nil
                }
            }
        }
    }

    private func gaps(_ runs: [String: [Run]]) -> [String] {
        runs.sorted { $0.key < $1.key }.compactMap { check, runs in
            var end = runs[0].end
            for run in runs.dropFirst() {
                if run.start - end > Self.longestMove { return "nobody ran \(check) for \(run.start - end)" }
                end = max(end, run.end)
            }
            return names.contains(check) && end != .distantFuture ? "nobody runs \(check)" : nil
        }
    }

    private func strays(_ runs: [String: [Run]]) -> [String] {
        editions.sorted { $0.key < $1.key }.compactMap { number, edition in
            let agents = (0...edition).map { Set(runs[Self.name(number, $0), default: []].map(\.agent)) }
            let all = agents.reduce(into: Set<String>()) { $0.formUnion($1) }
            return all.count == 1 ? nil : "the editions of s\(number) ran on \(agents.map { $0.sorted() })"
        }
    }

    private static func name(_ number: Int, _ edition: Int) -> String {
        "s\(number).\(edition)"
    }
}
