import CLinux
import Glibc

/// The processors that this process may use: the lesser of its CPU affinity and its cgroup's CPU quota, at least 1.
package func availableProcessors() -> Int {
    let affinity = Int(clinux_processors())
    guard let text = try? readFile("/sys/fs/cgroup/cpu.max", atMost: 256) else { return max(1, affinity) }
    let fields = String(decoding: text, as: UTF8.self).split(whereSeparator: \.isWhitespace)
    guard fields.count == 2, let quota = Int(fields[0]), let period = Int(fields[1]), period > 0 else {
        return max(1, affinity)
    }
    return max(1, min(affinity, (quota + period - 1) / period))
}

/// The machine's own name, as `gethostname` tells it; `localhost` if it tells none.
package func hostName() -> String {
    var name = [CChar](repeating: 0, count: 256)
    guard unsafe gethostname(&name, name.count - 1) == 0, name[0] != 0 else { return "localhost" }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
