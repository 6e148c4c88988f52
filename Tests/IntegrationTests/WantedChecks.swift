import Platform
import TestSupport

/// Which checks are wanted, and since when others are not, to judge what node agents did.
struct WantedChecks {
    /// How long a check may run on two agents, once it has moved: a poll of the agent that lets go, and one answer that came too late for it.
    private static let longestDouble = Duration.seconds(5)

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

    /// What the agents did wrong: a check stopped that was wanted, one that ran twice for too long, an edited one that changed its agent, and
    /// whatever they were told that nobody may tell them.
    func violations(_ agents: [DatadogAgent]) -> [String] {
        var violations: [String] = []
        var runs: [String: [Run]] = [:]
        for agent in agents {
            var begun: [String: Instant] = [:]
            for event in agent.events {
                switch event.kind {
                case "flush", "violation": violations.append("\(agent.id): \(event.fields)")
                case "schedule": if let check = event.check { begun[check] = event.time }
                case "unschedule":
                    guard let check = event.check, let start = begun.removeValue(forKey: check) else { continue }
                    runs[check, default: []].append(Run(agent: agent.id, start: start, end: event.time))
                    if dismissed[check].map({ event.time >= $0 }) != true {
                        violations.append("\(agent.id) stopped \(check), which was wanted")
                    }
                default: break
                }
            }
            for (check, start) in begun {
                runs[check, default: []].append(Run(agent: agent.id, start: start, end: .distantFuture))
            }
        }
        return violations + Self.doubles(runs) + moves(runs)
    }

    /// One time for which an agent ran a check.
    private struct Run {
        let agent: String
        let start: Instant
        let end: Instant
    }

    private static func doubles(_ runs: [String: [Run]]) -> [String] {
        runs.sorted { $0.key < $1.key }.flatMap { check, runs in
            let sorted = runs.sorted { $0.start < $1.start }
            return zip(sorted, sorted.dropFirst()).filter { min($0.end, $1.end) - $1.start > longestDouble }.map {
                "\(check) ran on \($0.agent) and on \($1.agent) for \(min($0.end, $1.end) - $1.start)"
            }
        }
    }

    private func moves(_ runs: [String: [Run]]) -> [String] {
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
