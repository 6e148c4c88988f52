import CheckModel

/// Reads `confd_path` again and again, and says what changed.
///
/// Files are `<check>.json` and `<check>.d/*.json`, and the same with `.default` behind, which count only where their check has no others; names
/// that begin with a dot, and all others but YAML, are passed over. A file is read when its
/// signature (size, device, inode, times) changed, and once more in the pass after that, because a second change within the granularity of
/// the file system's time leaves the signature as it is.
///
/// A file that cannot be used, be it caught while it is written, keeps its last good configs until it is good or gone. What cannot be listed
/// is never taken for empty: its files keep their configs too.
struct ConfigDirectory {
    /// What one pass over the directory found.
    struct Pass {
        /// By object; an object that is neither among them nor below `unlisted` is gone.
        var readings: [String: FileReading] = [:]
        /// What the objects below directories that could not be listed begin with.
        var unlisted: [String] = []
        /// Whether all was read; else something failed that may be over in a moment, and nothing may be concluded from what lacks.
        var isComplete = true
    }

    private struct Known {
        /// A hash of the file's signature, keyed anew in each process.
        var signature: Int
        /// Whether it was read after the signature had been seen before.
        var isSettled: Bool
    }

    private let path: String
    private let options: AutoConfOptions
    private let environment: Environment
    /// By object.
    private var known: [String: Known] = [:]

    init(path: String, options: AutoConfOptions, environment: Environment) {
        self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        self.options = options
        self.environment = environment
    }

    /// Looks at the directory once.
    mutating func pass(_ files: some ConfigFiles) -> Pass {
        var pass = Pass()
        var seen: Set<String> = []
        for candidate in candidates(in: path, files, &pass) {
            let file = ConfigFile(path: candidate.path, checkName: candidate.checkName)
            seen.insert(file.object)
            read(file, files, &pass)
        }
        known = known.filter { seen.contains($0.key) }
        return pass
    }

    private struct Candidate {
        let path: String
        let checkName: String
        /// Whether it counts only where its check has no other file.
        let isDefault: Bool

        /// Nil if the file's name is none of a config file; `check` is its directory's, in the top one the file's own.
        init?(_ directory: String, _ name: String, check: String? = nil) {
            guard let stem = name.withoutSuffix(".json") ?? name.withoutSuffix(".json.default") else { return nil }
            path = "\(directory)/\(name)"
            checkName = check ?? stem
            isDefault = !name.hasSuffix(".json")
        }
    }

    /// The JSON files in the directory and its `.d` directories, sorted by path; what else is to be said goes into the pass.
    private func candidates(in path: String, _ files: some ConfigFiles, _ pass: inout Pass) -> [Candidate] {
        var candidates: [Candidate] = []
        for name in names(in: path, files, &pass) {
            let inner = "\(path)/\(name)"
            if let check = name.withoutSuffix(".d") {
                let kind = try? files.signature(of: inner).kind
                guard kind != .file, kind != .other else { continue }
                for name in names(in: inner, files, &pass) {
                    if let candidate = Candidate(inner, name, check: check) { candidates.append(candidate) }
                    refuseYAML("\(inner)/\(name)", &pass)
                }
            } else if let candidate = Candidate(path, name) {
                candidates.append(candidate)
            }
            refuseYAML(inner, &pass)
        }
        candidates = withoutNeedlessDefaults(candidates, &pass)
        let limit = options.maximumFiles
        if candidates.count > limit {
            let reason = "\(candidates.count) files, more than the \(limit) that are read"
            pass.readings["file:\(path)"] = .keepsLast(ConfigProblem("file:\(path)", reason))
            for candidate in candidates[limit...] { pass.readings["file:\(candidate.path)"] = .unchanged }
        }
        return Array(candidates.prefix(limit))
    }

    /// Leaves out the defaults of checks that have other files. Where those could not be listed, the defaults stay what they were.
    private func withoutNeedlessDefaults(_ candidates: [Candidate], _ pass: inout Pass) -> [Candidate] {
        let configured = Set(candidates.filter { !$0.isDefault }.map(\.checkName))
        return candidates.filter { candidate in
            guard candidate.isDefault else { return true }
            let isUnknown = pass.unlisted.contains("file:\(path)/\(candidate.checkName).d/")
            if isUnknown { pass.readings["file:\(candidate.path)"] = .unchanged }
            return !isUnknown && !configured.contains(candidate.checkName)
        }
    }

    /// The names in a directory that are not hidden, sorted. If it cannot be listed, the files known below it stay what they are.
    private func names(in directory: String, _ files: some ConfigFiles, _ pass: inout Pass) -> [String] {
        do throws(FileAccessError) {
            return try files.names(in: directory).filter { !$0.hasPrefix(".") }.sorted()
        } catch {
            let object = "file:\(directory)"
            pass.readings[object] = .keepsLast(ConfigProblem(object, "cannot list the directory: \(error.reason)"))
            // All depends on the top; a subdirectory that nobody may read must not keep the others from being used.
            if directory == path || !error.isLasting { pass.isComplete = false }
            pass.unlisted.append("\(object)/")
            return []
        }
    }

    private func refuseYAML(_ path: String, _ pass: inout Pass) {
        guard path.hasSuffix(".yaml") || path.hasSuffix(".yml") else { return }
        let object = "file:\(path)"
        pass.readings[object] = .configs([], problems: [ConfigProblem(object, ConfigFile.conversion(of: path))])
    }

    private mutating func read(_ file: ConfigFile, _ files: some ConfigFiles, _ pass: inout Pass) {
        do throws(FileAccessError) {
            let signature = try files.signature(of: file.path)
            guard signature.kind == .file else {
                pass.readings[file.object] = .keepsLast(ConfigProblem(file.object, "not a regular file"))
                return
            }
            let before = known[file.object]
            if let before, before.signature == signature.hashValue, before.isSettled {
                pass.readings[file.object] = .unchanged
                return
            }
            let contents = try files.contents(of: file.path, atMost: options.maximumFileBytes)
            known[file.object] = Known(
                signature: signature.hashValue, isSettled: before?.signature == signature.hashValue)
            pass.readings[file.object] = reading(of: file, contents)
        } catch {
            let reason = "cannot read the file: \(error.reason)"
            pass.readings[file.object] = .keepsLast(ConfigProblem(file.object, reason))
            if !error.isLasting { pass.isComplete = false }
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

extension String {
    /// What stands before `suffix`, if that is how this ends and it is not all of it.
    fileprivate func withoutSuffix(_ suffix: String) -> String? {
        hasSuffix(suffix) && utf8.count > suffix.utf8.count ? String(dropLast(suffix.count)) : nil
    }
}
