import CheckModel

/// A step that is performed a given number of times, for a tool that counts instructions and allocations. The
/// difference between two runs with different numbers is the cost of the steps.
struct Scenario: Sendable {
    /// Its name on the command line.
    let name: String
    /// Performs the step this many times.
    let perform: @Sendable (Int) async throws -> Void

    static let all = [
        Scenario(name: "status-post") { count in
            try await exchange(
                count, "POST /api/v1/clusterchecks/status/node-0", body: #"{"last_change":0,"node_type":2}"#)
        },
        Scenario(name: "configs-get") { count in
            try await exchange(count, "GET /api/v1/clusterchecks/configs/node-0")
        },
        // The number of configs does not depend on the count, so that the difference is their placement alone.
        Scenario(name: "placement") { count in
            let configs = SampleConfigs.encoded(2_000)
            var cluster = SampleDispatcher(nodes: 200)
            cluster.dispatch(Array(configs.prefix(count)))
        },
        Scenario(name: "encoding") { count in
            let configs = SampleConfigs.configs(400)
            for config in configs.prefix(count) { _ = try SampleConfigs.patch.encode(config) }
        },
        // Tests the counting itself.
        Scenario(name: "allocation") { count in
            var block: [Int] = []
            for step in 0..<count { block = Array(repeating: step, count: 8) }
            if block.isEmpty { print("no step") }
        },
        Scenario(name: "tick") { count in tick(count, dangling: 0) },
        Scenario(name: "tick-dangling") { count in tick(count, dangling: 2_000) },
    ]

    /// The requests of a node, one after the other, to a replica that dispatches 20 configs to it.
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

    /// What the Handler does under its lock while no node reports: ticks, and a status POST after each. The limit of
    /// nodes is 0, so that the configs go on dangling.
    private static func tick(_ count: Int, dangling: Int) {
        var cluster = SampleDispatcher(nodes: 0, maximumNodes: 0)
        cluster.dispatch(SampleConfigs.encoded(dangling))
        for _ in 0..<count {
            cluster.tick()
            cluster.report(0)
        }
    }
}
