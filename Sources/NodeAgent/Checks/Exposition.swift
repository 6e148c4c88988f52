import Platform

/// The limits of an exposition.
struct ExpositionLimits: Sendable {
    /// Bytes of one line. Default: 65,536.
    var lineBytes = 65_536
    /// Samples of one exposition. Default: 1,000,000.
    var samples = 1_000_000
    /// Labels of one sample. Default: 100.
    var labels = 100
}

/// Where and why a page is not in the Prometheus text format.
struct ExpositionError: Error, Equatable, CustomStringConvertible {
    /// The line, from 1.
    let line: Int
    let reason: String

    var description: String {
        "line \(line): \(reason)"
    }
}

/// A page in the Prometheus text exposition format, version 0.0.4, parsed strictly.
///
/// It is as strict as Prometheus's own parser (expfmt), and stricter where that parser ignores mistakes: a TYPE line
/// without a type is an error.
struct Exposition: Equatable {
    /// The number of samples.
    private(set) var samples = 0

    private var types: Set<ExactText> = []
    private var helps: Set<ExactText> = []
    private var sampled: Set<ExactText> = []

    private static let kinds: Set<ExactText> = ["counter", "gauge", "histogram", "summary", "untyped"]

    /// Parses a whole page.
    ///
    /// - Throws: `ExpositionError` for the first invalid line.
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
                try parse(ExpositionLine(page[start..<end]), limits)
            } catch {
                throw ExpositionError(line: number, reason: error.reason)
            }
            start = end + 1
        }
    }

    private mutating func parse(
        _ whole: consuming ExpositionLine, _ limits: ExpositionLimits
    ) throws(ExpositionProblem) {
        var line = whole
        line.skipBlanks()
        if line.isAtEnd { return }
        if line.skip("#") { return try parseComment(&line) }
        let name = try line.metricName()
        line.skipBlanks()
        if line.skip("{") { try parseLabels(&line, limits) }
        line.skipBlanks()
        try line.value()
        line.skipBlanks()
        if !line.isAtEnd { try line.timestamp() }
        guard line.isAtEnd else { throw ExpositionProblem("unexpected text after the timestamp") }
        sampled.insert(name)
        samples += 1
        guard samples <= limits.samples else { throw ExpositionProblem("more than \(limits.samples) samples") }
    }

    private mutating func parseComment(_ line: inout ExpositionLine) throws(ExpositionProblem) {
        try line.checkText()
        line.skipBlanks()
        let keyword = line.word()
        guard keyword == "HELP" || keyword == "TYPE" else { return }
        line.skipBlanks()
        let name = try line.metricName()
        guard line.isAtEnd || line.isAtBlank else { throw ExpositionProblem("invalid metric name after \(keyword)") }
        line.skipBlanks()
        if keyword == "HELP" {
            guard helps.insert(name).inserted else { throw ExpositionProblem("second HELP of \(shownName(name))") }
            return try line.helpText()
        }
        let kind = line.word()
        line.skipBlanks()
        guard Self.kinds.contains(kind), line.isAtEnd else {
            throw ExpositionProblem(
                "the TYPE of \(shownName(name)) is not one of counter, gauge, histogram, summary, untyped")
        }
        guard types.insert(name).inserted else { throw ExpositionProblem("second TYPE of \(shownName(name))") }
        guard !sampled.contains(name) else {
            throw ExpositionProblem("the TYPE of \(shownName(name)) comes after its samples")
        }
    }

    private func parseLabels(_ line: inout ExpositionLine, _ limits: ExpositionLimits) throws(ExpositionProblem) {
        var names: Set<ExactText> = []
        while true {
            line.skipBlanks()
            if line.skip("}") { return }
            let name = try line.labelName()
            guard name != "__name__" else { throw ExpositionProblem("the label __name__ is reserved") }
            guard names.insert(name).inserted else { throw ExpositionProblem("duplicate label \(shownName(name))") }
            guard names.count <= limits.labels else { throw ExpositionProblem("more than \(limits.labels) labels") }
            line.skipBlanks()
            guard line.skip("=") else { throw ExpositionProblem("expected = after the label \(shownName(name))") }
            line.skipBlanks()
            try line.quotedText(name)
            line.skipBlanks()
            if line.skip(",") { continue }
            guard line.skip("}") else {
                throw ExpositionProblem("expected , or } after the value of \(shownName(name))")
            }
            return
        }
    }
}
