/// Counts values by size, for a Prometheus histogram.
package struct Histogram: Sendable {
    private let bounds: [Double]
    /// One count for each bound, and one for what is greater than all of them.
    private var counts: [UInt64]
    private var sum = 0.0

    /// An empty histogram whose buckets end at `bounds`, which ascend.
    package init(bounds: [Double]) {
        self.bounds = bounds
        counts = Array(repeating: 0, count: bounds.count + 1)
    }

    /// Counts `value`.
    package mutating func observe(_ value: Double) {
        counts[bounds.firstIndex { value <= $0 } ?? bounds.count] += 1
        sum += value
    }

    /// The samples of the text format: suffix, upper bound if it is a bucket's, value.
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
