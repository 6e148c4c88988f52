import CheckModel
import Glibc
import JSON
import Platform

/// `cluster-agent clusterchecks`: which check runs where, and how it fares.
enum ClusterChecksCommand {
    private static let check = Option.nonEmptyText(
        "check", help: "Show only this check, or the instances of checks of this name.")
    private static let node = Option.nonEmptyText("node", help: "Show only what this node runs.")
    private static let namespace = Option.nonEmptyText(
        "namespace", help: "Show only what is described in this namespace.")
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
        that it shows is down, stale or without a node, or nothing is shown that was asked for by name; also where
        nobody leads.
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
        try await LocalAgent.ask(context) { agent throws(StartError) in try await show(agent, context) }
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
            throw .usage("--failing, --node, --namespace, --check and --watch are for the table; --long takes --check")
        }
        if ["table", "wide"].contains(form), !options[long] { return try await showTable(agent, context) }
        let (state, isLastKnown) = try await agent.state()
        switch (form, options[long]) {
        case ("json", _): print(String(decoding: state.encoded(), as: UTF8.self))
        case ("yaml", _): print(YAMLText.of(state))
        // Whole configs are a leader's alone.
        case _ where isLastKnown: return try await showTable(agent, context)
        default: print(ClusterChecksReport(state: state, check: options[check]).text)
        }
        return isLastKnown ? 1 : 0
    }

    private static func showTable(
        _ agent: LocalAgent, _ context: Program.Context
    ) async throws(StartError) -> Int32 {
        var overview = try await agent.overview().overview
        let options = context.options
        let filter = ClusterChecksTable.Filter(
            check: options[check], node: options[node], namespace: options[namespace], onlyFailing: options[failing])
        let isWide = options[output] == "wide"
        let isColoured = takesColours(context.environment)
        var table = ClusterChecksTable(overview, filter)
        var shown = table.text(isWide: isWide, isColoured: isColoured)
        var notice = Self.notice(overview)
        var problem: StartError?
        if let notice { print(notice) }
        print(table.rows.isEmpty ? emptiness(filter, overview) : shown.text)
        while options[watch], flushStandardOutput(), await !context.isStopped(within: pause) {
            do throws(StartError) {
                overview = try await agent.overview().overview
                if problem != nil { print("There is an answer again.") }
                problem = nil
            } catch {
                if problem == nil { print(visibleLine("\(error); trying again")) }
                problem = error
                continue
            }
            let newest = Self.notice(overview)
            if newest == nil, notice != nil { print("A leader dispatches again.") }
            if let newest, notice == nil { print(newest) }
            notice = newest
            // A leader that warms up has placed nothing, which does not mean that the checks are gone.
            if isWarmingUp(overview) { continue }
            table = ClusterChecksTable(overview, filter)
            shown = table.text(isWide: isWide, isColoured: isColoured, known: shown.known)
            if !shown.text.isEmpty { print(shown.text) }
        }
        let isUnknown = table.rows.isEmpty && (!filter.onlyFailing || isWarmingUp(overview))
        let isLastKnown = OverviewNotice(overview).text != nil
        return isLastKnown || filter.isGiven && (table.hasFailing || isUnknown) ? 1 : 0
    }

    /// Whether standard output is a terminal that wants colours (no-color.org).
    private static func takesColours(_ environment: [String: String]) -> Bool {
        environment["NO_COLOR", default: ""].isEmpty && environment["TERM", default: "dumb"] != "dumb"
            && isatty(STDOUT_FILENO) == 1
    }

    /// What to know before the table is read; nil if there is nothing.
    private static func notice(_ overview: JSONValue) -> String? {
        if let notice = OverviewNotice(overview).text { return visibleLine(notice) }
        guard let left = overview["warmup_left_s"]?.integerValue else { return nil }
        return "The leader warms up, for \(left) s at most: nothing is placed yet."
    }

    private static func isWarmingUp(_ overview: JSONValue) -> Bool {
        overview["warmup_left_s"]?.integerValue != nil
    }

    /// What to say instead of a table without rows.
    private static func emptiness(_ filter: ClusterChecksTable.Filter, _ overview: JSONValue) -> String {
        if isWarmingUp(overview) { return "Nothing is known yet." }
        guard filter.onlyFailing else { return filter.isGiven ? "There is no such check." : "There are no checks." }
        let unheard = overview["counts"]?["unknown"]?.integerValue ?? 0
        return unheard == 0 ? "Nothing fails." : "Nothing is known to fail; \(unheard) have not been heard of yet."
    }
}
