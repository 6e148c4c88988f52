import CheckModel
import HTTPClient
import Platform
import Synchronization
import TestSupport

/// Asks every replica each 10 ms for a node-agent's configs, and keeps each answer.
final class LeaderProber: Sendable {
    /// One answer.
    struct Answer: Sendable {
        let replica: Int
        let node: String
        let sent: Instant
        let received: Instant
        /// The status code; 0 when there was no answer at all.
        let status: Int
        /// The term's token, for a 200.
        let term: String
        let body: [UInt8]

        /// The order of terms: the resourceVersion of the write that began it.
        var termNumber: Int { Int(term.split(separator: ".").first ?? "") ?? 0 }
    }

    private let answers = Mutex<[Answer]>([])
    private let clock = SystemClock()
    private let pause: Duration

    init(every pause: Duration = .milliseconds(10)) {
        self.pause = pause
    }

    var all: [Answer] {
        answers.withLock { $0 }
    }

    /// Asks until cancelled. Requests are patient: a frozen replica answers them when it thaws.
    func run(_ replicas: [(agent: RunningClusterAgent, client: HTTPClient)], nodes: [String]) async {
        await withDiscardingTaskGroup { group in
            for (index, replica) in replicas.enumerated() {
                group.addTask {
                    var turn = 0
                    while !Task.isCancelled {
                        turn += 1
                        await self.ask(
                            index, replica.agent, replica.client, nodes[turn % nodes.count], isStatus: turn % 3 == 0)
                        try? await self.clock.sleep(until: self.clock.now() + self.pause)
                    }
                }
            }
        }
    }

    /// The first answer of a term after `number` that was received after `instant`.
    func firstAnswer(ofTermAfter number: Int, since instant: Instant) -> Answer? {
        all.first { $0.status == 200 && $0.termNumber > number && $0.received > instant }
    }

    /// The newest term that answered.
    var newestTerm: Int {
        all.filter { $0.status == 200 }.map(\.termNumber).max() ?? 0
    }

    private func ask(
        _ replica: Int, _ agent: RunningClusterAgent, _ client: HTTPClient, _ node: String, isStatus: Bool
    ) async {
        let call = isStatus ? "status" : "configs"
        let request = ClientRequest(
            isStatus ? "POST" : "GET", url: "\(agent.url)/api/v1/clusterchecks/\(call)/\(node)",
            body: isStatus ? Array(#"{"last_change":-1,"node_type":2}"#.utf8) : nil)
        let sent = clock.now()
        let response = try? await client.send(request, deadline: sent + .seconds(60))
        let answer = Answer(
            replica: replica, node: isStatus ? "" : node, sent: sent, received: clock.now(),
            status: response?.status ?? 0, term: response?[Term.headerName] ?? "", body: response?.body ?? [])
        answers.withLock { $0.append(answer) }
    }
}

extension LeaderProber {
    /// What the answers say against the rules; empty when they keep them.
    ///
    /// - No answer of an older term to a request that was sent after a newer term had answered.
    /// - No answer of an older term arrives more than a second after a newer term's first.
    /// - Every 200 names its term.
    /// - In a term, all answers for one node are alike, and together the nodes hold `expected` configs.
    func violations(expected: Int) throws -> [String] {
        let good = all.filter { $0.status == 200 }
        var found = good.filter { $0.term.isEmpty }.map { "a 200 without a term from replica \($0.replica)" }
        var first: [Int: Instant] = [:]
        for answer in good {
            first[answer.termNumber] = min(first[answer.termNumber] ?? .distantFuture, answer.received)
        }
        for answer in good {
            for (term, began) in first where term > answer.termNumber {
                if answer.sent > began {
                    found.append("term \(answer.termNumber) answered a request sent after term \(term) had")
                }
                if answer.received > began + .seconds(1) {
                    found.append("term \(answer.termNumber) answered long after \(term)")
                }
            }
        }
        let configs = good.filter { !$0.node.isEmpty }
        for (term, answers) in Dictionary(grouping: configs, by: \.termNumber).sorted(by: { $0.key < $1.key }) {
            let byNode = Dictionary(grouping: answers, by: \.node)
            var held = 0
            for (node, same) in byNode.sorted(by: { $0.key < $1.key }) {
                if Set(same.map(\.body)).count > 1 { found.append("term \(term) gave \(node) differing configs") }
                held += try ConfigsAnswer(parsing: same[0].body).configs.count
            }
            if byNode.count > 1, held != expected { found.append("term \(term) gave \(held) of \(expected) configs") }
        }
        return found
    }
}
