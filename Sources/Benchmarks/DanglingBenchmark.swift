import CheckModel
import ClusterChecks
import Platform
import Replica

/// Status POSTs to a Handler whose configs dangle.
enum DanglingBenchmark {
    static func rows() async throws -> [Row] {
        let none = try await posts(dangling: 0)
        let many = try await posts(dangling: 100_000)
        let ratio = many.mean / none.mean
        return [
            Row(
                work: "status POST while 100,000 configs dangle, against none: mean", budget: "≤ 1.2",
                measured: threeDigits(ratio), isWithin: ratio <= 1.2),
            Row(
                work: "the longest of those", budget: "–",
                measured: "\(many.longest.milliseconds), against \(none.longest.milliseconds)", isWithin: true),
            try await firstNode(),
        ]
    }

    /// Posts for two seconds, while the Handler ticks twenty times a second. The limit of nodes is 0, so that the
    /// configs go on dangling.
    private static func posts(dangling: Int) async throws -> (mean: Double, longest: Duration) {
        try await withHandler(dangling: dangling) { options in
            options.nodeExpirationTimeout = .seconds(1)
            options.maximumNodes = 0
        } _: { handler in
            let clock = SystemClock()
            let start = clock.now()
            var (last, longest, count) = (start, Duration.zero, 0)
            while last - start < .seconds(2) {
                _ = try? handler.nodeStatus(report, now: last)
                let now = clock.now()
                longest = max(longest, now - last)
                last = now
                count += 1
            }
            return ((last - start).seconds / Double(count), longest)
        }
    }

    /// The status POST that registers the first node, which gets all configs.
    private static func firstNode() async throws -> Row {
        let time = try await withHandler(dangling: 100_000) { _ in
        } _: { handler in
            let clock = SystemClock()
            let start = clock.now()
            _ = try handler.nodeStatus(report, now: start)
            return clock.now() - start
        }
        return Row(
            work: "the first node's first status POST, while 100,000 configs dangle", budget: "–",
            measured: time.milliseconds, isWithin: true)
    }

    private static let report = NodeReport(id: "node-0", status: NodeStatusRequest(lastChange: 0, nodeType: 2))

    private static func withHandler<Value: Sendable>(
        dangling count: Int, _ change: (inout HandlerOptions) -> Void, _ body: (Handler) throws -> Value
    ) async throws -> Value {
        let clock = SystemClock()
        let handler = try LeadingReplica.replica(SampleConfigs.configs(count), clock: clock, change).handler
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await handler.run() }
            defer { group.cancelAll() }
            let changes = handler.changes
            var seen = changes.current
            while (try? handler.snapshot(now: clock.now()))?.dangling.count != count {
                seen = try await changes.next(after: seen.version)
            }
            return try body(handler)
        }
    }
}
