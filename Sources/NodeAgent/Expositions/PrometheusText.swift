import Platform

/// A page in the Prometheus text format 0.0.4.
///
/// What is read and what is refused is what the Prometheus server reads and refuses, so that a check is not down for a
/// page that is scraped, and not up for one that is not: `model/textparse/promparse.go` of prometheus/prometheus 3, and
/// what its storage refuses afterwards (a label twice). So names may be quoted, unknown escapes stay as they are, a
/// family may have two HELP or TYPE lines, and the last line may lack its line feed; but numbers are decimal, and a
/// timestamp has digits alone.
///
/// Two faults that the server does not notice are errors here: `a{b} 1`, and a NUL at the start of a line, behind which
/// it reads nothing.
struct PrometheusText {
    private var scanner: ExpositionScanner
    private var samples = 0

    private static let kinds = ["counter", "gauge", "histogram", "summary", "untyped"]

    /// Reads a whole page and counts its samples.
    static func samples(of page: [UInt8]) throws(ExpositionError) -> Int {
        var text = PrometheusText(scanner: ExpositionScanner(page, quotesSpanLines: true))
        do throws(ExpositionProblem) {
            while text.scanner.next != nil { try text.readLine() }
        } catch {
            throw ExpositionError(line: text.scanner.line, reason: error.reason)
        }
        return text.samples
    }

    private mutating func readLine() throws(ExpositionProblem) {
        scanner.skipBlanks()
        if !scanner.isAtLineEnd {
            if scanner.skip("#") { try readComment() } else { try readSample() }
        }
        guard scanner.next == nil || scanner.skip("\n") else {
            throw ExpositionProblem("unexpected text after the timestamp")
        }
    }

    private mutating func readComment() throws(ExpositionProblem) {
        let isHelp: Bool
        let start = scanner
        switch (scanner.skipBlanks(), scanner.skip(text: "HELP"), scanner.skip(text: "TYPE")) {
        case (true, true, false) where scanner.isAtBlank: isHelp = true
        case (true, false, true) where scanner.isAtBlank: isHelp = false
        default:
            scanner = start
            _ = scanner.restOfLine()
            return
        }
        scanner.skipBlanks()
        guard let name = try scanner.name(allowsColon: true, "a metric name")?.text else {
            throw ExpositionProblem("expected a metric name")
        }
        // Whatever the first byte after the name is, it is skipped.
        let text = scanner.restOfLine().dropFirst()
        if isHelp {
            guard text.isUTF8 else { throw ExpositionProblem("the HELP of \(name.shown) is not UTF-8") }
        } else if !Self.kinds.contains(where: { text.elementsEqual($0.utf8) }) {
            throw ExpositionProblem("the TYPE of \(name.shown) is not one of \(Self.kinds.joined(separator: ", "))")
        }
    }

    private mutating func readSample() throws(ExpositionProblem) {
        let name = scanner.plainName(allowsColon: true)
        scanner.skipBlanks()
        let hasLabels = scanner.skip("{")
        guard name != nil || hasLabels else { throw ExpositionProblem("expected a metric name") }
        let isNamed = try hasLabels ? readLabels(isNamed: name != nil) : true
        guard isNamed else { throw ExpositionProblem("the sample has no metric name") }
        scanner.skipBlanks()
        let value = scanner.field()
        guard !value.isEmpty else { throw ExpositionProblem("the value is missing") }
        guard value.number != nil else { throw ExpositionProblem("the value is not a number") }
        scanner.skipBlanks()
        if !scanner.isAtLineEnd {
            let time = scanner.field()
            guard time.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), Int64(String(decoding: time, as: UTF8.self)) != nil
            else { throw ExpositionProblem("the timestamp is not an integer over 0") }
            scanner.skipBlanks()
        }
        samples += 1
    }

    /// Reads what stands in braces, and returns whether the sample has a name then.
    private mutating func readLabels(isNamed: Bool) throws(ExpositionProblem) -> Bool {
        var names = LabelNames()
        var isNamed = isNamed
        while true {
            scanner.skipBlanks()
            if scanner.skip("}") { return isNamed }
            guard let (name, isQuoted) = try scanner.name(allowsColon: false, "a name in braces") else {
                throw ExpositionProblem(
                    "expected a label name\(scanner.isAtLineEnd ? ", not the end of the line" : "")")
            }
            scanner.skipBlanks()
            if isQuoted, scanner.next == UInt8(ascii: ",") || scanner.next == UInt8(ascii: "}") {
                guard !isNamed, !name.isEmpty else {
                    throw ExpositionProblem(isNamed ? "the sample has two metric names" : "the metric name is empty")
                }
                isNamed = true
                _ = scanner.skip(",")
                continue
            }
            guard scanner.skip("=") else { throw ExpositionProblem("expected = after the label \(name.shown)") }
            scanner.skipBlanks()
            guard try scanner.quotedText("the value of \(name.shown)") != nil else {
                throw ExpositionProblem("expected \" before the value of \(name.shown)")
            }
            try names.add(name)
            scanner.skipBlanks()
            _ = scanner.skip(",")
        }
    }
}

/// The names of one sample's labels, each of which it may have once.
struct LabelNames {
    private var few: [ArraySlice<UInt8>] = []
    private var many: Set<ArraySlice<UInt8>> = []
    /// Up to so many names a linear search is faster than a hash.
    private static let fewest = 12

    /// - Throws: if the name is there already, or reserved.
    mutating func add(_ name: ArraySlice<UInt8>) throws(ExpositionProblem) {
        guard !name.isEmpty else { throw ExpositionProblem("the name of a label is empty") }
        guard !name.elementsEqual("__name__".utf8) else { throw ExpositionProblem("the label __name__ is reserved") }
        if many.isEmpty, few.count < Self.fewest {
            guard !few.contains(name) else { throw ExpositionProblem("duplicate label \(name.shown)") }
            return few.append(name)
        }
        if many.isEmpty { many = Set(few) }
        guard many.insert(name).inserted else { throw ExpositionProblem("duplicate label \(name.shown)") }
    }
}
