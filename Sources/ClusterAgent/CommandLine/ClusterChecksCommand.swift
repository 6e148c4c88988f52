import CheckModel
import JSON
import Platform

/// `cluster-agent clusterchecks`: which check runs where, and how it fares.
enum ClusterChecksCommand {
    private static let check = Option.text(
        "check", help: "Show only this check, or the instances of checks of this name.")
    private static let node = Option.text("node", help: "Show only what this node runs.")
    private static let namespace = Option.text("namespace", help: "Show only what is described in this namespace.")
    private static let failing = Option.flag(
        "failing", default: false, help: "Show only what fails, has no node, or is stale.")
    private static let watch = Option.flag(
        "watch", default: false, help: "Go on, and print what changes (-w).")
    private static let long = Option.flag(
        "long", default: false, help: "Print whole configs and statistics, in the words of Datadog's command.")
    private static let output = Option.choice(
        "output", of: ["table", "wide", "json", "yaml"], default: "table", help: "The form of what is printed (-o).")

    private static let about = """
        Prints a row for each check instance, those that fail first. Exits with 1 if a filter is given and something
        that it shows is down or stale, or nothing is shown that was asked for by name; also where nobody leads.
        """
    /// How often `--watch` looks.
    private static let pause = Duration.seconds(2)

    /// The command.
    static var command: Program.Command {
        Program.Command(
            "clusterchecks", help: "shows which node runs what, and what fails",
            table: OptionTable(check, node, namespace, failing, watch, long, output, OperatorCommands.json),
            listing: AgentOptions.connection, about: about, aliases: ["-w": "--watch", "-o": "--output"], body: run)
    }

    private static func run(_ context: Program.Context) async throws(StartError) -> Int32 {
        let agent = try LocalAgent(context)
        let code = try await show(agent, context)
        await agent.close()
        return code
    }

    private static func show(_ agent: LocalAgent, _ context: Program.Context) async throws(StartError) -> Int32 {
        let options = context.options
        let form = options[OperatorCommands.json] ? "json" : options[output]
        let hasFilter =
            options[failing] || options[watch] || ![options[node], options[namespace]].allSatisfy(\.isEmpty)
        guard
            !hasFilter && (options[check].isEmpty || options[long])
                || !options[long] && ["table", "wide"].contains(form)
        else {
            await agent.close()
            throw .usage("--failing, --node, --namespace, --check and --watch are for the table; --long takes --check")
        }
        let state = try await agent.state().state
        switch (form, options[long]) {
        case ("json", _): print(String(decoding: state.encoded(), as: UTF8.self))
        case ("yaml", _): print(YAMLText.of(state))
        case (_, true): print(ClusterChecksReport(state: state, check: options[check]).text)
        default: return try await showTable(state, agent, context)
        }
        return 0
    }

    private static func showTable(
        _ state: JSONValue, _ agent: LocalAgent, _ context: Program.Context
    ) async throws(StartError) -> Int32 {
        let options = context.options
        let filter = ClusterChecksTable.Filter(
            check: options[check], node: options[node], namespace: options[namespace], onlyFailing: options[failing])
        let isWide = options[output] == "wide"
        var table = ClusterChecksTable(state, filter)
        var shown = table.text(isWide: isWide)
        print(table.rows.isEmpty ? emptiness(filter, state) : shown.text)
        if state["warmup"]?.boolValue == true { print("The leader warms up: nothing is placed yet.") }
        while options[watch], flushStandardOutput(), await !context.isStopped(within: pause) {
            table = ClusterChecksTable(try await agent.state().state, filter)
            shown = table.text(isWide: isWide, known: shown.known)
            if !shown.text.isEmpty { print(shown.text) }
        }
        let isUnknown = table.rows.isEmpty && !filter.onlyFailing
        return filter.isGiven && (table.hasFailing || isUnknown) ? 1 : 0
    }

    /// What to say instead of a table without rows.
    private static func emptiness(_ filter: ClusterChecksTable.Filter, _ state: JSONValue) -> String {
        guard filter.onlyFailing else { return filter.isGiven ? "There is no such check." : "There are no checks." }
        let unheard = ClusterChecksTable(state, ClusterChecksTable.Filter()).rows.count { $0.state == .unknown }
        return unheard == 0 ? "Nothing fails." : "Nothing is known to fail; \(unheard) have not been heard of yet."
    }
}
