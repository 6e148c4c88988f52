import AutoConf
import CheckModel
import CheckOptions
import Glibc
import JSON
import Kubernetes
import Platform

/// `configcheck`: shows what the cluster-agent makes of config files or annotated Services, without a cluster.
///
/// It reads them with the code and the options of the cluster-agent.
struct ConfigCheck {
    private static let json = Option.flag("json", default: false, help: "Print JSON.")
    /// The limit of standard input in bytes: the Services of a large cluster.
    private static let inputLimit = 256 << 20
    /// The most items that are no Services that are told one by one.
    private static let longestReport = 50
    /// How long reading the files may take.
    private static let patience: Duration = .seconds(10)

    private var configs: [CheckConfig] = []
    private var problems: [ConfigProblem] = []
    /// Why objects of the input are not among those that were looked at.
    private var refused: [String] = []

    static var command: Program.Command {
        Program.Command(
            "configcheck",
            help: "checks config files, or Services (kubectl get services -o json) from standard input (-)",
            table: OptionTable(json), operands: "[FILE… | DIRECTORY… | -]"
        ) { context throws(StartError) in
            let given = context.operands.isEmpty ? [context.options[AgentOptions.confdPath]] : context.operands
            guard given != [""] else {
                throw .usage("nothing to check: name a file, a directory, or - for Services on standard input")
            }
            var check = ConfigCheck()
            for operand in given {
                do throws(StartError) {
                    if operand == "-" {
                        try await check.readServices(context)
                    } else {
                        try await check.readFiles(operand, context)
                    }
                } catch {
                    check.refused.append("\(error)")
                }
            }
            print(context.options[json] ? check.json : check.text)
            return check.errors > 0 ? 1 : 0
        }
    }

    /// The configs of a file.
    ///
    /// - Throws: `StartError` if there is something wrong with the file.
    static func configs(of path: String, _ context: Program.Context) async throws(StartError) -> [CheckConfig] {
        var check = ConfigCheck()
        try await check.readFiles(path, context)
        if let wrong = check.refused.first ?? check.problems.first(where: { $0.severity == .error })?.description {
            throw StartError(wrong)
        }
        guard !check.configs.isEmpty else { throw StartError("\(path): no check for the cluster is in it") }
        return check.configs
    }

    private mutating func readServices(_ context: Program.Context) async throws(StartError) {
        let list: (services: [Service], refused: [JSONError])
        do {
            list = try Service.list(parsing: try Self.standardInput())
        } catch let error as FileError {
            throw StartError("\(error)")
        } catch {
            throw StartError("standard input: \(error)")
        }
        refused += list.refused.prefix(Self.longestReport).map { "standard input: \($0)" }
        if list.refused.count > Self.longestReport {
            refused.append("standard input: \(list.refused.count - Self.longestReport) more items are no Services")
        }
        let desired = CollectedConfigs()
        let autoConf = autoConf(context, desired) { $0.watchesServices = true }
        autoConf.handle(ReflectorEvent<Service>.replaced(list.services, begun: context.clock.now()))
        add(desired, autoConf)
    }

    private mutating func readFiles(_ path: String, _ context: Program.Context) async throws(StartError) {
        let files: any ConfigFiles
        let directory: String
        do throws(FileAccessError) {
            if try SystemConfigFiles().signature(of: path).kind == .directory {
                (directory, files) = (path, SystemConfigFiles())
            } else {
                let one = OneConfigFile(path)
                (directory, files) = (one.directory, one)
            }
        } catch {
            throw StartError("\(path): \(systemErrorText(error.number))")
        }
        let desired = CollectedConfigs()
        let autoConf = autoConf(context, desired, files) { $0.confdPath = directory }
        let clock = context.clock
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await autoConf.run() }
            let end = clock.now() + Self.patience
            while !desired.isSynced, autoConf.problems.isEmpty, clock.now() < end {
                try? await clock.sleep(until: clock.now() + .milliseconds(5))
            }
            group.cancelAll()
        }
        add(desired, autoConf)
    }

    private func autoConf(
        _ context: Program.Context, _ desired: CollectedConfigs, _ files: any ConfigFiles = SystemConfigFiles(),
        _ choose: (inout AutoConfOptions) -> Void
    ) -> AutoConf {
        var options = AutoConfOptions()
        options.allowedEnvironment = context.options[AgentOptions.allowedVariables]
        options.refusesEnvironment = context.options[AgentOptions.disableVariables]
        choose(&options)
        return AutoConf(
            options: options, desired: desired, environment: context.environment, files: files, clock: context.clock,
            log: Log(sink: NoLog()))
    }

    private mutating func add(_ desired: CollectedConfigs, _ autoConf: AutoConf) {
        configs += desired.configs
        problems += autoConf.problems + desired.configs.flatMap(Self.problemsOfOptions)
    }

    /// What the reference node-agent says of the options of a check that it runs. Other agents may run it all the same.
    private static func problemsOfOptions(_ config: CheckConfig) -> [ConfigProblem] {
        guard CheckDefinition.checkNames.contains(config.checkName) else { return [] }
        let initConfig = config.initConfig?.encoded() ?? []
        return config.instances.enumerated().flatMap { index, instance in
            let place = "\(config.checkName): instances[\(index)]: "
            do throws(CheckOptionError) {
                let definition = try CheckDefinition(
                    config.checkName, instance: instance.encoded(), initConfig: initConfig, provider: config.provider)
                return definition.warnings.map { ConfigProblem(config.source, place + $0, .warning) }
            } catch {
                let reason = "\(place)the reference node-agent does not run it: \(error)"
                return [ConfigProblem(config.source, reason, .warning)]
            }
        }
    }

    private var errors: Int {
        refused.count + problems.count { $0.severity == .error }
    }

    /// For people.
    private var text: String {
        var lines: [String] = []
        for config in configs {
            let wire = Scrubbing.scrubbed(WireConfig(config))
            lines += ["=== \(config.checkName) check ===", "Configuration provider: \(config.provider)"]
            lines.append("Configuration source: \(config.source)")
            for instance in wire.instances { lines += [String(decoding: instance, as: UTF8.self), "~"] }
            lines += ["Init Config:", String(decoding: wire.initConfig ?? [], as: UTF8.self), "==="]
        }
        lines += refused.map { "error: \($0)" } + problems.map { "\($0.severity): \($0)" }
        let warnings = problems.count { $0.severity == .warning }
        lines.append("\(configs.count) configs, \(errors) errors, \(warnings) warnings")
        return visibleLines(lines)
    }

    private var json: String {
        let found = configs.map { config in
            (try? JSONValue(parsing: Scrubbing.scrubbed(WireConfig(config)).encoded())) ?? .null
        }
        let unread = refused.map { JSONValue.object(["reason": .string($0), "severity": .string("error")]) }
        let wrong = problems.map { problem in
            JSONValue.object([
                "object": .string(problem.object), "reason": .string(problem.reason),
                "severity": .string(problem.severity.rawValue),
            ])
        }
        return String(
            decoding: JSONValue.object(["configs": .array(found), "problems": .array(unread + wrong)]).encoded(),
            as: UTF8.self)
    }

    private static func standardInput() throws(FileError) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe read(0, &buffer, buffer.count)
            guard count >= 0 else { throw FileError(path: "standard input", number: errno) }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
            guard bytes.count <= inputLimit else { throw FileError(path: "standard input", number: EFBIG) }
        }
    }
}

/// A `confd_path` with a single file, in it or in a directory `<check>.d`.
private struct OneConfigFile: ConfigFiles {
    /// The `confd_path`.
    let directory: String
    private let path: String
    private let folder: String

    init(_ path: String) {
        let (folder, _) = Self.split(path)
        let (above, name) = Self.split(folder)
        (self.path, self.folder) = (path, folder)
        // `conf.d` is what the directory of all checks is called.
        directory = name.hasSuffix(".d") && name != "conf.d" ? above : folder
    }

    func names(in directory: String) -> [String] {
        directory == folder ? [Self.split(path).name] : directory == self.directory ? [Self.split(folder).name] : []
    }

    func signature(of path: String) throws(FileAccessError) -> FileSignature {
        try SystemConfigFiles().signature(of: path)
    }

    func contents(of path: String, atMost limit: Int) throws(FileAccessError) -> [UInt8] {
        try SystemConfigFiles().contents(of: path, atMost: limit)
    }

    private static func split(_ path: String) -> (folder: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        return (slash == path.startIndex ? "/" : String(path[..<slash]), String(path[path.index(after: slash)...]))
    }
}
