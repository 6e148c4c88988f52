import Synchronization

/// Writes metrics in version 0.0.4 of the Prometheus text exposition format.
///
/// Each family is written once: help, type, then its samples in the given order. Sort them.
package struct MetricsWriter: Sendable {
    /// The type of a metric family.
    package enum Kind: String, Sendable {
        /// Only increases; by convention its name ends in `_total`.
        case counter
        /// Increases and decreases.
        case gauge
    }

    /// A sample: its labels, in order, and its value.
    package typealias Sample = (labels: KeyValuePairs<String, String>, value: Double)

    /// The text so far.
    package private(set) var text = ""

    /// An empty page.
    package init() {}

    /// Writes a family; nothing if it has no samples.
    package mutating func family(_ name: String, _ kind: Kind, help: String, _ samples: [Sample]) {
        guard !samples.isEmpty else { return }
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
        for sample in samples { line(name, sample.labels.map { ($0.key, $0.value) }, sample.value) }
    }

    /// Writes a gauge of one sample without labels; nothing if there is no value.
    package mutating func gauge(_ name: String, help: String, _ value: Double?) {
        if let value { family(name, .gauge, help: help, [([:], value)]) }
    }

    /// Writes a family of histograms; nothing if it has no samples.
    package mutating func histogram(
        _ name: String, help: String, _ samples: [(labels: KeyValuePairs<String, String>, histogram: Histogram)]
    ) {
        guard !samples.isEmpty else { return }
        text += "# HELP \(name) \(help)\n# TYPE \(name) histogram\n"
        for (labels, histogram) in samples {
            for sample in histogram.samples {
                let bound = sample.bound.map { [("le", Self.number($0))] } ?? []
                line(name + sample.suffix, labels.map { ($0.key, $0.value) } + bound, sample.value)
            }
        }
    }

    private mutating func line(_ name: String, _ labels: [(String, String)], _ value: Double) {
        text += name
        if !labels.isEmpty {
            let labels = labels.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }
            text += "{" + labels.joined(separator: ",") + "}"
        }
        text += " \(Self.number(value))\n"
    }

    /// The longest label value, in bytes. A longer one is cut, with a hash that tells it from others.
    private static let longestLabel = 1_024

    private static func escaped(_ text: String) -> String {
        let isLong = text.utf8.count > longestLabel
        let value = isLong ? "\(cut(text, to: longestLabel))… \(String(FNV1a(text).value, radix: 16))" : text
        var escaped = ""
        // The format has escapes for three characters only, and people read it on terminals. Scalar by scalar: with a
        // combining mark after it, a quotation mark is another Character.
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\"": escaped += "\\\""
            case "\n": escaped += "\\n"
            default: escaped += visibleLine(String(scalar)).replacing("\\", with: "\\\\")
            }
        }
        return escaped
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value == value.rounded(), abs(value) < 1e15 { return String(Int64(value)) }
        return value.description
    }
}

/// A number that only increases; any thread may add to it.
package final class Counter: Sendable {
    private let count = Atomic<UInt64>(0)

    /// A counter at zero.
    package init() {}

    /// Adds `amount`.
    package func add(_ amount: UInt64 = 1) {
        count.wrappingAdd(amount, ordering: .relaxed)
    }

    /// The count so far.
    package var value: UInt64 {
        count.load(ordering: .relaxed)
    }
}

/// The metrics of a process: each part registers a function that writes its families when the page is read.
///
/// Gauges are computed from the state at that moment, so that none can drift from it.
package final class MetricsRegistry: Sendable {
    private let collectors = Mutex<[@Sendable (inout MetricsWriter) -> Void]>([])

    /// An empty registry.
    package init() {}

    /// Adds a part. Parts are written in the order of registration; no two may write the same family.
    package func register(_ collect: @escaping @Sendable (inout MetricsWriter) -> Void) {
        collectors.withLock { $0.append(collect) }
    }

    /// The whole page of metrics.
    package func page() -> String {
        let collectors = collectors.withLock { $0 }
        var writer = MetricsWriter()
        for collect in collectors { collect(&writer) }
        return writer.text
    }
}

/// A histogram of durations, in seconds, that any thread may add to.
package final class DurationHistogram: Sendable {
    private let histogram: Mutex<Histogram>

    /// An empty histogram with the upper bounds `bounds`, in ascending order.
    package init(bounds: [Double]) {
        histogram = Mutex(Histogram(bounds: bounds))
    }

    /// Counts a duration.
    package func observe(_ duration: Duration) {
        histogram.withLock { $0.observe(duration.seconds) }
    }

    /// What was counted so far.
    package var value: Histogram {
        histogram.withLock { $0 }
    }
}

/// Counts values by size, as a Prometheus histogram.
package struct Histogram: Sendable {
    private let bounds: [Double]
    /// One count per bound, and one for values above all bounds.
    private var counts: [UInt64]
    private var sum = 0.0

    /// An empty histogram with the upper bounds `bounds`, in ascending order.
    package init(bounds: [Double]) {
        self.bounds = bounds
        counts = Array(repeating: 0, count: bounds.count + 1)
    }

    /// How many values were counted.
    package var count: UInt64 { counts.reduce(0, +) }

    /// Counts `value`.
    package mutating func observe(_ value: Double) {
        counts[bounds.firstIndex { value <= $0 } ?? bounds.count] += 1
        sum += value
    }

    /// The samples in the text format: name suffix, upper bound of a bucket, value.
    var samples: [(suffix: String, bound: Double?, value: Double)] {
        var below: UInt64 = 0
        var samples: [(suffix: String, bound: Double?, value: Double)] = []
        for (bound, count) in zip(bounds + [.infinity], counts) {
            below += count
            samples.append(("_bucket", bound, Double(below)))
        }
        return samples + [("_sum", nil, sum), ("_count", nil, Double(below))]
    }
}
