import Glibc
import Platform

/// The inputs of `Tests/Fuzz/corpus/TARGET`, in the order of their names. Targets of unit tests have links to this file
/// and to what they replay.
func fuzzCorpus(_ target: String) throws -> [(name: String, input: [UInt8])] {
    let tests = "/" + #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
    let folder = "\(tests)/Fuzz/corpus/\(target)"
    guard let directory = unsafe opendir(folder) else { throw SystemCallError("opendir \(folder)") }
    defer { unsafe closedir(directory) }
    var names: [String] = []
    while let entry = unsafe readdir(directory) {
        let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
            unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
        }
        if !name.hasPrefix(".") { names.append(name) }
    }
    return try names.sorted().map { ($0, try readFile("\(folder)/\($0)", atMost: 1 << 20)) }
}
