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
