import Synchronization

/// Writes metrics in the Prometheus text exposition format, version 0.0.4.
///
/// A family is written once, with its help and type, then its samples in the order given: sort them.
package struct MetricsWriter: Sendable {
    /// What a sample of a family means.
    package enum Kind: String, Sendable {
        /// Grows only; its name ends in `_total` by convention.
        case counter
        /// Goes up and down.
        case gauge
    }

    /// One sample: its labels in order, and its value.
    package typealias Sample = (labels: KeyValuePairs<String, String>, value: Double)

    /// The text so far.
    package private(set) var text = ""

    /// An empty page.
    package init() {}

    /// Writes one family; nothing when there is no sample.
    package mutating func family(_ name: String, _ kind: Kind, help: String, _ samples: [Sample]) {
        guard !samples.isEmpty else { return }
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
        for sample in samples { line(name, sample.labels.map { ($0.key, $0.value) }, sample.value) }
    }

    /// Writes one family of histograms; nothing when there is no sample.
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

    private static func escaped(_ value: String) -> String {
        var text = ""
        for character in value.unicodeScalars {
            switch character {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(character)
            }
        }
        return text
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value == value.rounded(), abs(value) < 1e15 { return String(Int64(value)) }
        return value.description
    }
}

/// A number that only grows, counted from any thread.
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

/// What a process exposes: each part registers a function that writes its families when the page is read.
///
/// Gauges are computed from the state at that moment, so that none can drift from it.
package final class MetricsRegistry: Sendable {
    private let collectors = Mutex<[@Sendable (inout MetricsWriter) -> Void]>([])

    /// A registry with nothing in it.
    package init() {}

    /// Adds a part; parts are written in the order of their registration. Each writes families that no other writes.
    package func register(_ collect: @escaping @Sendable (inout MetricsWriter) -> Void) {
        collectors.withLock { $0.append(collect) }
    }

    /// The whole page.
    package func page() -> String {
        let collectors = collectors.withLock { $0 }
        var writer = MetricsWriter()
        for collect in collectors { collect(&writer) }
        return writer.text
    }
}
