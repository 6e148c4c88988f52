import CheckModel
import HTTPClient
import Leadership
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
        /// The order of terms: the resourceVersion of the write that began it.
        let termNumber: Int
        /// Nil for a status report, which names no configs.
        let body: [UInt8]?
    }

    private struct State {
        var answers: [Answer] = []
        /// Equal bodies are kept once: there are hundreds of thousands of answers.
        var bodies: Set<[UInt8]> = []
        var newestTerm = 0
    }

    private let state = Mutex(State())
    private let clock = SystemClock()
    private let pause: Duration

    init(every pause: Duration = .milliseconds(10)) {
        self.pause = pause
    }

    /// Every answer so far, in the order of their arrival.
    var all: [Answer] {
        state.withLock { $0.answers }
    }

    /// Asks the replicas at `urls` until cancelled, one request after the other for each. Requests are patient: a
    /// frozen replica answers them when it thaws.
    func run(_ urls: [String], nodes: [String]) async throws {
        // A replica that is started again has another certificate.
        let options = HTTPClientOptions(
            trust: TLSTrust(verifies: false), bearerToken: { RunningClusterAgent.token }, userAgent: "prober")
        let clients = try urls.map { ($0, try HTTPClient(options: options, clock: clock)) }
        await withDiscardingTaskGroup { group in
            for (index, (url, client)) in clients.enumerated() {
                group.addTask {
                    var turn = 0
                    while !Task.isCancelled {
                        turn += 1
                        await self.ask(index, url, client, nodes[turn % nodes.count], isStatus: turn % 3 == 0)
                        try? await self.clock.sleep(until: self.clock.now() + self.pause)
                    }
                }
            }
        }
        for (_, client) in clients { await client.shutdown() }
    }

    /// The first answer of a term after `number` that was received after `instant`.
    func firstAnswer(ofTermAfter number: Int, since instant: Instant) -> Answer? {
        state.withLock { state in
            var found: Answer?
            for answer in state.answers.reversed() {
                guard answer.received > instant else { break }
                if answer.status == 200, answer.termNumber > number { found = answer }
            }
            return found
        }
    }

    /// Whether `replica` answered a request well that was sent after `instant`: it leads, or knows who does.
    func isServed(by replica: Int, since instant: Instant) -> Bool {
        state.withLock { state in
            for answer in state.answers.reversed() {
                guard answer.received > instant else { break }
                if answer.status == 200, answer.replica == replica, answer.sent > instant { return true }
            }
            return false
        }
    }

    /// The newest term that answered.
    var newestTerm: Int {
        state.withLock { $0.newestTerm }
    }

    private func ask(_ replica: Int, _ url: String, _ client: HTTPClient, _ node: String, isStatus: Bool) async {
        let call = isStatus ? "status" : "configs"
        let request = ClientRequest(
            isStatus ? "POST" : "GET", url: "\(url)/api/v1/clusterchecks/\(call)/\(node)",
            body: isStatus ? Array(#"{"last_change":-1,"node_type":2}"#.utf8) : nil)
        let sent = clock.now()
        let response = try? await client.send(request, deadline: sent + .seconds(60))
        let received = clock.now()
        let term = response?[Term.headerName] ?? ""
        state.withLock { state in
            let body = isStatus ? nil : state.bodies.insert(response?.body ?? []).memberAfterInsert
            let answer = Answer(
                replica: replica, node: node, sent: sent, received: received, status: response?.status ?? 0, term: term,
                termNumber: Int(term.split(separator: ".").first ?? "") ?? 0, body: body)
            state.answers.append(answer)
            if answer.status == 200 { state.newestTerm = max(state.newestTerm, answer.termNumber) }
        }
    }
}

extension LeaderProber {
    /// What the answers say against the rules; empty when they keep them.
    ///
    /// - Every 200 names its term.
    /// - No answer of an older term to a request that was sent after a newer term had answered.
    /// - No answer of an older term arrives more than a second after a newer term's first.
    /// - In a term, all answers for one node are alike, and together the nodes hold `expected` configs (unless that is
    ///   nil, for configs that change).
    func violations(expected: Int?) throws -> [String] {
        let good = all.filter { $0.status == 200 }
        var found = good.filter { $0.term.isEmpty }.map { "a 200 without a term from replica \($0.replica)" }
        found += Self.overlaps(good)
        guard let expected else { return found }
        let terms = Dictionary(grouping: good.filter { $0.body != nil }, by: \.termNumber)
        for (term, answers) in terms.sorted(by: { $0.key < $1.key }) {
            let byNode = Dictionary(grouping: answers, by: \.node)
            var held = 0
            for (node, same) in byNode.sorted(by: { $0.key < $1.key }) {
                let bodies = Set(same.compactMap(\.body))
                if bodies.count > 1 { found.append("term \(term) gave \(node) differing configs") }
                held += try ConfigsAnswer(parsing: same[0].body ?? []).configs.count
            }
            if byNode.count > 1, held != expected { found.append("term \(term) gave \(held) of \(expected) configs") }
        }
        return found
    }

    private static func overlaps(_ good: [Answer]) -> [String] {
        var began: [Int: Instant] = [:]
        for answer in good {
            began[answer.termNumber] = min(began[answer.termNumber] ?? .distantFuture, answer.received)
        }
        // By term, when the first of all later terms answered first.
        var replaced: [Int: Instant] = [:]
        var earliest = Instant.distantFuture
        for (term, first) in began.sorted(by: { $0.key > $1.key }) {
            replaced[term] = earliest
            earliest = min(earliest, first)
        }
        var found: [String] = []
        for answer in good {
            let end = replaced[answer.termNumber] ?? .distantFuture
            if answer.sent > end {
                found.append("term \(answer.termNumber) answered a request sent after a later term had answered")
            }
            if answer.received > end + .seconds(1) {
                found.append("term \(answer.termNumber) answered long after a later one")
            }
        }
        return found
    }
}
