import CLinux
import Glibc

/// The environment variables of the process. Read them once, at start.
package func processEnvironment() -> [String: String] {
    var variables: [String: String] = [:]
    var entry = unsafe environ
    while let text = unsafe entry.pointee {
        let parts = unsafe String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2 { variables[String(parts[0])] = String(parts[1]) }
        unsafe entry += 1
    }
    return variables
}

/// How many processors this process may use: the smaller of its CPU affinity and the CPU quota of its cgroup, at least
/// 1.
package func availableProcessors() -> Int {
    let affinity = Int(clinux_processors())
    guard let text = try? readFile("/sys/fs/cgroup/cpu.max", atMost: 256) else { return max(1, affinity) }
    let fields = String(decoding: text, as: UTF8.self).split(whereSeparator: \.isWhitespace)
    guard fields.count == 2, let quota = Int(fields[0]), let period = Int(fields[1]), period > 0 else {
        return max(1, affinity)
    }
    return max(1, min(affinity, (quota + period - 1) / period))
}

/// The host name that `gethostname` returns; `localhost` if there is none.
package func hostName() -> String {
    var name = [CChar](repeating: 0, count: 256)
    guard unsafe gethostname(&name, name.count - 1) == 0, name[0] != 0 else { return "localhost" }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
