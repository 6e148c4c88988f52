import CheckModel

/// Reads the config files in `confd_path`, and in later passes those that changed.
///
/// Config files are `<check>.json` and `<check>.d/*.json`. The same names with `.default` appended count only if their
/// check has no other files. Hidden files, and all others but YAML, are ignored. A file is read when its signature
/// (size, device, inode, times) has changed, and once more in the next pass, because a second change within the
/// granularity of the file system's time does not change the signature.
///
/// A file that cannot be used, perhaps because it is being written, keeps its last valid configs until it is valid
/// again or deleted. A directory that cannot be listed is not taken to be empty: its files keep their configs too.
struct ConfigDirectory {
    /// What one pass over the directory found.
    struct Pass {
        /// By object. An object that is neither here nor below `unlisted` is gone.
        var readings: [String: FileReading] = [:]
        /// The prefixes of objects in directories that could not be listed.
        var unlisted: [String] = []
        /// Whether everything was read. If not, an error occurred that may be temporary, and files may be missing.
        var isComplete = true
    }

    private struct Known {
        var signature: FileSignature
        /// Whether it was read again after a pass without a change of its signature.
        var isSettled: Bool
    }

    private let path: String
    private let options: AutoConfOptions
    private let environment: Environment
    private var known: [String: Known] = [:]

    init(path: String, options: AutoConfOptions, environment: Environment) {
        self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        self.options = options
        self.environment = environment
    }

    /// Makes one pass over the directory.
    mutating func pass(_ files: some ConfigFiles) -> Pass {
        var pass = Pass()
        var seen: Set<String> = []
        for candidate in candidates(in: path, files, &pass) {
            seen.insert(candidate.path)
            read(ConfigFile(path: candidate.path, checkName: candidate.checkName), files, &pass)
        }
        known = known.filter { seen.contains($0.key) }
        return pass
    }

    private struct Candidate {
        let path: String
        let checkName: String
        /// Whether it counts only if its check has no other file.
        let isDefault: Bool

        /// Nil if `name` is not that of a config file. `check` comes from a `<check>.d` directory; else the name
        /// decides.
        init?(_ directory: String, _ name: String, check: String? = nil) {
            guard let stem = name.withoutSuffix(".json") ?? name.withoutSuffix(".json.default") else { return nil }
            path = "\(directory)/\(name)"
            checkName = check ?? stem
            isDefault = !name.hasSuffix(".json")
        }
    }

    /// The JSON files in the directory and its `.d` directories, sorted by path. Problems are added to the pass.
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

    /// Removes the defaults of checks that have other files. If those could not be listed, the defaults are left
    /// unchanged.
    private func withoutNeedlessDefaults(_ candidates: [Candidate], _ pass: inout Pass) -> [Candidate] {
        let configured = Set(candidates.filter { !$0.isDefault }.map(\.checkName))
        return candidates.filter { candidate in
            guard candidate.isDefault else { return true }
            let isUnknown = pass.unlisted.contains("file:\(path)/\(candidate.checkName).d/")
            if isUnknown { pass.readings["file:\(candidate.path)"] = .unchanged }
            return !isUnknown && !configured.contains(candidate.checkName)
        }
    }

    /// The names in a directory that are not hidden, sorted. If it cannot be listed, the files in it are left
    /// unchanged.
    private func names(in directory: String, _ files: some ConfigFiles, _ pass: inout Pass) -> [String] {
        do throws(FileAccessError) {
            return try files.names(in: directory).filter { !$0.hasPrefix(".") }.sorted()
        } catch {
            let object = "file:\(directory)"
            pass.readings[object] = .keepsLast(ConfigProblem(object, "cannot list the directory: \(error.reason)"))
            // Without the top directory there is nothing. An unreadable subdirectory must not stop the use of the
            // others.
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
            let before = known[file.path]
            if let before, before.signature == signature, before.isSettled {
                pass.readings[file.object] = .unchanged
                return
            }
            let contents = try files.contents(of: file.path, atMost: options.maximumFileBytes)
            known[file.path] = Known(signature: signature, isSettled: before?.signature == signature)
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
    /// The text before `suffix`; nil if the text does not end with it, or is no more than it.
    fileprivate func withoutSuffix(_ suffix: String) -> String? {
        hasSuffix(suffix) && utf8.count > suffix.utf8.count ? String(dropLast(suffix.count)) : nil
    }
}
