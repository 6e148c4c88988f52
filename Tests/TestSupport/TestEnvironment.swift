import Glibc
import Platform

/// Why a test cannot go on.
package struct TestFailure: Error, CustomStringConvertible {
    /// The reason.
    package let description: String

    /// A failure for this reason.
    package init(_ reason: String) {
        description = reason
    }
}

/// Where things are: the checkout, the built programs, free ports.
package enum TestEnvironment {
    /// The checkout's root.
    package static let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")

    /// The path of a program that this package builds: it lies beside the running test program, or in the folder that `TEST_PROGRAMS` names, so
    /// that a release build can be measured by tests of a debug build.
    ///
    /// - Throws: `TestFailure` if it is not there.
    package static func program(_ name: String) throws -> String {
        if let folder = processEnvironment()["TEST_PROGRAMS"] { return "\(folder)/\(name)" }
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = unsafe readlink("/proc/self/exe", &buffer, buffer.count)
        guard count > 0 else { throw TestFailure("/proc/self/exe: \(systemErrorText(errno))") }
        let own = String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let path = "/" + own.split(separator: "/").dropLast().joined(separator: "/") + "/\(name)"
        guard unsafe access(path, X_OK) == 0 else { throw TestFailure("\(path): \(systemErrorText(errno))") }
        return path
    }

    /// A TCP port of 127.0.0.1 that was free a moment ago.
    ///
    /// - Throws: `TestFailure` if there is none.
    package static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                guard unsafe bind(descriptor, pointer, length) == 0 else { return false }
                return unsafe getsockname(descriptor, pointer, &length) == 0
            }
        }
        guard bound else { throw TestFailure("no free port: \(systemErrorText(errno))") }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}

/// A directory of a test's own, removed with everything in it when this object goes.
package final class TemporaryDirectory: Sendable {
    /// Its path.
    package let path: String

    /// Makes one.
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

    /// Writes a file in it, making folders as needed, and returns its path.
    @discardableResult
    package func write(_ name: String, _ text: String, mode: UInt32 = 0o600) throws -> String {
        var folder = path
        for part in name.split(separator: "/").dropLast() {
            folder += "/\(part)"
            unsafe mkdir(folder, 0o755)
        }
        try writeFile("\(path)/\(name)", Array(text.utf8), mode: mode)
        return "\(path)/\(name)"
    }

    /// Removes a file of it.
    package func remove(_ name: String) {
        unsafe unlink("\(path)/\(name)")
    }

    private static func remove(_ path: String) {
        if let directory = unsafe opendir(path) {
            while let entry = unsafe readdir(directory) {
                let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                    unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
                }
                guard name != ".", name != ".." else { continue }
                let isDirectory = unsafe entry.pointee.d_type == UInt8(DT_DIR)
                if isDirectory { remove("\(path)/\(name)") } else { unsafe unlink("\(path)/\(name)") }
            }
            unsafe closedir(directory)
        }
        unsafe rmdir(path)
    }
}

/// Asks every 20 ms until there is an answer.
///
/// - Parameters:
///   - limit: many times the need: a test must not fail because the machine is slow.
///   - what: what is waited for, for the failure's text; evaluated only then.
///   - answer: nil while it is not there.
/// - Throws: `TestFailure` after `limit`, and what `answer` throws.
@discardableResult
package func eventually<Answer>(
    within limit: Duration, _ what: @autoclosure () -> String, _ answer: () async throws -> Answer?
) async throws -> Answer {
    let clock = SystemClock()
    let end = clock.now() + limit
    while true {
        if let answer = try await answer() { return answer }
        guard clock.now() < end else { throw TestFailure("waited \(limit) in vain for \(what())") }
        try await clock.sleep(until: clock.now() + .milliseconds(20))
    }
}
