import Glibc

/// What Linux says of this process, under the names that Prometheus' client libraries use.
package enum ProcessMetrics {
    /// Writes the families; nothing of what cannot be read.
    package static func collect(into writer: inout MetricsWriter) {
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        if let stat = statistics, ticks > 0 {
            // Fields 14 and 15 are the time in user and kernel mode, 22 the start since boot, 23 the virtual memory,
            // 24 the resident pages (proc(5)); these begin with the third.
            writer.family(
                "process_cpu_seconds_total", .counter, help: "CPU time that this process has used.",
                [([:], (stat[11] + stat[12]) / ticks)])
            writer.gauge(
                "process_start_time_seconds", help: "When this process started, in seconds since 1970.",
                bootTime.map { $0 + stat[19] / ticks })
            writer.gauge("process_virtual_memory_bytes", help: "Virtual memory of this process.", stat[20])
            writer.gauge(
                "process_resident_memory_bytes", help: "Resident memory of this process.",
                stat[21] * Double(sysconf(Int32(_SC_PAGESIZE))))
        }
        writer.gauge("process_open_fds", help: "File descriptors that are open.", openDescriptors)
        var limit = rlimit()
        let isKnown = unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
        writer.gauge(
            "process_max_fds", help: "File descriptors that may be open.", isKnown ? Double(limit.rlim_cur) : nil)
    }

    /// The fields of `/proc/self/stat` from the third on; those that are no number are 0.
    private static var statistics: [Double]? {
        guard let text = try? readFile("/proc/self/stat", atMost: 4_096) else { return nil }
        // The second field is the program's name in parentheses, which may hold anything.
        guard let end = text.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = text[(end + 1)...].split(separator: UInt8(ascii: " ")).map {
            Double(String(decoding: $0, as: UTF8.self)) ?? 0
        }
        return fields.count > 21 ? fields : nil
    }

    /// In seconds since 1970.
    private static var bootTime: Double? {
        guard let text = try? readFile("/proc/stat", atMost: 4 << 20) else { return nil }
        let line = text.split(separator: UInt8(ascii: "\n")).first { $0.starts(with: "btime ".utf8) }
        return line.flatMap { Double(String(decoding: $0.dropFirst(6), as: UTF8.self)) }
    }

    private static var openDescriptors: Double? {
        guard let directory = unsafe opendir("/proc/self/fd") else { return nil }
        defer { unsafe closedir(directory) }
        var count = 0
        while let entry = unsafe readdir(directory) {
            if unsafe entry.pointee.d_name.0 != CChar(bitPattern: UInt8(ascii: ".")) { count += 1 }
        }
        // Without the one that lists them.
        return Double(count - 1)
    }
}
