import CheckModel
import Glibc
import Platform

/// The command line of `node-agent`: what to do, and the exit code.
///
/// 0: done, or stopped as asked. 1: it could not start or go on. 2: the command line, environment or option file is wrong.
package enum Command {
    /// The version of this program.
    package static let version = "0.1.0"

    private static let usage = """
        node-agent runs the checks that a cluster-agent gives it.

          node-agent run [--key=value …]   runs until SIGTERM or SIGINT
          node-agent version               prints the version
          node-agent run --help            lists the options

        """

    /// Runs the command that `arguments` (without the program's name) give, until it is done.
    ///
    /// - Returns: the exit code.
    package static func run(_ arguments: [String]) async -> Int32 {
        switch arguments.first {
        case "run" where arguments.contains("--help"), "run" where arguments.contains("-h"):
            print(optionHelp)
            return 0
        case "run":
            return await run(options: Array(arguments.dropFirst()), environment: processEnvironment())
        case "version", "--version":
            print("node-agent \(version)")
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
            sink: StandardErrorLog(isJSON: options[NodeAgentOptions.logJSON], clock: clock),
            minimum: LogLevel(name: options[NodeAgentOptions.logLevel]) ?? .info)
        for warning in options.warnings { log.warning("odd environment", ["problem": warning]) }
        let signals = Signals()
        do throws(StartError) {
            let agent = try NodeAgentProcess(options: options, environment: environment, clock: clock, log: log)
            return await agent.run { _ = try? await signals.termination() }
        } catch {
            log.error("cannot start", ["reason": error])
            return error.isUsage ? 2 : 1
        }
    }

    private static func readOptions(
        _ arguments: [String], _ environment: [String: String]
    ) throws(OptionError) -> Options {
        let prefix = "--config="
        let path = arguments.last { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.utf8.count)) }
        return try Options(
            table: NodeAgentOptions.table, arguments: arguments.filter { !$0.hasPrefix(prefix) },
            environment: environment,
            file: try path.map { path throws(OptionError) in try (path, OptionFile.entries(of: path)) })
    }

    private static var optionHelp: String {
        "node-agent run [--config=FILE] [--key=value …]\n\n"
            + "Each option may also be an environment variable (DD_, upper case, . as _) or stand in the JSON file.\n\n"
            + NodeAgentOptions.table.helpText
    }

    private static func complain(_ lines: [String]) {
        let text = Array(lines.map { "node-agent: \($0)\n" }.joined().utf8)
        _ = unsafe text.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
