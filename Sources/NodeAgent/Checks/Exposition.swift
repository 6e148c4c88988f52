/// What a page of metrics may be at most.
struct ExpositionLimits: Sendable {
    /// Bytes of one line. Default: 65,536.
    var lineBytes = 65_536
    /// Samples of a page. Default: 1,000,000.
    var samples = 1_000_000
    /// Labels of one sample. Default: 100.
    var labels = 100
}

/// Where a page is not the Prometheus text format, and why.
struct ExpositionError: Error, Equatable, CustomStringConvertible {
    /// The line, from 1.
    let line: Int
    let reason: String

    var description: String {
        "line \(line): \(reason)"
    }
}

/// A page in the Prometheus text exposition format, version 0.0.4, read strictly.
///
/// As strict as Prometheus's own parser (expfmt), and stricter where that lets things pass silently: a TYPE without a type is an error.
struct Exposition: Equatable {
    /// How many samples the page holds.
    private(set) var samples = 0

    private var types: Set<String> = []
    private var helps: Set<String> = []
    private var sampled: Set<String> = []

    private static let kinds: Set<String> = ["counter", "gauge", "histogram", "summary", "untyped"]

    /// Reads a whole page.
    ///
    /// - Throws: `ExpositionError` for the first line that is wrong.
    init(_ page: [UInt8], limits: ExpositionLimits = ExpositionLimits()) throws(ExpositionError) {
        var start = 0
        var number = 0
        while start < page.count {
            number += 1
            guard let end = page[start...].firstIndex(of: UInt8(ascii: "\n")) else {
                throw ExpositionError(line: number, reason: "the last line does not end with a line feed")
            }
            guard end - start <= limits.lineBytes else {
                throw ExpositionError(line: number, reason: "longer than \(limits.lineBytes) bytes")
            }
            do throws(ExpositionProblem) {
                try read(ExpositionLine(page[start..<end]), limits)
            } catch {
                throw ExpositionError(line: number, reason: error.reason)
            }
            start = end + 1
        }
    }

    private mutating func read(
        _ whole: consuming ExpositionLine, _ limits: ExpositionLimits
    ) throws(ExpositionProblem) {
        var line = whole
        line.skipBlanks()
        if line.isAtEnd { return }
        if line.take("#") { return try readComment(&line) }
        let name = try line.metricName()
        line.skipBlanks()
        if line.take("{") { try readLabels(&line, limits) }
        line.skipBlanks()
        try line.value()
        line.skipBlanks()
        if !line.isAtEnd { try line.timestamp() }
        guard line.isAtEnd else { throw ExpositionProblem("something follows the timestamp") }
        sampled.insert(name)
        samples += 1
        guard samples <= limits.samples else { throw ExpositionProblem("more than \(limits.samples) samples") }
    }

    private mutating func readComment(_ line: inout ExpositionLine) throws(ExpositionProblem) {
        try line.checkText()
        line.skipBlanks()
        let keyword = line.word()
        guard keyword == "HELP" || keyword == "TYPE" else { return }
        line.skipBlanks()
        let name = try line.metricName()
        guard line.isAtEnd || line.isAtBlank else { throw ExpositionProblem("invalid metric name after \(keyword)") }
        line.skipBlanks()
        if keyword == "HELP" {
            guard helps.insert(name).inserted else { throw ExpositionProblem("second HELP of \(name)") }
            return try line.helpText()
        }
        let kind = line.word()
        line.skipBlanks()
        guard Self.kinds.contains(kind), line.isAtEnd else {
            throw ExpositionProblem("the TYPE of \(name) is not one of counter, gauge, histogram, summary, untyped")
        }
        guard types.insert(name).inserted else { throw ExpositionProblem("second TYPE of \(name)") }
        guard !sampled.contains(name) else { throw ExpositionProblem("the TYPE of \(name) comes after its samples") }
    }

    private func readLabels(_ line: inout ExpositionLine, _ limits: ExpositionLimits) throws(ExpositionProblem) {
        var names: Set<String> = []
        while true {
            line.skipBlanks()
            if line.take("}") { return }
            let name = try line.labelName()
            guard name != "__name__" else { throw ExpositionProblem("the label __name__ is reserved") }
            guard names.insert(name).inserted else { throw ExpositionProblem("the label \(name) is there twice") }
            guard names.count <= limits.labels else { throw ExpositionProblem("more than \(limits.labels) labels") }
            line.skipBlanks()
            guard line.take("=") else { throw ExpositionProblem("expected = after the label \(name)") }
            line.skipBlanks()
            try line.quotedText(name)
            line.skipBlanks()
            if line.take(",") { continue }
            guard line.take("}") else { throw ExpositionProblem("expected , or } after the value of \(name)") }
            return
        }
    }
}
