import CheckModel
import HTTPClient
import JSON
import Platform

/// The commands for operators. Each calls the cluster-agent on the same machine, and prints the answer for people or as
/// JSON.
enum OperatorCommands {
    static let json = Option.flag("json", default: false, help: "Print JSON.")
    private static let force = Option.flag(
        "force", default: false, help: "Rebalance even if the gain is small (-f).")
    private static let dryRun = Option.flag(
        "dry-run", default: false, help: "Show what would be moved, and move nothing.")
    private static let checkID = Option.text(
        "checkID", help: "The ID of the check, as `clusterchecks` shows it.")
    private static let addNodes = Option.integer(
        "add-nodes", in: 0...SupposedChange.mostNodes, default: 0, help: "Suppose that so many node-agents join.")
    private static let removeNode = Option.nonEmptyText(
        "remove-node", help: "Suppose that this node-agent leaves for good.")
    private static let configFile = Option.nonEmptyText(
        "config-file", help: "Suppose that the checks of this config file are added.")
    private static let nodeID = Option.text("node", help: "The node, as `clusterchecks` shows it.")

    private static let since = Option.duration(
        "since", in: .seconds(1)...Duration.hours(8760), default: .hours(24), help: "Show what happened in this time.")
    private static let part = Option.nonEmptyText(
        "check", help: "Show only checks with this in their ID, or in where they come from.")
    private static let node = Option.nonEmptyText("node", help: "Show only what concerns this node.")

    static var all: [Program.Command] {
        [
            ClusterChecksCommand.command,
            Program.Command(
                "clusterchecks rebalance", help: "moves checks from busy nodes to idle ones",
                table: OptionTable(force, dryRun, json), listing: AgentOptions.connection,
                aliases: ["-f": "--force"]
            ) { context throws(StartError) in
                let (isForced, isDry, isJSON) = (
                    context.options[force], context.options[dryRun], context.options[json]
                )
                if !isJSON { print("Requesting a cluster check rebalance...") }
                let body = "{\"force\":\(isForced),\"dry_run\":\(isDry),\"explain\":\(!isJSON)}"
                return try await ask(
                    context, "POST", "/api/v1/clusterchecks/rebalance", body: body, MoveReport.rebalanced)
            },
            Program.Command(
                "clusterchecks isolate", help: "leaves one check alone on its node", table: OptionTable(checkID, json),
                listing: AgentOptions.connection
            ) { context throws(StartError) in
                let id = context.options[checkID]
                guard !id.isEmpty else { throw .usage("--checkID=ID is required: `clusterchecks` shows the IDs") }
                let path = "/api/v1/clusterchecks/isolate/check/" + percentEncoded(id)
                return try await ask(context, "POST", path, body: "", MoveReport.isolated)
            },
            Program.Command(
                "clusterchecks history",
                help: "shows what happened: moves, joins, losses, leaders and edits, with reasons",
                table: OptionTable(since, part, node, json), listing: AgentOptions.connection
            ) { context throws(StartError) in
                let options = context.options
                var query = "since=\(Int(options[since].seconds.rounded(.up)))"
                for (name, value) in [("check", options[part]), ("node", options[node])] where !value.isEmpty {
                    query += "&\(name)=\(percentEncoded(value))"
                }
                let what = query
                return try await ask(context, "GET", "/api/v1/clusterchecks/history?\(what)", HistoryReport.text)
            },
            intent(.unisolate, help: "lets an isolated check share its node again"),
            intent(.pin, help: "has one node-agent alone run a check"), intent(.unpin, help: "undoes a pin"),
            intent(.pause, help: "has a check run nowhere"), intent(.resume, help: "has a paused check run again"),
            intent(.drain, help: "takes all checks off a node-agent, and gives it none"),
            intent(.uncordon, help: "gives checks to a drained node-agent again"),
            Program.Command(
                "clusterchecks explain", help: "says why a check is where it is, what it costs, and what would move it",
                table: OptionTable(checkID, json),
                listing: AgentOptions.connection
            ) { context throws(StartError) in
                let id = context.options[checkID]
                guard !id.isEmpty else { throw .usage("--checkID=ID is required: `clusterchecks` shows the IDs") }
                let path = "/api/v1/clusterchecks/explain/check/" + percentEncoded(id)
                return try await ask(context, "GET", path, ExplanationReport.text)
            },
            Program.Command(
                "clusterchecks simulate", help: "shows what would move if nodes came or went, or checks were added",
                table: OptionTable(addNodes, removeNode, configFile, json), listing: AgentOptions.connection
            ) { context throws(StartError) in
                let body = String(decoding: try await supposed(context).encoded(), as: UTF8.self)
                return try await ask(
                    context, "POST", "/api/v1/clusterchecks/simulate", body: body, SimulationReport.text)
            },
            Program.Command(
                "status", help: "shows how the cluster-agent fares", table: OptionTable(json),
                listing: AgentOptions.connection
            ) { context throws(StartError) in
                try await LocalAgent.ask(context) { agent throws(StartError) in
                    let (overview, isForwarded) = try await agent.overview()
                    let report = StatusReport(overview: overview, isForwarded: isForwarded)
                    print(context.options[json] ? String(decoding: overview.encoded(), as: UTF8.self) : report.text)
                    return OverviewNotice(overview).text == nil ? 0 : 1
                }
            },
            ConfigCheck.command, SecretCommand.command,
        ]
    }

    /// What an operator supposes.
    private static func supposed(_ context: Program.Context) async throws(StartError) -> SupposedChange {
        let options = context.options
        switch (options[addNodes], options[removeNode], options[configFile]) {
        case (1..., "", ""): return .addNodes(options[addNodes])
        case (0, let id, "") where !id.isEmpty: return .removeNode(ExactText(id))
        case (0, "", let path) where !path.isEmpty:
            let configs = try await ConfigCheck.configs(of: path, context)
            return .addConfigs(
                configs.map {
                    SupposedChange.Config(check: $0.checkName, instances: $0.instances.count, rules: $0.rules)
                })
        default: throw .usage("exactly one of --add-nodes=K, --remove-node=ID and --config-file=FILE is required")
        }
    }

    /// A command for something that operators want.
    private static func intent(_ verb: IntentCommand.Verb, help: String) -> Program.Command {
        let table =
            verb.isOfNode
            ? OptionTable(nodeID, json) : verb == .pin ? OptionTable(checkID, nodeID, json) : OptionTable(checkID, json)
        return Program.Command("clusterchecks \(verb)", help: help, table: table, listing: AgentOptions.connection) {
            context throws(StartError) in
            let (check, node) = (
                verb.isOfNode ? "" : context.options[checkID],
                verb.isOfNode || verb == .pin ? context.options[nodeID] : ""
            )
            guard verb.isOfNode || !check.isEmpty else {
                throw .usage("--checkID=ID is required: `clusterchecks` shows the IDs")
            }
            guard !node.isEmpty || !verb.isOfNode && verb != .pin else {
                throw .usage("--node=ID is required: `clusterchecks` shows the nodes")
            }
            let body = String(decoding: IntentCommand(verb, check: check, node: node).encoded(), as: UTF8.self)
            return try await ask(context, "POST", "/api/v1/clusterchecks/intent", body: body) { answer in
                visibleLine(answer["done"]?.stringValue ?? "")
            }
        }
    }

    private static func ask(
        _ context: Program.Context, _ method: String, _ path: String, body: String? = nil,
        _ text: (JSONValue) -> String
    ) async throws(StartError) -> Int32 {
        try await LocalAgent.ask(context) { agent throws(StartError) in
            let answer = try await agent.call(method, path, body: body)
            print(context.options[json] ? String(decoding: answer.encoded(), as: UTF8.self) : text(answer))
            // Upstream's call to isolate a check answers 200 also where it refuses.
            return answer["is_isolated"]?.boolValue == false ? 1 : 0
        }
    }
}
