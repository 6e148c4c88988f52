import Glibc
import Platform

/// A directory of a test's own, removed with everything in it when this object goes.
package final class TemporaryDirectory: Sendable {
    package let path: String

    /// Makes a directory in `/tmp`.
    ///
    /// - Throws: `TestFailure` if it cannot.
    package init() throws {
        var name = Array("/tmp/cluster-agent-test-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&name) != nil else {
            throw TestFailure("no temporary directory: \(systemErrorText(errno))")
        }
        path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        Self.remove(path)
    }

    /// Writes a file, makes the directories that its name needs, and returns its path.
    @discardableResult
    package func write(_ name: String, _ contents: [UInt8], mode: UInt32 = 0o600) throws -> String {
        if let slash = name.lastIndex(of: "/") { makeDirectory(String(name[..<slash])) }
        try writeFile("\(path)/\(name)", contents, mode: mode)
        return "\(path)/\(name)"
    }

    /// Writes a text file, makes the directories that its name needs, and returns its path.
    @discardableResult
    package func write(_ name: String, _ text: String, mode: UInt32 = 0o600) throws -> String {
        try write(name, Array(text.utf8), mode: mode)
    }

    /// Makes a directory and those above it.
    package func makeDirectory(_ name: String) {
        var directory = path
        for part in name.split(separator: "/") {
            directory += "/\(part)"
            unsafe mkdir(directory, 0o755)
        }
    }

    /// Makes a symbolic link, or replaces one in a single step.
    ///
    /// - Throws: `TestFailure` if it cannot.
    package func link(_ name: String, to target: String) throws {
        let temporary = "\(path)/.link"
        let isLinked = unsafe symlink(target, temporary) == 0
        guard isLinked, unsafe rename(temporary, "\(path)/\(name)") == 0 else {
            throw TestFailure("\(path)/\(name): \(systemErrorText(errno))")
        }
    }

    /// Removes a file, or a directory with everything in it.
    package func remove(_ name: String) {
        Self.remove("\(path)/\(name)")
    }

    private static func remove(_ path: String) {
        if unsafe unlink(path) == 0 { return }
        if let directory = unsafe opendir(path) {
            while let entry = unsafe readdir(directory) {
                let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                    unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
                }
                if name != ".", name != ".." { remove("\(path)/\(name)") }
            }
            unsafe closedir(directory)
        }
        unsafe rmdir(path)
    }
}
