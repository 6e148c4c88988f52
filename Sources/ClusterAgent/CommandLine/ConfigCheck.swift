import AutoConf
import CheckModel
import CheckOptions
import JSON
import Kubernetes
import Platform

/// `configcheck`: shows what the cluster-agent makes of config files and manifests, without a cluster.
///
/// It reads them with the code and the options of the cluster-agent.
struct ConfigCheck {
    private static let json = Option.flag("json", default: false, help: "Print JSON.")
    private static let checkName = Option.text(
        "check", help: "The check of configs on standard input, which have no file name that says it.")
    private static let unnamed = "unnamed"
    /// The most lines of a kind that are told one by one.
    private static let longestReport = 50
    /// How long reading the files may take.
    private static let patience: Duration = .seconds(10)

    /// A `confd_path`, and the config files in it.
    private struct ConfigSource {
        let directory: String
        let files: any ConfigFiles
        let paths: [String]
    }

    private let context: Program.Context
    private let scrape: PrometheusScrape?
    private var objects: CheckedObjects
    private var sources: [ConfigSource] = []
    private var configs: [CheckConfig] = []
    private var problems: [ConfigProblem] = []
    /// Why something in the input cannot be used, beside what AutoConf says.
    private var refused: [String] = []
    private var notes: [String] = []
    /// Files that are not read, with the reason.
    private var skipped: [String] = []

    private init(_ context: Program.Context) throws(StartError) {
        self.context = context
        scrape = try PrometheusScrape(context.options)
        // No URL is asked; that the options can be used is checked.
        _ = try HTTPDiscovery.all(context.options)
        objects = CheckedObjects(scrape)
    }

    static var command: Program.Command {
        Program.Command(
            "configcheck", help: "checks config files and manifests: files, directories, or standard input (-)",
            table: OptionTable(json, checkName), operands: "[FILE… | DIRECTORY… | -]"
        ) { context throws(StartError) in
            let given = context.operands.isEmpty ? [context.options[AgentOptions.confdPath]] : context.operands
            guard given != [""] else {
                throw .usage("nothing to check: name a file, a directory, or - for standard input")
            }
            guard !context.options[checkName].contains("/") else { throw .usage("--check is the name of a check") }
            var check = try ConfigCheck(context)
            for operand in given {
                do throws(StartError) { try check.read(operand) } catch { check.refused.append("\(error)") }
            }
            await check.resolve()
            print(context.options[json] ? check.json : check.text)
            return check.errors > 0 ? 1 : 0
        }
    }

    /// The configs of a file.
    ///
    /// - Throws: `StartError` if there is something wrong with the file.
    static func configs(of path: String, _ context: Program.Context) async throws(StartError) -> [CheckConfig] {
        var check = try ConfigCheck(context)
        try check.read(path)
        await check.resolve()
        if let wrong = check.refused.first ?? check.problems.first(where: { $0.severity == .error })?.description {
            throw StartError(wrong)
        }
        guard !check.configs.isEmpty else { throw StartError("\(path): no check for the cluster is in it") }
        return check.configs
    }
}

// Reading the input.
extension ConfigCheck {
    private mutating func read(_ operand: String) throws(StartError) {
        guard operand != "-" else {
            do throws(FileError) {
                let text = try StandardInput.read(atMost: CheckedText.limit)
                add(CheckedText(text, of: StandardInput.name), of: StandardInput.name)
            } catch {
                throw StartError("\(error)")
            }
            return
        }
        do throws(FileAccessError) {
            switch try SystemConfigFiles().signature(of: operand).kind {
            case .file: try readFile(operand)
            case .directory:
                try readFolder(operand.count > 1 && operand.hasSuffix("/") ? String(operand.dropLast()) : operand)
            case .other: refused.append("\(operand): not a regular file; standard input is -")
            }
        } catch {
            throw StartError("\(operand): \(systemErrorText(error.number))")
        }
    }

    private mutating func readFile(_ path: String) throws(FileAccessError) {
        guard try !addManifests(path) else { return }
        let file = OneConfigFile(path)
        guard ConfigFileName(path) != nil else {
            refused.append("\(path): not read: the name of a config file ends with .yaml, .yml or .json")
            return
        }
        guard !file.isIgnored else {
            skipped.append("\(path): \(Self.ignored)")
            return
        }
        sources.append(ConfigSource(directory: file.directory, files: file, paths: [file.path]))
    }

    /// Why a file of metrics is no config. Beside configs, AutoConf passes it over without a word, as upstream does.
    private static let ignored =
        "ignored for its name: in CHECK.d it lists the metrics of a JMX check; "
        + "the config of a check called metrics is metrics.yml"

    /// Reads a folder as `confd_path` is read, but for the manifests in it.
    private mutating func readFolder(_ path: String) throws(FileAccessError) {
        var folder = CheckedFolder()
        var paths: [String] = []
        for name in try folder.names(in: path).sortedByBytes() where !name.hasPrefix(".") {
            let inner = "\(path)/\(name)"
            guard Self.isDirectory(inner) else {
                readListed(inner, &folder, &paths, isIgnored: ConfigFileName.listsMetrics(name))
                continue
            }
            guard name.withoutSuffix(".d") != nil else {
                skipped.append("\(inner): a directory that is not called CHECK.d; name it to have it read")
                continue
            }
            let names = (try? folder.names(in: inner)) ?? []
            for name in names.sortedByBytes() where !name.hasPrefix(".") {
                if Self.isDirectory("\(inner)/\(name)") {
                    skipped.append("\(inner)/\(name): a directory in that of a check")
                } else {
                    readListed("\(inner)/\(name)", &folder, &paths)
                }
            }
        }
        sources.append(ConfigSource(directory: path, files: folder, paths: paths))
    }

    private static func isDirectory(_ path: String) -> Bool {
        (try? SystemConfigFiles().signature(of: path).kind) == .directory
    }

    private mutating func readListed(
        _ path: String, _ folder: inout CheckedFolder, _ paths: inout [String], isIgnored: Bool = false
    ) {
        guard ConfigFileName(path) != nil else {
            skipped.append("\(path): its name ends with neither .yaml, .yml nor .json")
            return
        }
        // What cannot be read AutoConf tells.
        if (try? addManifests(path, isListed: true)) == true {
            folder.manifests.insert(ExactText(path))
        } else if isIgnored {
            skipped.append("\(path): \(Self.ignored)")
        } else {
            paths.append(path)
        }
    }

    /// Adds the manifests of a file, if it has any. In a directory of config files, a config among them is an error:
    /// the cluster-agent reads none that is not alone in its file.
    private mutating func addManifests(_ path: String, isListed: Bool = false) throws(FileAccessError) -> Bool {
        guard try SystemConfigFiles().signature(of: path).kind == .file else { return false }
        let text = CheckedText(try SystemConfigFiles().contents(of: path, atMost: CheckedText.limit), of: path)
        guard text.hasManifests else { return false }
        if isListed, text.hasConfigs {
            refused.append("\(path): the config of a check and manifests: a config must be alone in its file")
            return true
        }
        add(text, of: path)
        return true
    }

    private mutating func add(_ text: CheckedText, of place: String) {
        if text.documents.isEmpty, text.refused.isEmpty { refused.append("\(place): nothing is in it") }
        objects.add(text)
    }
}

// Making configs of it.
extension ConfigCheck {
    private mutating func resolve() async {
        refused += objects.refused
        let given = context.options[Self.checkName]
        for document in objects.configs {
            let file = GivenConfigFile(document, check: given.isEmpty ? Self.unnamed : given)
            sources.append(ConfigSource(directory: file.directory, files: file, paths: [file.path]))
            guard given.isEmpty else { continue }
            let reason = "a config without a name: its file's name says which check it is, here --check=NAME"
            problems.append(ConfigProblem("file:\(file.path)", reason, .warning))
        }
        await run(objects.services, nil)
        let bare = objects.bareServices
        for source in sources { await run(bare, source) }
        notes = objects.notes
        let withEndpoints = Self.services("kube_endpoint_uid://", of: configs.map(\.serviceID))
        let told = Self.services("kube_service://", of: configs.map(\.serviceID) + problems.map(\.object))
        for service in objects.annotatedServices where !told.contains(service) && !withEndpoints.contains(service) {
            notes.append("Service \(service): annotated, but no annotation of it is about the Service or its endpoints")
        }
        for service in objects.servicesWithEndpointsChecks where !withEndpoints.contains(service) {
            notes.append(
                "Service \(service): no endpoint of it that is ready is in the input, so its endpoints checks are not shown"
            )
        }
        let files = Set(texts: configs.map(\.source) + problems.map(\.object))
        for path in sources.flatMap(\.paths) where !files.contains("file:\(path)") {
            let isDefault = ConfigFileName(path)?.isDefault == true
            notes.append(
                "\(path): no config comes from it: "
                    + (isDefault
                        ? "its check has another file" : "the endpoints that it names are not in the input"))
        }
    }

    /// The Services, as `namespace/name`, that entities with this prefix name.
    private static func services(_ prefix: String, of entities: [String]) -> Set<ExactText> {
        Set(
            texts: entities.filter { $0.hasPrefix(prefix) }.map { entity in
                entity.dropFirst(prefix.count).split(separator: "/").prefix(2).joined(separator: "/")
            })
    }

    /// Adds the configs of the Services and of the files; without files, those of the ClusterChecks too.
    private mutating func run(_ services: [Service], _ source: ConfigSource?) async {
        let desired = CollectedConfigs()
        var options = AutoConfOptions(
            confdPath: source?.directory, watchesServices: true, watchesEndpoints: true,
            watchesClusterChecks: source == nil)
        options.allowedEnvironment = context.options[AgentOptions.allowedVariables]
        options.refusesEnvironment = context.options[AgentOptions.disableVariables]
        options.prometheusScrape = scrape
        let clock = context.clock
        let autoConf = AutoConf(
            options: options, desired: desired, environment: context.environment,
            files: source?.files ?? SystemConfigFiles(), clock: clock, log: Log(sink: NoLog()))
        autoConf.handle(ReflectorEvent<ServiceEndpoints>.replaced(objects.endpoints, begun: clock.now()))
        autoConf.handle(ReflectorEvent<Service>.replaced(services, begun: clock.now()))
        autoConf.handle(ReflectorEvent<ClusterCheck>.replaced(objects.clusterChecks, begun: clock.now()))
        if source != nil {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await autoConf.run() }
                let end = clock.now() + Self.patience
                while !desired.isSynced, autoConf.problems.isEmpty, clock.now() < end {
                    try? await clock.sleep(until: clock.now() + .milliseconds(5))
                }
                group.cancelAll()
            }
        }
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
}

// What is printed.
extension ConfigCheck {
    private var errors: Int {
        refused.count + problems.count { $0.severity == .error }
    }

    /// What was read and what was not, each with its number.
    private var summary: (read: [String], skipped: [String]) {
        let files = sources.reduce(0) { $0 + $1.paths.count }
        let read = files == 0 ? [] : ["\(files) config file\(files == 1 ? "" : "s")"]
        return (read + objects.readTexts, objects.skippedTexts + Self.shortened(skipped, "files"))
    }

    /// Of very many lines, the first ones.
    private static func shortened(_ lines: [String], _ what: String) -> [String] {
        guard lines.count > longestReport else { return lines }
        return lines.prefix(longestReport) + ["\(lines.count - longestReport) more \(what)"]
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
        lines += Self.shortened(refused, "errors").map { "error: \(Scrubbing.scrubbed($0))" }
        lines += problems.map { "\($0.severity): \($0)" }
        lines += Self.shortened(notes, "notes").map { "note: \($0)" }
        let (read, skipped) = summary
        lines.append("read: \(read.isEmpty ? "nothing" : read.joined(separator: ", "))")
        lines += skipped.map { "skipped: \($0)" }
        let warnings = problems.count { $0.severity == .warning }
        lines.append("\(configs.count) configs, \(errors) errors, \(warnings) warnings")
        return visibleLines(lines)
    }

    private var json: String {
        let found = configs.map { config in
            (try? JSONValue(parsing: Scrubbing.scrubbed(WireConfig(config)).encoded())) ?? .null
        }
        let unread = refused.map {
            JSONValue.object(["reason": .string(Scrubbing.scrubbed($0)), "severity": .string("error")])
        }
        let wrong = problems.map { problem in
            JSONValue.object([
                "object": .string(problem.object), "reason": .string(problem.reason),
                "severity": .string(problem.severity.rawValue),
            ])
        }
        let (read, skipped) = summary
        let whole: [ExactText: JSONValue] = [
            "configs": .array(found), "problems": .array(unread + wrong), "notes": .array(notes.map { .string($0) }),
            "read": .array(read.map { .string($0) }), "skipped": .array(skipped.map { .string($0) }),
        ]
        return String(decoding: JSONValue.object(whole).encoded(), as: UTF8.self)
    }
}
