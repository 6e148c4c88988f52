import Glibc
import Platform

/// A folder for one test, removed with all files that were written into it.
final class TemporaryFolder {
    let path: String
    private var files: [String] = []

    init() throws {
        var template = Array("/tmp/kubernetes-tests-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw SystemCallError("mkdtemp") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        for file in files { unsafe unlink(file) }
        unsafe rmdir(path)
    }

    /// Writes a file and returns its path.
    @discardableResult
    func write(_ name: String, _ contents: [UInt8], mode: UInt32 = 0o600) throws -> String {
        let file = "\(path)/\(name)"
        try writeFile(file, contents, mode: mode)
        files.append(file)
        return file
    }

    @discardableResult
    func write(_ name: String, _ text: String, mode: UInt32 = 0o600) throws -> String {
        try write(name, Array(text.utf8), mode: mode)
    }
}
