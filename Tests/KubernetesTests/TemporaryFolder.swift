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

    /// Writes a program and returns its path.
    ///
    /// It is copied by another process: a descriptor of ours, open for writing, could be inherited by a process that another test starts at
    /// that moment, and the program could not be run while that lives ("Text file busy").
    func writeProgram(_ name: String, _ text: String) throws -> String {
        let source = try write("\(name).text", text, mode: 0o700)
        let file = "\(path)/\(name)"
        guard unsafe system("cp -p \(source) \(file)") == 0 else { throw SystemCallError("cp") }
        files.append(file)
        return file
    }
}
