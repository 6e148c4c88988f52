import CheckModel
import Platform

/// Reads the config files in `confd_path`, and in later passes those that changed.
///
/// Config files are `<check>.yaml` and `<check>.d/*.yaml`; the endings `.yml` and `.json` count as well. The same names
/// with `.default` appended count only if their check has no other files. Hidden files, and all others, are ignored. A
/// file is read when its signature (size, device, inode, times) has changed, and once more in the next pass, because a
/// second change within the granularity of the file system's time does not change the signature.
///
/// A file that cannot be used, perhaps because it is being written, keeps its last valid configs until it is valid
/// again or deleted. A directory that cannot be listed is not taken to be empty: its files keep their configs too.
struct ConfigDirectory {
    /// What a part of a pass over the directory found.
    struct Part {
        /// What is new, by object. Unchanged files are not here.
        var readings: [ExactText: FileReading] = [:]
        /// The prefixes of objects in directories that could not be listed.
        var unlisted: [String] = []
        /// Whether everything was read. If not, an error occurred that may be temporary, and files may be missing.
        var isComplete = true
        /// The objects that exist; nil in all parts but the last of a pass.
        var present: Present?

        /// Whether an object is gone. Only the last part of a pass tells.
        func isGone(_ object: String) -> Bool {
            guard let present, readings[object] == nil, !present.contains(object) else { return false }
            return !unlisted.contains { ExactText(object).hasPrefix($0) }
        }
    }

    /// The objects that a pass found.
    struct Present {
        fileprivate let known: [ExactText: Known]
        fileprivate let others: Set<ExactText>

        fileprivate func contains(_ object: String) -> Bool {
            known[object] != nil || others.contains(object)
        }
    }

    fileprivate struct Known {
        /// A hash of the file's signature, with a key of this process.
        var signature: Int
        /// The last pass that found the file.
        var pass: UInt32
        /// Whether it was read again after a pass without a change of its signature.
        var isSettled: Bool
    }

    /// The readings in one part. Reading a config takes several times the memory that is kept of it; each part frees it
    /// again.
    private static let partSize = 64

    private let path: String
    private let options: AutoConfOptions
    private let environment: Environment
    /// By object.
    private var known: [ExactText: Known] = [:]
    private var pass: UInt32 = 0

    init(path: String, options: AutoConfOptions, environment: Environment) {
        self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        self.options = options
        self.environment = environment
    }

    /// Makes one pass over the directory, and gives what it finds to `take`, in parts.
    mutating func pass(_ files: some ConfigFiles, _ take: (Part) -> Void) {
        pass &+= 1
        var part = Part()
        var others: Set<ExactText> = []
        for candidate in candidates(in: path, files, &part) {
            read(candidate.file, files, &part)
            guard part.readings.count >= Self.partSize else { continue }
            take(part)
            others.formUnion(part.readings.keys)
            part.readings = [:]
        }
        if known.values.contains(where: { $0.pass != pass }) { known = known.filter { $0.value.pass == pass } }
        part.present = Present(known: known, others: others)
        take(part)
    }

    private struct Candidate {
        let file: ConfigFile
        /// Whether it counts only if its check has no other file.
        let isDefault: Bool

        /// Nil if `name` is not that of a config file. `check` comes from a `<check>.d` directory; else the name
        /// decides.
        init?(_ directory: String, _ name: String, check: String? = nil) {
            guard let parts = ConfigFileName(name) else { return nil }
            file = ConfigFile(path: "\(directory)/\(name)", isJSON: parts.isJSON, checkName: check ?? parts.stem)
            isDefault = parts.isDefault
        }
    }

    /// The config files in the directory and its `.d` directories, sorted by path. Problems are added to the part.
    private func candidates(in path: String, _ files: some ConfigFiles, _ part: inout Part) -> [Candidate] {
        var candidates: [Candidate] = []
        for name in names(in: path, files, &part) {
            let inner = "\(path)/\(name)"
            if let check = name.withoutSuffix(".d") {
                let kind = try? files.signature(of: inner).kind
                guard kind != .file, kind != .other else { continue }
                for name in names(in: inner, files, &part) {
                    guard !ConfigFileName.listsMetrics(name) else {
                        refuseMetrics("\(inner)/\(name)", &part)
                        continue
                    }
                    if let candidate = Candidate(inner, name, check: check) { candidates.append(candidate) }
                }
            } else if !ConfigFileName.listsMetrics(name), let candidate = Candidate(path, name) {
                candidates.append(candidate)
            }
        }
        candidates = withoutNeedlessDefaults(candidates, &part)
        let limit = options.maximumFiles
        if candidates.count > limit {
            let reason = "\(candidates.count) files, more than the \(limit) that are read"
            part.readings["file:\(path)"] = .keepsLast(ConfigProblem("file:\(path)", reason))
            for candidate in candidates[limit...] { part.readings[candidate.file.object] = .unchanged }
        }
        return Array(candidates.prefix(limit))
    }

    /// Removes the defaults of checks that have other files. If those could not be listed, the defaults are left
    /// unchanged.
    private func withoutNeedlessDefaults(_ candidates: [Candidate], _ part: inout Part) -> [Candidate] {
        guard candidates.contains(where: \.isDefault) else { return candidates }
        let configured = Set(texts: candidates.filter { !$0.isDefault }.map(\.file.checkName))
        return candidates.filter { candidate in
            guard candidate.isDefault else { return true }
            let isUnknown = part.unlisted.contains("file:\(path)/\(candidate.file.checkName).d/")
            if isUnknown { part.readings[candidate.file.object] = .unchanged }
            return !isUnknown && !configured.contains(candidate.file.checkName)
        }
    }

    /// The names in a directory that are not hidden, sorted. If it cannot be listed, the files in it are left
    /// unchanged.
    private func names(in directory: String, _ files: some ConfigFiles, _ part: inout Part) -> [String] {
        do throws(FileAccessError) {
            return try files.names(in: directory).filter { !$0.hasPrefix(".") }.sortedByBytes()
        } catch {
            let object = "file:\(directory)"
            part.readings[object] = .keepsLast(ConfigProblem(object, "cannot list the directory: \(error.reason)"))
            // Without the top directory there is nothing. An unreadable subdirectory must not stop the use of the
            // others.
            if directory == path || !error.isLasting { part.isComplete = false }
            part.unlisted.append("\(object)/")
            return []
        }
    }

    private func refuseMetrics(_ path: String, _ part: inout Part) {
        let object = "file:\(path)"
        let reason = "a list of metrics is not read from a file of its own: write it as jmx_metrics into the config"
        part.readings[object] = .configs([], problems: [ConfigProblem(object, reason, .warning)])
    }

    private mutating func read(_ file: ConfigFile, _ files: some ConfigFiles, _ part: inout Part) {
        let before = known[file.object]
        if before != nil { known[file.object]?.pass = pass }
        do throws(FileAccessError) {
            let signature = try files.signature(of: file.path)
            guard signature.kind == .file else {
                part.readings[file.object] = .keepsLast(ConfigProblem(file.object, "not a regular file"))
                return
            }
            if let before, before.signature == signature.hashValue, before.isSettled { return }
            let contents = try files.contents(of: file.path, atMost: options.maximumFileBytes)
            known[file.object] = Known(
                signature: signature.hashValue, pass: pass, isSettled: before?.signature == signature.hashValue)
            part.readings[file.object] = reading(of: file, contents)
        } catch {
            let reason = "cannot read the file: \(error.reason)"
            part.readings[file.object] = .keepsLast(ConfigProblem(file.object, reason))
            if !error.isLasting { part.isComplete = false }
        }
    }

    private func reading(of file: ConfigFile, _ contents: [UInt8]) -> FileReading {
        do {
            return try file.reading(of: contents, limit: options.maximumFileBytes, environment: environment)
        } catch {
            return .keepsLast(ConfigProblem(file.object, error.description))
        }
    }
}
