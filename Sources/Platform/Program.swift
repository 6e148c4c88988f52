import CLinux
import Glibc

/// The command line that our programs share: `run`, further commands, `version`, `--help`, and the exit codes.
///
/// 0: success, or stopped as requested. 1: it could not start or continue, or what was asked is refused, unknown or
/// failing. 2: the command line, the environment or the option file is wrong.
package struct Program: Sendable {
    /// The context in which a command runs.
    package struct Context: Sendable {
        /// The validated options.
        package let options: Options
        /// The environment of the process.
        package let environment: [String: String]
        /// The time.
        package let clock: any Clock
        /// The log of the process.
        package let log: Log
        /// Returns when the process is asked to stop.
        package let stop: @Sendable () async -> Void
        /// The arguments that are not options.
        package let operands: [String]

        /// Waits for a while.
        ///
        /// - Returns: whether the process was asked to stop meanwhile.
        package func isStopped(within duration: Duration) async -> Bool {
            let (clock, stop) = (clock, stop)
            return await withTaskGroup(of: Bool.self) { group in
                group.addTask {
                    await stop()
                    return !Task.isCancelled
                }
                group.addTask {
                    try? await clock.sleep(until: clock.now() + duration)
                    return false
                }
                let isStopped = await group.next() ?? false
                group.cancelAll()
                return isStopped
            }
        }
    }

    /// A command of the program.
    package struct Command: Sendable {
        /// The words that select it, such as `clusterchecks rebalance`.
        package let words: [String]
        /// One line for the help.
        package let help: String
        /// Its own options.
        package let table: OptionTable
        /// Whether it accepts the options of `run` too.
        package let acceptsRunOptions: Bool
        /// Those of them that its help lists; nil for all.
        package let listedRunOptions: OptionTable?
        /// What the help says between the first line and the options; empty for nothing.
        package let about: String
        /// The name of its operands in the help, such as `FILE…`; nil if it takes none.
        package let operands: String?
        /// Short spellings of its own flags, such as `-f` for `--force`.
        package let aliases: [String: String]
        /// Runs the command and returns the exit code.
        package let body: @Sendable (Context) async throws(StartError) -> Int32

        /// Creates a command.
        package init(
            _ words: String, help: String, table: OptionTable = OptionTable(), acceptsRunOptions: Bool = true,
            listing listedRunOptions: OptionTable? = nil, about: String = "", operands: String? = nil,
            aliases: [String: String] = [:],
            body: @escaping @Sendable (Context) async throws(StartError) -> Int32
        ) {
            self.words = words.split(separator: " ").map(String.init)
            self.help = help
            self.table = table
            self.acceptsRunOptions = acceptsRunOptions
            self.listedRunOptions = listedRunOptions
            self.about = about
            self.operands = operands
            self.aliases = aliases
            self.body = body
        }
    }

    /// The minimum level of the lines that are logged.
    static let logLevel = Option.choice(
        "log_level", of: ["debug", "info", "warn", "error"], default: "info", help: "The least level that is logged.")
    /// Whether log lines are JSON.
    static let logJSON = Option.flag(
        "log_format_json", default: false, help: "Log one JSON object a line.")
    /// The options of the log.
    package static let logging = OptionTable(logLevel, logJSON)
    /// Where metrics are served.
    package static let metricsPort = Option.integer(
        "metrics_port", in: 0...65_535, default: 5000, help: "Port of `/metrics`, plain HTTP. 0: off.")

    /// How long the first task may take to run before the start is given up.
    private static let startLimit = Duration.seconds(10)

    private static let runHelp = "runs until SIGTERM, SIGINT or SIGHUP"

    private let name: String
    private let version: String
    private let summary: String
    private let table: OptionTable
    private let commands: [Command]
    private let scrub: @Sendable (String) -> String
    private let readFile: @Sendable (String) throws(OptionError) -> [OptionFileEntry]

    /// A program.
    ///
    /// - Parameters:
    ///   - name: the name of the executable.
    ///   - version: what `version` prints.
    ///   - summary: one line for the help.
    ///   - table: the options of `run`.
    ///   - commands: the commands besides `run`.
    ///   - scrub: masks the secrets in a text before it is logged.
    ///   - readFile: reads the file given by `--config`.
    package init(
        name: String, version: String, summary: String, table: OptionTable, commands: [Command] = [],
        scrub: @escaping @Sendable (String) -> String,
        readFile: @escaping @Sendable (String) throws(OptionError) -> [OptionFileEntry]
    ) {
        self.name = name
        self.version = version
        self.summary = summary
        self.table = table
        self.commands = commands
        self.scrub = scrub
        self.readFile = readFile
    }

    /// Runs the command that `arguments`, without the name of the program, select; `run` is the body of the command of
    /// that name.
    ///
    /// - Returns: the exit code; 1 also where what was printed could not be written, as to a full disk.
    package func main(
        _ arguments: [String], run: @escaping @Sendable (Context) async throws(StartError) -> Int32
    ) async -> Int32 {
        openClosedStandardDescriptors()
        let code = await dispatch(arguments, run: run)
        let failure = clinux_flush_output()
        guard code == 0, failure != 0 else { return code }
        printErrors(["standard output: \(systemErrorText(failure))"])
        return 1
    }

    private func dispatch(
        _ arguments: [String], run: @escaping @Sendable (Context) async throws(StartError) -> Int32
    ) async -> Int32 {
        switch arguments.first {
        case "run":
            FreedMemory.keepLittle()
            let command = Command("run", help: Self.runHelp, body: run)
            return await perform(command, Array(arguments.dropFirst()))
        case "version", "--version":
            print("\(name) \(version)")
            return 0
        case "--help", "-h", "help":
            print(usage)
            return 0
        case "completion":
            print(completion.script, terminator: "")
            return 0
        case let other:
            // The longest match: `clusterchecks rebalance` before `clusterchecks`.
            let matches = commands.filter { arguments.starts(with: $0.words) }
            if let command = matches.max(by: { $0.words.count < $1.words.count }) {
                return await perform(command, Array(arguments.dropFirst(command.words.count)))
            }
            guard let other else {
                writeToStandardError("\(name): a command is missing\n\n\(usage)")
                return 2
            }
            return refuse(command: [other])
        }
    }

    /// Names a command that is not known, and the nearest one that is.
    private func refuse(command words: [String]) -> Int32 {
        let command = words.joined(separator: " ")
        let known = commands.map { $0.words.joined(separator: " ") } + ["run", "version", "help", "completion"]
        let nearest = nearestName(to: command, among: known).map { ", do you mean `\($0)`?" } ?? ""
        let shown = words.map(shownName).joined(separator: " ")
        printErrors(["\(shown): unknown command\(nearest)", "`\(name) --help` lists the commands"])
        return 2
    }

    private func perform(_ command: Command, _ arguments: [String]) async -> Int32 {
        guard !arguments.contains("--help"), !arguments.contains("-h") else {
            print(help(of: command))
            return 0
        }
        if command.operands == nil, let word = arguments.first, !word.hasPrefix("-"), !word.contains("="),
            commands.contains(where: { $0.words.starts(with: command.words) && $0.words.count > command.words.count })
        {
            return refuse(command: command.words + [word])
        }
        let options: Options
        let operands: [String]
        // What a command of an operator shows is not changed by a variable such as `DD_NODE`.
        let own =
            command.listedRunOptions == nil ? [] : command.table.rows.map { OptionTable.environmentName(of: $0.key) }
        let environment = processEnvironment().filter { !own.contains($0.key) }
        do {
            let (flags, rest) = try command.split(arguments, allOptions(of: command))
            operands = rest
            options = try readOptions(allOptions(of: command), flags, environment)
        } catch {
            printErrors(error.problems)
            return 2
        }
        let clock = SystemClock()
        let signals: Signals
        let log: Log
        do {
            signals = try Signals()
            log = Log(
                sink: try StandardErrorLog(isJSON: options[Self.logJSON], clock: clock, scrub: scrub),
                minimum: LogLevel(name: options[Self.logLevel]) ?? .info)
            try await TaskPool.requireThread(within: Self.startLimit, log: log)
        } catch {
            printErrors(["cannot start: \(error): check the limits on threads and open files"])
            return 1
        }
        defer { log.flush(within: .seconds(1)) }
        for warning in options.warnings { log.warning("unexpected environment variable", ["problem": warning]) }
        do throws(StartError) {
            return try await command.body(
                Context(
                    options: options, environment: environment, clock: clock, log: log,
                    stop: { _ = try? await signals.termination() }, operands: operands))
        } catch {
            if command.words == ["run"] {
                log.error("cannot start", ["reason": error])
            } else {
                printErrors([error.description])
            }
            return error.isUsage ? 2 : 1
        }
    }

    private func readOptions(
        _ table: OptionTable, _ arguments: [String], _ environment: [String: String]
    ) throws(OptionError) -> Options {
        let prefix = "--config="
        let path = arguments.last { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.utf8.count)) }
        return try Options(
            table: table, arguments: arguments.filter { !$0.hasPrefix(prefix) }, environment: environment,
            file: try path.map { path throws(OptionError) in try (path, readFile(path)) })
    }

    private var usage: String {
        let run = Command("run", help: Self.runHelp) { _ in 0 }
        let lines = ([run] + commands).map { ("\(name) \($0.words.joined(separator: " "))", $0.help) }
        let all =
            lines + [
                ("\(name) version", "prints the version"),
                ("\(name) completion", "prints a script for bash's completion"),
                ("\(name) COMMAND --help", "lists its options"),
            ]
        let width = all.map(\.0.count).max() ?? 0
        return "\(summary)\n\n"
            + all.map { "  \($0)\(String(repeating: " ", count: width - $0.count + 2))\($1)\n" }.joined()
    }

    private var completion: BashCompletion {
        let run = Command("run", help: Self.runHelp) { _ in 0 }
        let known = ([run] + commands).map { ($0.words, listed($0).rows.map(\.key) + ["config", "help"]) }
        return BashCompletion(program: name, commands: known + [(["version"], []), (["completion"], [])])
    }

    private func help(of command: Command) -> String {
        let words = ([name] + command.words + [command.operands].compactMap(\.self)).joined(separator: " ")
        return "\(words) [--config=FILE] [--key=value …]\n\n" + (command.about.isEmpty ? "" : command.about + "\n\n")
            + "Each option can also be set by an environment variable (DD_, upper case, . as _) or in the file, YAML or JSON.\n\n"
            + listed(command).helpText
    }

    /// The options that the help of a command lists.
    private func listed(_ command: Command) -> OptionTable {
        command.listedRunOptions.map { command.table + $0 } ?? allOptions(of: command)
    }

    private func allOptions(of command: Command) -> OptionTable {
        command.acceptsRunOptions ? command.table + table : command.table
    }

    private func printErrors(_ lines: [String]) {
        for line in lines { writeToStandardError("\(name): \(visibleLine(scrub(line)))") }
    }
}

extension Program.Command {
    /// Splits arguments into options and operands. An option that is not a flag may be followed by its value, as in
    /// `--check NAME`.
    ///
    /// - Parameter table: all options of the command.
    /// - Throws: `OptionError` for operands if the command takes none.
    fileprivate func split(
        _ arguments: [String], _ table: OptionTable
    ) throws(OptionError) -> (flags: [String], operands: [String]) {
        var (flags, operands): ([String], [String]) = ([], [])
        var rest = arguments[...]
        while let given = rest.popFirst() {
            // Also `-ojson` and `-o=json`, as kubectl takes them.
            let attached = aliases.first { given.hasPrefix($0.key) && given.utf8.count > $0.key.utf8.count }
            if let attached, table.rows.contains(where: { "--\($0.key)" == attached.value && !$0.isFlag }) {
                let value = given.dropFirst(attached.key.count)
                flags.append("\(attached.value)=\(value.hasPrefix("=") ? value.dropFirst() : value)")
                continue
            }
            let argument = aliases[given] ?? given
            if argument.hasPrefix("--") {
                let takesValue =
                    argument == "--config" || table.rows.contains { "--\($0.key)" == argument && !$0.isFlag }
                let value = takesValue && rest.first?.hasPrefix("--") == false ? rest.popFirst() : nil
                flags.append(value.map { "\(argument)=\($0)" } ?? argument)
            } else {
                operands.append(argument)
            }
        }
        guard self.operands != nil || operands.isEmpty else {
            throw OptionError(problems: operands.map(Options.noOption))
        }
        return (flags, operands)
    }
}

/// Writes what was printed so far.
///
/// - Returns: false if nobody reads it any more, or it cannot be written.
package func flushStandardOutput() -> Bool {
    guard clinux_flush_output() == 0 else { return false }
    // The reader of a pipe may have gone although nothing is to be written.
    var output = pollfd(fd: STDOUT_FILENO, events: 0, revents: 0)
    return unsafe poll(&output, 1, 0) <= 0 || output.revents & Int16(POLLERR) == 0
}

/// Why a program cannot start: where, and what to do about it.
package struct StartError: Error, Sendable, CustomStringConvertible {
    /// One line for the operator.
    package let description: String
    /// Whether an option is wrong (exit code 2), rather than the environment of the process (exit code 1).
    let isUsage: Bool

    /// An error outside the options, such as a port in use or a file that cannot be read.
    package init(_ description: String) {
        self.init(description, isUsage: false)
    }

    /// An error in the options, such as two that exclude each other.
    package static func usage(_ description: String) -> StartError {
        StartError(description, isUsage: true)
    }

    private init(_ description: String, isUsage: Bool) {
        self.description = description
        self.isUsage = isUsage
    }
}
