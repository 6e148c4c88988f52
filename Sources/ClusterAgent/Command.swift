import CheckModel
import Platform

/// The command line of `cluster-agent`: what to do, and the exit code.
///
/// 0: done, or stopped as asked. 1: it could not start or go on. 2: the command line, environment or option file is wrong.
package enum Command {
    /// The version of this program.
    package static let version = "0.1.0"

    private static let usage = """
        cluster-agent finds cluster checks and spreads them over node-agents.

          cluster-agent run [--key=value …]   runs until SIGTERM or SIGINT
          cluster-agent version               prints the version
          cluster-agent run --help            lists the options

        """

    /// Runs the command that `arguments` (without the program's name) give, until it is done.
    ///
    /// - Returns: the exit code.
    package static func run(_ arguments: [String]) async -> Int32 {
        let environment = processEnvironment()
        switch arguments.first {
        case "run" where arguments.contains("--help"), "run" where arguments.contains("-h"):
            print(optionHelp)
            return 0
        case "run":
            return await run(options: Array(arguments.dropFirst()), environment: environment)
        case "version", "--version":
            print("cluster-agent \(version)")
            return 0
        case "--help", "-h", "help":
            print(usage)
            return 0
        case let other:
            complain([other.map { "\($0): unknown command" } ?? "a command is missing", usage])
            return 2
        }
    }

    private static func run(options arguments: [String], environment: [String: String]) async -> Int32 {
        let options: Options
        do {
            options = try readOptions(arguments, environment)
        } catch {
            complain(error.problems)
            return 2
        }
        let clock = SystemClock()
        let log = Log(
            sink: StandardErrorLog(isJSON: options[AgentOptions.logJSON], clock: clock),
            minimum: LogLevel(name: options[AgentOptions.logLevel]) ?? .info)
        for warning in options.warnings { log.warning("odd environment", ["problem": warning]) }
        let signals = Signals()
        do throws(StartError) {
            let agent = try ClusterAgentProcess(
                options: options, environment: environment, clock: clock, entropy: SystemEntropy(), log: log)
            return await agent.run { _ = try? await signals.termination() }
        } catch {
            log.error("cannot start", ["reason": error.reason])
            return error.isUsage ? 2 : 1
        }
    }

    private static func readOptions(
        _ arguments: [String], _ environment: [String: String]
    ) throws(OptionError) -> Options {
        let prefix = "--config="
        let path = arguments.last { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.utf8.count)) }
        return try Options(
            table: AgentOptions.table, arguments: arguments.filter { !$0.hasPrefix(prefix) }, environment: environment,
            file: try path.map { path throws(OptionError) in try (path, OptionFile.entries(of: path)) })
    }

    private static var optionHelp: String {
        "cluster-agent run [--config=FILE] [--key=value …]\n\n"
            + "Each option may also be an environment variable (DD_, upper case, . as _) or stand in the JSON file.\n\n"
            + AgentOptions.table.helpText
    }

    private static func complain(_ lines: [String]) {
        for line in lines { writeToStandardError("cluster-agent: \(line)") }
    }
}
