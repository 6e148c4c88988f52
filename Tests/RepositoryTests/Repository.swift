import Glibc

/// The checkout that these tests were built from, read as text.
struct Repository {
    /// One source file.
    struct SourceFile: CustomStringConvertible {
        let path: String
        let module: String
        let lines: [String]

        var description: String { path }
    }

    static let root: String = {
        let parts = #filePath.split(separator: "/").dropLast(3)
        return "/" + parts.joined(separator: "/")
    }()

    /// Every Swift file under `Sources` or `Tests`, sorted by path.
    static func swiftFiles(under folder: String) throws -> [SourceFile] {
        try files(under: "\(root)/\(folder)").filter { $0.hasSuffix(".swift") }.map { path in
            let relative = String(path.dropFirst(root.utf8.count + 1))
            let module = relative.split(separator: "/").dropFirst().first.map(String.init) ?? ""
            return SourceFile(path: relative, module: module, lines: try lines(of: path))
        }
    }

    static func text(of path: String) throws -> String {
        try lines(of: "\(root)/\(path)").joined(separator: "\n")
    }

    /// The names in a folder of the checkout that do not begin with a dot, sorted.
    static func visibleNames(of folder: String) throws -> [String] {
        try entries(of: folder.isEmpty ? root : "\(root)/\(folder)").map(\.name)
    }

    /// Whether a file or folder of the checkout exists.
    static func exists(_ path: String) -> Bool {
        unsafe access("\(root)/\(path)", F_OK) == 0
    }

    /// What stands between backticks in a Markdown file, outside its code blocks.
    static func codeSpans(of path: String) throws -> [String] {
        let blocks = try text(of: path).split(separator: "```", omittingEmptySubsequences: false)
        return blocks.enumerated().filter { $0.offset.isMultiple(of: 2) }.flatMap { codeSpans(in: $0.element) }
    }

    /// What stands between backticks in a text.
    static func codeSpans(in text: Substring) -> [String] {
        let parts = text.split(separator: "`", omittingEmptySubsequences: false)
        return parts.enumerated().filter { !$0.offset.isMultiple(of: 2) }.map { String($0.element) }
    }

    /// The names of all types that the Swift files under a folder declare, nested ones too.
    static func declaredTypes(under folder: String) throws -> Set<String> {
        let keywords: Set<Substring> = ["struct", "class", "enum", "protocol", "actor"]
        var names: Set<String> = []
        for line in try swiftFiles(under: folder).flatMap(\.lines) where !StyleTests.isComment(line) {
            let words = line.split(separator: " ")
            guard let keyword = words.firstIndex(where: keywords.contains), keyword + 1 < words.count else { continue }
            names.insert(String(words[keyword + 1].prefix { $0.isLetter || $0.isNumber || $0 == "_" }))
        }
        return names
    }

    private static func lines(of path: String) throws -> [String] {
        guard let file = unsafe fopen(path, "r") else { throw RepositoryError(path: path) }
        defer { unsafe fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while case let count = unsafe fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk[..<count] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
            .map(String.init)
    }

    private static func files(under folder: String) throws -> [String] {
        try entries(of: folder).flatMap { entry in
            entry.isDirectory ? try files(under: "\(folder)/\(entry.name)") : ["\(folder)/\(entry.name)"]
        }
    }

    private static func entries(of folder: String) throws -> [(name: String, isDirectory: Bool)] {
        guard let directory = unsafe opendir(folder) else { throw RepositoryError(path: folder) }
        defer { unsafe closedir(directory) }
        var found: [(name: String, isDirectory: Bool)] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            let isDirectory = unsafe entry.pointee.d_type == UInt8(DT_DIR)
            if !name.hasPrefix(".") { found.append((name, isDirectory)) }
        }
        return found.sorted { $0.name < $1.name }
    }
}

/// A file or folder of the checkout that could not be read.
struct RepositoryError: Error {
    let path: String
}
