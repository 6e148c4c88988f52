import Platform

/// The rules of one metric family of OpenMetrics, to which its metadata and its samples are added in turn.
struct OpenMetricsFamily {
    /// The types of families.
    enum Kind: String {
        case counter, gauge, histogram, gaugehistogram, summary, info, stateset, unknown

        /// What the names of its samples add to the family's.
        var suffixes: [String] {
            switch self {
            case .counter: ["_total", "_created"]
            case .histogram: ["_bucket", "_count", "_sum", "_created"]
            case .gaugehistogram: ["_bucket", "_gcount", "_gsum"]
            case .summary: ["", "_count", "_sum", "_created"]
            case .info: ["_info"]
            case .gauge, .stateset, .unknown: [""]
            }
        }

        fileprivate var isHistogram: Bool { self == .histogram || self == .gaugehistogram }
    }

    let name: ArraySlice<UInt8>
    private var kind: Kind?
    private var hasHelp = false
    private var unit: ArraySlice<UInt8>?
    private var hasSamples = false
    private var groups: Set<[UInt8]> = []
    private var group: [UInt8]?
    private var groupTime: Double?
    /// The series of the current group at its current time.
    private var series: Set<[UInt8]> = []
    private var histogram: OpenMetricsHistogram?

    init(_ name: ArraySlice<UInt8>) {
        self.name = name
    }

    /// The names that it takes: its own, and those of its samples.
    var names: [ArraySlice<UInt8>] {
        Set([""] + (kind ?? .unknown).suffixes).sorted().map { name + Array($0.utf8) }
    }

    var isCounter: Bool { kind == .counter }

    var isGauge: Bool { kind == .gauge }

    /// Whether metadata that has its name may be that of a counter.
    var isGaugeWithSamples: Bool { isGauge && hasSamples }

    private var shown: String { name.shown }

    mutating func addHelp() throws(ExpositionProblem) {
        try checkPlace("HELP", isSecond: hasHelp)
        hasHelp = true
    }

    mutating func setKind(_ text: ArraySlice<UInt8>) throws(ExpositionProblem) {
        try checkPlace("TYPE", isSecond: kind != nil)
        kind = Kind(rawValue: String(decoding: text, as: UTF8.self))
        guard kind != nil else { throw ExpositionProblem("the TYPE of \(shown) is none of OpenMetrics") }
    }

    mutating func setUnit(_ text: ArraySlice<UInt8>) throws(ExpositionProblem) {
        try checkPlace("UNIT", isSecond: unit != nil)
        unit = text
        guard text.isEmpty || name.suffix(text.count + 1).elementsEqual([UInt8(ascii: "_")] + text) else {
            throw ExpositionProblem("the name \(shown) does not end with its UNIT")
        }
    }

    private func checkPlace(_ keyword: String, isSecond: Bool) throws(ExpositionProblem) {
        guard !isSecond else { throw ExpositionProblem("second \(keyword) of \(shown)") }
        guard !hasSamples else { throw ExpositionProblem("the \(keyword) of \(shown) comes after its samples") }
    }

    /// Whether a sample of this name belongs to it.
    func takes(_ sample: ArraySlice<UInt8>) -> Bool {
        suffix(of: sample) != nil
    }

    private func suffix(of sample: ArraySlice<UInt8>) -> String? {
        guard sample.starts(with: name) else { return nil }
        let rest = sample.dropFirst(name.count)
        return (kind ?? .unknown).suffixes.first { rest.elementsEqual($0.utf8) }
    }

    /// Adds a sample that it takes.
    mutating func add(_ sample: OpenMetricsSample) throws(ExpositionProblem) {
        let kind = kind ?? .unknown
        let suffix = suffix(of: sample.name) ?? ""
        hasSamples = true
        try checkLabels(sample, kind, suffix)
        try checkValue(sample, kind, suffix)
        guard !sample.hasExemplar || (suffix == "_bucket" && kind.isHistogram) || suffix == "_total" else {
            throw ExpositionProblem("only a bucket or the total of a counter may have an exemplar, not \(shown)")
        }
        let isNewGroup = try enterGroup(sample, kind, suffix)
        guard kind.isHistogram else { return }
        if isNewGroup {
            try histogram?.finish(name)
            histogram = OpenMetricsHistogram()
        }
        try histogram?.add(suffix, le: sample.label("le".utf8)?.number, value: sample.value, name)
    }

    /// Checks what only the whole family shows.
    mutating func finish() throws(ExpositionProblem) {
        try histogram?.finish(name)
        guard unit?.isEmpty ?? true || (kind != .info && kind != .stateset) else {
            throw ExpositionProblem("\(shown) has a UNIT, which its TYPE cannot have")
        }
    }

    private func checkLabels(
        _ sample: OpenMetricsSample, _ kind: Kind, _ suffix: String
    ) throws(ExpositionProblem) {
        switch (kind, suffix) {
        case (.stateset, _):
            guard sample.label(name) != nil else { throw ExpositionProblem("\(shown) lacks the label of its state") }
        case (.histogram, "_bucket"), (.gaugehistogram, "_bucket"):
            let text = sample.label("le".utf8) ?? []
            guard let bound = text.number, !bound.isNaN, bound.isFinite || text.elementsEqual("+Inf".utf8) else {
                throw ExpositionProblem("the label le of a bucket of \(shown) is no bound")
            }
        case (.summary, ""):
            guard let quantile = sample.label("quantile".utf8)?.number, (0...1).contains(quantile) else {
                throw ExpositionProblem("the label quantile of \(shown) is not from 0 to 1")
            }
        default: break
        }
    }

    private func checkValue(_ sample: OpenMetricsSample, _ kind: Kind, _ suffix: String) throws(ExpositionProblem) {
        let value = sample.value
        let isCount = ["_count", "_gcount", "_bucket"].contains(suffix)
        let isValid =
            switch (kind, suffix) {
            case (.stateset, _): value == 0 || value == 1
            case (.info, _): value == 1
            case (.summary, ""): !(value < 0)
            case (_, "_gsum"): !value.isNaN
            case (_, "_total"), (_, "_sum"): value >= 0
            case _ where isCount: value >= 0 && value.rounded() == value
            default: true
            }
        guard isValid else {
            throw ExpositionProblem("a value of \(shown) is not possible for \(kind.rawValue)\(suffix)")
        }
    }

    /// Notes the sample's group: what a family has of one set of labels stands together, in the order of time.
    ///
    /// - Returns: whether the sample begins a group, or a time of it.
    private mutating func enterGroup(
        _ sample: OpenMetricsSample, _ kind: Kind, _ suffix: String
    ) throws(ExpositionProblem) -> Bool {
        let key =
            switch (kind, suffix) {
            case (.info, _): [UInt8]()
            case (.summary, ""): sample.labelKey(without: "quantile".utf8)
            case (.stateset, _): sample.labelKey(without: name)
            case (.histogram, "_bucket"), (.gaugehistogram, "_bucket"): sample.labelKey(without: "le".utf8)
            default: sample.labelKey(without: [UInt8]?.none)
            }
        let isSame = key == group
        guard isSame || groups.insert(key).inserted else {
            throw ExpositionProblem("the samples of \(shown) with the same labels do not stand together")
        }
        if isSame, kind != .info {
            guard (sample.timestamp == nil) == (groupTime == nil) else {
                throw ExpositionProblem("some samples of \(shown) with the same labels have timestamps, some have none")
            }
            if let time = sample.timestamp, let groupTime, time < groupTime {
                throw ExpositionProblem("the timestamps of \(shown) go backwards")
            }
        }
        let isNewTime = !isSame || sample.timestamp != groupTime
        if isNewTime { series = [] }
        (group, groupTime) = (key, sample.timestamp)
        guard series.insert(sample.name + [0xFF] + sample.labelKey(without: [UInt8]?.none)).inserted else {
            throw ExpositionProblem("the same series of \(shown) twice")
        }
        return isNewTime
    }
}

/// What the samples of a histogram with the same labels must be together.
struct OpenMetricsHistogram {
    private var bound: Double?
    private var bucket = 0.0
    private var hasNegativeBounds = false
    private var count: Double?
    /// `_sum` or `_gsum`.
    private var sum: (value: Double, isGauge: Bool)?

    mutating func add(
        _ suffix: String, le: Double?, value: Double, _ name: ArraySlice<UInt8>
    ) throws(ExpositionProblem) {
        switch suffix {
        case "_bucket":
            guard let le else { return }
            guard bound.map({ $0 < le }) ?? true else {
                throw ExpositionProblem("the buckets of \(name.shown) are not sorted")
            }
            guard bucket <= value else { throw ExpositionProblem("the buckets of \(name.shown) are not cumulative") }
            hasNegativeBounds = hasNegativeBounds || le < 0
            (bound, bucket) = (le, value)
        case "_count", "_gcount": count = value
        case "_sum": sum = (value, false)
        case "_gsum": sum = (value, true)
        default: break
        }
    }

    func finish(_ name: ArraySlice<UInt8>) throws(ExpositionProblem) {
        guard bound == .infinity else { throw ExpositionProblem("\(name.shown) has no bucket le=\"+Inf\"") }
        guard count == nil || count == bucket else {
            throw ExpositionProblem("the count of \(name.shown) is not that of its bucket le=\"+Inf\"")
        }
        guard (count == nil) == (sum == nil) else {
            throw ExpositionProblem("\(name.shown) has a sum without a count, or a count without a sum")
        }
        guard let sum else { return }
        guard sum.isGauge || !hasNegativeBounds else {
            throw ExpositionProblem("\(name.shown) has negative buckets, so it cannot have a sum")
        }
        guard !sum.isGauge || hasNegativeBounds || sum.value >= 0 else {
            throw ExpositionProblem("\(name.shown) has a negative sum, but no negative bucket")
        }
    }
}
