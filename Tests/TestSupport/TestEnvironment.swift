import Glibc
import Platform
import TestKit

/// Where things are: the checkout, the built programs, free ports.
package enum TestEnvironment {
    /// The checkout's root.
    package static let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")

    /// The path of a program that this package builds: it lies beside the running test program, or in the folder that
    /// `TEST_PROGRAMS` names, so that a release build can be measured by tests of a debug build.
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

    /// A TCP port of 127.0.0.1 that was free a moment ago, below those that the system gives to clients: the thousands
    /// of connections that other tests open at the same time would take it.
    ///
    /// - Throws: `TestFailure` if there is none.
    package static func freePort() throws -> Int {
        for _ in 0..<100 {
            let port = UInt16.random(in: 12_000..<32_000)
            // Without the flag, a process that another test starts at this moment would keep the port for as long as it
            // lives.
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            defer { close(descriptor) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            let isBound = unsafe withUnsafePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                    unsafe bind(descriptor, pointer, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                }
            }
            if isBound { return Int(port) }
        }
        throw TestFailure("no free port: \(systemErrorText(errno))")
    }
}
