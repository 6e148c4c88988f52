import CheckModel

/// A step that is performed a given number of times, for a tool that counts its instructions and allocations: what a second run with twice the
/// number has more is what the steps cost.
struct Scenario: Sendable {
    /// How the command line names it.
    let name: String
    /// Performs the step so many times.
    let perform: @Sendable (Int) async throws -> Void

    static let all = [
        Scenario(name: "status-post") { count in
            try await exchange(
                count, "POST /api/v1/clusterchecks/status/node-0", body: #"{"last_change":0,"node_type":2}"#)
        },
        Scenario(name: "configs-get") { count in
            try await exchange(count, "GET /api/v1/clusterchecks/configs/node-0")
        },
        // As many configs are made whatever the count is, so that the difference is their placement alone.
        Scenario(name: "placement") { count in
            let configs = SampleConfigs.encoded(2_000)
            var cluster = SampleDispatcher(nodes: 200)
            cluster.dispatch(Array(configs.prefix(count)))
        },
        Scenario(name: "encoding") { count in
            let configs = SampleConfigs.configs(400)
            for config in configs.prefix(count) { _ = try SampleConfigs.patch.encode(config) }
        },
        // What the counting itself is tested by.
        Scenario(name: "allocation") { count in
            var block: [Int] = []
            for step in 0..<count { block = Array(repeating: step, count: 8) }
            if block.isEmpty { print("no step") }
        },
        Scenario(name: "tick") { count in tick(count, dangling: 0) },
        Scenario(name: "tick-dangling") { count in tick(count, dangling: 2_000) },
    ]

    /// A node's requests, one after the other, to a replica that runs 20 configs on it.
    private static func exchange(_ count: Int, _ head: String, body: String = "") async throws {
        try await LeadingReplica.run(SampleConfigs.configs(20)) { replica in
            var agent = try LoopbackClient(
                port: replica.port, "POST /api/v1/clusterchecks/status/node-0",
                body: #"{"last_change":0,"node_type":2}"#)
            try agent.exchange()
            var client = try LoopbackClient(port: replica.port, head, body: body)
            for _ in 0..<count { try client.exchange() }
        }
    }

    /// What the Handler does under its lock while no node reports: ticks, and a status post in between. No node may report, so that configs dangle
    /// whatever is posted.
    private static func tick(_ count: Int, dangling: Int) {
        var cluster = SampleDispatcher(nodes: 0, maximumNodes: 0)
        cluster.dispatch(SampleConfigs.encoded(dangling))
        for _ in 0..<count {
            cluster.tick()
            cluster.report(0)
        }
    }
}
