/// The command line that our programs have in common: `run`, `version`, `--help`, and the exit codes.
///
/// 0: done, or stopped as asked. 1: it could not start or go on. 2: the command line, environment or option file is wrong.
package struct Program: Sendable {
    /// What a run is given.
    package struct Context: Sendable {
        /// The options, checked.
        package let options: Options
        /// The process's environment.
        package let environment: [String: String]
        /// The time.
        package let clock: any Clock
        /// Where to say what happens.
        package let log: Log
        /// Returns when the process is asked to stop.
        package let stop: @Sendable () async -> Void
    }

    /// The least level that is logged.
    package static let logLevel = Option.choice(
        "log_level", of: ["debug", "info", "warn", "error"], default: "info", help: "The least level that is logged.")
    /// Whether log lines are JSON.
    package static let logJSON = Option.flag(
        "log_format_json", default: false, help: "Log one JSON object a line.")

    private let name: String
    private let version: String
    private let summary: String
    private let table: OptionTable
    private let readFile: @Sendable (String) throws(OptionError) -> [(key: String, text: String)]

    /// A program.
    ///
    /// - Parameters:
    ///   - name: as it is called.
    ///   - version: what `version` prints.
    ///   - summary: one line for the help.
    ///   - table: the options of `run`; the two for the log are added.
    ///   - readFile: reads the file given by `--config`.
    package init(
        name: String, version: String, summary: String, table: OptionTable,
        readFile: @escaping @Sendable (String) throws(OptionError) -> [(key: String, text: String)]
    ) {
        self.name = name
        self.version = version
        self.summary = summary
        self.table = table
        self.readFile = readFile
    }

    /// Does what `arguments` (without the program's name) say; `run` is called for the command of that name.
    ///
    /// - Returns: the exit code.
    package func main(
        _ arguments: [String], run: @Sendable (Context) async throws(StartError) -> Int32
    ) async -> Int32 {
        switch arguments.first {
        case "run" where arguments.contains("--help") || arguments.contains("-h"):
            print(optionHelp)
            return 0
        case "run":
            return await start(Array(arguments.dropFirst()), run)
        case "version", "--version":
            print("\(name) \(version)")
            return 0
        case "--help", "-h", "help":
            print(usage)
            return 0
        case let other:
            complain([other.map { "\($0): unknown command" } ?? "a command is missing", usage])
            return 2
        }
    }

    private func start(
        _ arguments: [String], _ run: @Sendable (Context) async throws(StartError) -> Int32
    ) async -> Int32 {
        let environment = processEnvironment()
        let options: Options
        do {
            options = try readOptions(arguments, environment)
        } catch {
            complain(error.problems)
            return 2
        }
        let clock = SystemClock()
        let log = Log(
            sink: StandardErrorLog(isJSON: options[Self.logJSON], clock: clock),
            minimum: LogLevel(name: options[Self.logLevel]) ?? .info)
        for warning in options.warnings { log.warning("odd environment", ["problem": warning]) }
        let signals = Signals()
        do throws(StartError) {
            return try await run(
                Context(options: options, environment: environment, clock: clock, log: log) {
                    _ = try? await signals.termination()
                })
        } catch {
            log.error("cannot start", ["reason": error])
            return error.isUsage ? 2 : 1
        }
    }

    private func readOptions(_ arguments: [String], _ environment: [String: String]) throws(OptionError) -> Options {
        let prefix = "--config="
        let path = arguments.last { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.utf8.count)) }
        return try Options(
            table: table, arguments: arguments.filter { !$0.hasPrefix(prefix) }, environment: environment,
            file: try path.map { path throws(OptionError) in try (path, readFile(path)) })
    }

    private var usage: String {
        """
        \(summary)

          \(name) run [--key=value …]   runs until SIGTERM or SIGINT
          \(name) version               prints the version
          \(name) run --help            lists the options

        """
    }

    private var optionHelp: String {
        "\(name) run [--config=FILE] [--key=value …]\n\n"
            + "Each option may also be an environment variable (DD_, upper case, . as _) or stand in the JSON file.\n\n"
            + table.helpText
    }

    private func complain(_ lines: [String]) {
        for line in lines { writeToStandardError("\(name): \(line)") }
    }
}
