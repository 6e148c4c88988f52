import Platform

/// A page in OpenMetrics 1.0, read strictly: the specification's MUSTs, with four exceptions that the Prometheus server
/// reads too: unknown escapes stay as they are, exemplars may lie outside their bucket, names may be quoted, and a
/// counter may have the name of a gauge.
///
/// Source: `specification/OpenMetrics.md` of prometheus/OpenMetrics; where it is silent, the parser of
/// `prometheus_client`, whose test data the project publishes.
struct OpenMetricsText {
    private var scanner: ExpositionScanner
    private var samples = 0
    private var family: OpenMetricsFamily?
    /// The names that the families so far have taken, with their suffixes.
    private var taken: Set<ArraySlice<UInt8>> = []
    /// The names of those that are gauges.
    private var gauges: Set<ArraySlice<UInt8>> = []

    /// The most characters of an exemplar's labels, names and values together.
    private static let exemplarCharacters = 128

    private init(_ page: [UInt8]) {
        scanner = ExpositionScanner(page, quotesSpanLines: false)
    }

    /// Reads a whole page and counts its samples.
    static func samples(of page: [UInt8]) throws(ExpositionError) -> Int {
        var text = OpenMetricsText(page)
        do throws(ExpositionProblem) {
            try text.readPage(page)
        } catch {
            throw ExpositionError(line: text.scanner.line, reason: error.reason)
        }
        return text.samples
    }

    private mutating func readPage(_ page: [UInt8]) throws(ExpositionProblem) {
        guard page[...].isUTF8 else { throw ExpositionProblem("the page is not UTF-8") }
        while scanner.next != nil {
            if scanner.skip(text: "# EOF") {
                try endFamily()
                _ = scanner.skip("\n")
                guard scanner.next == nil else { throw ExpositionProblem("text after # EOF") }
                return
            }
            if scanner.skip("#") { try readMetadata() } else { try readSample() }
            guard scanner.skip("\n") else {
                throw ExpositionProblem(scanner.next == nil ? Self.noEnd : "unexpected text at the end of the line")
            }
        }
        throw ExpositionProblem(Self.noEnd)
    }

    private static let noEnd = "the page does not end with # EOF"

    private mutating func endFamily() throws(ExpositionProblem) {
        guard var last = family else { return }
        family = nil
        try last.finish()
        if last.isGauge { gauges.insert(last.name) }
        for name in last.names where !taken.insert(name).inserted {
            // Their samples have different names. Every Go program has such a pair: go_memstats_alloc_bytes.
            if last.isCounter, name == last.name, gauges.contains(name) { continue }
            throw ExpositionProblem("\(name.shown) belongs to two families, or its family is not in one piece")
        }
    }

    private mutating func readMetadata() throws(ExpositionProblem) {
        let keyword = try fieldAfterBlank("HELP, TYPE, UNIT or EOF")
        guard scanner.skip(" "), let name = try scanner.name(allowsColon: true, "a metric name")?.text, !name.isEmpty
        else { throw ExpositionProblem("expected a metric name") }
        guard scanner.skip(" ") else { throw ExpositionProblem("expected a text after the name \(name.shown)") }
        let text = scanner.restOfLine()
        if family?.name != name || family?.isGaugeWithSamples == true {
            try endFamily()
            family = OpenMetricsFamily(name)
        }
        switch String(decoding: keyword, as: UTF8.self) {
        case "HELP": try family?.addHelp()
        case "TYPE": try family?.setKind(text)
        case "UNIT": try family?.setUnit(text)
        default: throw ExpositionProblem("a comment that is neither HELP, TYPE, UNIT nor EOF")
        }
    }

    private mutating func fieldAfterBlank(_ what: String) throws(ExpositionProblem) -> ArraySlice<UInt8> {
        guard scanner.skip(" "), !scanner.isAtBlank, !scanner.isAtLineEnd else {
            throw ExpositionProblem("expected one blank and \(what)")
        }
        return scanner.field()
    }

    private mutating func number(_ what: String) throws(ExpositionProblem) -> Double {
        guard let number = try fieldAfterBlank(what).number else { throw ExpositionProblem("\(what) is not a number") }
        return number
    }

    private mutating func timestamp() throws(ExpositionProblem) -> Double {
        let time = try number("the timestamp")
        guard time.isFinite else { throw ExpositionProblem("the timestamp is not a time") }
        return time
    }

    private mutating func readSample() throws(ExpositionProblem) {
        var name = scanner.plainName(allowsColon: true)
        var labels: [OpenMetricsLabel] = []
        if scanner.skip("{") { labels = try readLabels(&name) }
        guard let name else { throw ExpositionProblem("expected a metric name") }
        var sample = OpenMetricsSample(name: name, labels: labels, value: try number("the value"))
        sample.hasExemplar = scanner.skip(text: " # ")
        if !sample.hasExemplar, scanner.isAtBlank {
            sample.timestamp = try timestamp()
            sample.hasExemplar = scanner.skip(text: " # ")
        }
        if sample.hasExemplar { try readExemplar() }
        if family?.takes(sample.name) != true {
            try endFamily()
            family = OpenMetricsFamily(sample.name)
        }
        try family?.add(sample)
        samples += 1
    }

    private mutating func readExemplar() throws(ExpositionProblem) {
        guard scanner.skip("{") else { throw ExpositionProblem("expected { after # for an exemplar") }
        var noName: ArraySlice<UInt8>? = []
        let labels = try readLabels(&noName)
        let characters = labels.reduce(0) { $0 + $1.name.characters + $1.value.characters }
        guard characters <= Self.exemplarCharacters else {
            throw ExpositionProblem("the labels of an exemplar have more than \(Self.exemplarCharacters) characters")
        }
        _ = try number("the value of an exemplar")
        if scanner.isAtBlank { _ = try timestamp() }
    }

    /// Reads labels up to their closing brace, and a quoted name before them if there is none yet.
    private mutating func readLabels(
        _ metric: inout ArraySlice<UInt8>?
    ) throws(ExpositionProblem) -> [OpenMetricsLabel] {
        var labels: [OpenMetricsLabel] = []
        var names = LabelNames()
        if scanner.skip("}") { return [] }
        while true {
            guard let (name, isQuoted) = try scanner.name(allowsColon: false, "a name in braces") else {
                throw ExpositionProblem("expected a label name")
            }
            if isQuoted, metric == nil, scanner.next != UInt8(ascii: "=") {
                metric = name
            } else {
                guard scanner.skip("=") else { throw ExpositionProblem("expected = after the label \(name.shown)") }
                guard let value = try scanner.quotedText("the value of \(name.shown)") else {
                    throw ExpositionProblem("expected \" before the value of \(name.shown)")
                }
                try names.add(name)
                labels.append(OpenMetricsLabel(name: name, value: value.unescaped))
            }
            if scanner.skip("}") { return labels }
            guard scanner.skip(",") else { throw ExpositionProblem("expected , or } in the labels") }
        }
    }
}

/// A label of a sample.
struct OpenMetricsLabel {
    let name: ArraySlice<UInt8>
    let value: ArraySlice<UInt8>
}

/// A sample of OpenMetrics.
struct OpenMetricsSample {
    let name: ArraySlice<UInt8>
    let labels: [OpenMetricsLabel]
    let value: Double
    /// In seconds since 1970.
    var timestamp: Double?
    var hasExemplar = false

    /// The value of a label.
    func label(_ name: some Sequence<UInt8>) -> ArraySlice<UInt8>? {
        labels.first { $0.name.elementsEqual(name) }?.value
    }

    /// All labels but one, in an order and form that is the same for equal ones.
    func labelKey(without name: (some Sequence<UInt8>)?) -> [UInt8] {
        var key: [UInt8] = []
        let kept = labels.filter { label in name.map { !label.name.elementsEqual($0) } ?? true }
        for label in kept.sorted(by: { $0.name.lexicographicallyPrecedes($1.name) }) {
            // No UTF-8 has this byte.
            key += label.name + [0xFF] + label.value + [0xFF]
        }
        return key
    }
}

extension ArraySlice<UInt8> {
    /// The number of characters of a UTF-8 text.
    fileprivate var characters: Int {
        count { $0 & 0xC0 != 0x80 }
    }
}
