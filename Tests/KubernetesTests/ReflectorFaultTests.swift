import Kubernetes
import Platform
import Synchronization
import TestKit
import Testing

/// client-go's reflector tests, as far as they apply, and what an outage costs.
@Suite struct ReflectorFaultTests {
    static let transport = KubernetesError.transport("refused")
    static let tooMany = KubernetesError.status(Status(code: 429))
    static let internalError = KubernetesError.status(Status(code: 500))
    static let expired = KubernetesError.status(Status(code: 410, reason: "Expired"))
    static let malformed = KubernetesError.malformed(place: "watch", reason: "object.metadata is missing")

    private static func list(_ version: String) -> ScriptedSource.Answer {
        .page(ObjectPage(resourceVersion: version, items: []))
    }

    private static func error(_ code: Int) -> ScriptedSource.Answer {
        .events([.error(Status(code: code))])
    }

    /// The requests that a script leads to, its last one unanswered.
    private static func requests(_ answers: [ScriptedSource.Answer]) throws -> [String] {
        try virtually { clock in
            let source = ScriptedSource(clock, answers)
            let reflector = Reflector<Service>(
                source: source, clock: clock, entropy: SeededEntropy(seed: 1), log: Log(sink: NoLog())
            ) { _ in }
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await reflector.run() }
                while source.requests.count <= answers.count { await clock.sleep(.milliseconds(100)) }
                group.cancelAll()
            }
            return source.requests
        }
    }

    @Test(arguments: [
        // Backoff on failures to open: the watch is tried again, nothing is listed.
        (
            [list("1")] + Array(repeating: .watchFails(transport), count: 9),
            ["l", "w1", "w1", "w1", "w1", "w1", "w1", "w1", "w1", "w1", "w1"]
        ),
        // No list on 429, at the opening or as an event.
        (
            [
                list("1"), .watchFails(tooMany), error(429), .watchFails(tooMany), .watchFails(tooMany),
                .watchFails(tooMany), error(429),
            ],
            ["l", "w1", "w1", "w1", "w1", "w1", "w1", "w1"]
        ),
        // An internal error is retried before the version is given up.
        (
            [list("1"), error(500), error(500), error(500), error(500), error(500)],
            ["l", "w1", "w1", "w1", "w1", "w1", "l"]
        ),
        // Expired at the opening, as an event, and as a list of its own.
        (
            [list("10"), .watchFails(expired), list("12"), error(410), .listFails(expired), list("20")],
            ["l", "w10", "l", "w12", "l", "l", "w20"]
        ),
        // What cannot be understood is listed anew.
        ([list("1"), .events([], failure: malformed), .listFails(malformed), list("2")], ["l", "w1", "l", "l", "w2"]),
        // A watch that the server does not have (any more) is listed anew.
        ([list("1"), .watchFails(.status(Status(code: 404))), list("3")], ["l", "w1", "l", "w3"]),
    ])
    func `each fault is handled as documented`(answers: [ScriptedSource.Answer], expected: [String]) throws {
        let requests = try Self.requests(answers).map { request in
            request.hasPrefix("list") ? "l" : "w" + request.dropFirst("watch ".count)
        }
        #expect(requests == expected)
    }

    @Test func `no step waits longer than its limit`() throws {
        let answers =
            [Self.list("1")]
            + Array(
                repeating: .events([.bookmark(resourceVersion: "1")], lasting: .seconds(240)), count: 50)
        let limits = try virtually { clock in
            let source = ScriptedSource(clock, answers)
            let reflector = Reflector<Service>(
                source: source, clock: clock, entropy: SeededEntropy(seed: 1), log: Log(sink: NoLog())
            ) { _ in }
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await reflector.run() }
                while source.requests.count <= answers.count { await clock.sleep(.seconds(1)) }
                group.cancelAll()
            }
            return source.limits
        }
        #expect(limits.first == .seconds(60))
        // What the server is asked for, 240 to 300 s, and 30 s more.
        #expect(limits.dropFirst().allSatisfy { .seconds(270)...(.seconds(330)) ~= $0 })
        #expect(Set(limits.map(\.nanoseconds)).count > 20)
    }

    /// Answers everything alike, for ever.
    final class Broken: ListWatchSource {
        enum Fault: CaseIterable {
            case refuses, tooMany, forbidden, expires, endsAtOnce, breaksAtOnce, sendsRubbish, endsAfterABookmark
        }

        private let fault: Fault
        private let counter = Counter()

        init(_ fault: Fault) { self.fault = fault }
        var count: UInt64 { counter.value }

        func list(_ request: ListRequest, deadline: Instant) async throws(KubernetesError) -> ObjectPage<Service> {
            counter.add()
            switch fault {
            case .refuses: throw transport
            case .tooMany: throw ReflectorFaultTests.tooMany
            case .forbidden: throw .status(Status(code: 403))
            default: return ObjectPage(resourceVersion: "1", items: [])
            }
        }

        func watch(
            _ request: WatchRequest, deadline: Instant, onEvent: (WatchEvent<Service>) -> Bool
        ) async throws(KubernetesError) {
            counter.add()
            guard onEvent(.opened) else { return }
            switch fault {
            case .expires: _ = onEvent(.error(Status(code: 410)))
            case .breaksAtOnce: throw transport
            case .sendsRubbish: throw malformed
            case .endsAfterABookmark: _ = onEvent(.bookmark(resourceVersion: "2"))
            default: return
            }
        }
    }

    @Test(arguments: Broken.Fault.allCases)
    func `an outage of an hour causes few requests and few log lines`(fault: Broken.Fault) throws {
        let log = RecordingLog()
        let requests = try virtually { clock in
            let source = Broken(fault)
            let reflector = Reflector<Service>(
                source: source, clock: clock, entropy: SeededEntropy(seed: 1), log: Log(sink: log)
            ) { _ in }
            return await withTaskGroup(of: Void.self) { group in
                group.addTask { await reflector.run() }
                await clock.sleep(.seconds(3600))
                group.cancelAll()
                return source.count
            }
        }
        // Pauses of 30 to 60 s, after the first minute; of a list and a watch each where only the watch fails.
        #expect(60...260 ~= requests, "\(fault): \(requests)")
        #expect(log.messages.count <= Int(requests))
    }
}
