import Platform
import TestKit
import Testing

@testable import NodeAgent

@Suite struct PrometheusTextTests {
    static let whole = """
        # HELP http_requests_total The total number of HTTP requests.
        # TYPE http_requests_total counter
        http_requests_total{method="post",code="200"} 1027 1395066363000
        http_requests_total{method="post",code="400"}    3 1395066363000

        # Escaping in label values:
        msdos_file_access_time_seconds{path="C:\\\\DIR\\\\FILE.TXT",error="Cannot find file:\\n\\"FILE.TXT\\""} 1.458255915e9
        # Minimalistic line:
        metric_without_timestamp_and_labels 12.47
        # A weird metric from before the epoch:
        something_weird{problem="division by zero"} +Inf 3982045
        # TYPE http_request_duration_seconds histogram
        http_request_duration_seconds_bucket{le="0.05",} 24054
        http_request_duration_seconds_bucket{le="+Inf"} 144320
        http_request_duration_seconds_sum 53423
        http_request_duration_seconds_count 144320
        \t rpc:duration_seconds { quantile = "0.01" , zone = "ü" } NaN

        """

    @Test func `the example of the format's documentation is read, but for its negative timestamp`() throws {
        #expect(try Exposition(Array(Self.whole.utf8)).samples == 10)
    }

    /// What the Prometheus server reads, line by line of its behaviour.
    @Test(arguments: [
        ("", 0), ("\n", 0), ("\n  \n\t\n", 0), ("a 1", 1), ("a 1\nb 2", 2), ("a 1 ", 1), ("# a comment\n", 0),
        ("#\n", 0), ("  # indented\n", 0), ("#x\n", 0), ("#HELP a\n", 0), ("#TYPE a nothing\n", 0), ("# EOF\n", 0),
        ("# TYPE\n", 0), ("# HELP\n", 0), ("# HELPS a\n", 0), ("# TYPE a untyped\na 1\n", 1),
        ("# HELP a\n", 0), ("# HELP a text \\\\ \\n\n", 0), ("# HELP a \\q \\\" \\\n", 0), ("# HELP a x\r\n", 0),
        ("# HELP a-b text\n", 0), ("# HELP a x\n# HELP a y\n", 0),
        ("# TYPE a counter\n# TYPE a gauge\na 1\n", 1), ("a 1\n# TYPE a gauge\n", 1),
        (" a 1\n", 1), ("a \t 1 \t 2 \t\n", 1), ("a 1 123\n", 1), ("a 1 0\n", 1), ("a{} 1\n", 1), ("_:a 1\n", 1),
        ("a{b=\"\"}1\n", 1), ("a{b=\"1\",} 1\n", 1), ("a { b = \"1\" , c = \"2\" } 1\n", 1),
        ("a{b=\"1\" c=\"2\"} 1\n", 1), ("a{b=\"\\q\\\\\"} 1\n", 1), ("a{b=\"1\n2\"} 1\n", 1), ("a{b=\"\u{0}\"} 1\n", 1),
        ("a 1\na 1\n", 2), ("a_bucket{le=\"2\"} 5\na_bucket{le=\"1\"} 9\n", 2),
        ("{\"a.b\"} 1\n", 1), ("{\"a.b\",x=\"y\"} 1\n", 1), ("{x=\"y\",\"a.b\"} 1\n", 1),
        ("a{\"l.m\"=\"1\"} 1\n", 1), ("# TYPE \"a.b\" gauge\n{\"a.b\"} 1\n", 1), ("# HELP \"é\" x\n", 0),
        ("{\"a\\\"b\"} 1\n", 1),
    ]) func `what the Prometheus server reads is read`(_ page: String, _ samples: Int) throws {
        #expect(try Exposition(Array(page.utf8)).samples == samples)
    }

    @Test(arguments: [
        "1", "+1", "-0", "007", "1.", ".5", "1e5", "1E+5", "1e-5", "1e-999", "inf", "+Inf", "-INF", "Infinity",
        "-infinity", "nan", "NaN", "NAN", "1.7976931348623157e308", String(repeating: "1", count: 300),
    ]) func `a number of Go is a value`(_ value: String) throws {
        #expect(try Exposition(Array("a \(value)\n".utf8)).samples == 1)
    }

    @Test(arguments: [
        ".", "1e", "e5", "--1", "+-1", "1,5", "1f", "infi", "1inf", "+NaN", "-nan", "nan(1)", "1e999", "-1e999", "0x1",
        "0x1p3", "0x1p-3", "0b1", "0o7", "1_000", "true", "x", "1.2.3", "1e5e5", "١",
        String(repeating: "1", count: 400),
    ]) func `what is no decimal number is no value`(_ value: String) {
        #expect(throws: ExpositionError(line: 1, reason: "the value is not a number")) {
            try Exposition(Array("a \(value)\n".utf8))
        }
    }

    @Test(arguments: [
        ("ok 1\na\n", 2, "the value is missing"),
        ("ok 1\n\na x\n", 3, "the value is not a number"),
        ("a 1\r\n", 1, "the value is not a number"),
        ("a 1 2.5\n", 1, "the timestamp is not an integer over 0"),
        ("a 1 -1\n", 1, "the timestamp is not an integer over 0"),
        ("a 1 +1\n", 1, "the timestamp is not an integer over 0"),
        ("a 1 99999999999999999999\n", 1, "the timestamp is not an integer over 0"),
        ("a 1 # {} 1\n", 1, "the timestamp is not an integer over 0"),
        ("a 1 2 3\n", 1, "unexpected text after the timestamp"),
        ("1a 1\n", 1, "expected a metric name"),
        ("a.b 1\n", 1, "the value is not a number"),
        ("é 1\n", 1, "expected a metric name"),
        ("<html>\n", 1, "expected a metric name"),
        ("{a=\"b\"} 1\n", 1, "the sample has no metric name"),
        ("{\"a\",\"b\"} 1\n", 1, "the sample has two metric names"),
        ("a{\"b\"} 1\n", 1, "the sample has two metric names"),
        ("{\"\"} 1\n", 1, "the metric name is empty"),
        ("a{b=\"c\" 1\n", 1, "expected a label name"),
        ("a{b=\"c} 1\n", 2, "the value of b has no closing quote"),
        ("a{b=\"c\\\n", 1, "the value of b has no closing quote"),
        ("a{b=c} 1\n", 1, "expected \" before the value of b"),
        ("a{b='c'} 1\n", 1, "expected \" before the value of b"),
        ("a{=\"c\"} 1\n", 1, "expected a label name"),
        ("a{b} 1\n", 1, "expected = after the label b"),
        ("a{1=\"c\"} 1\n", 1, "expected a label name"),
        ("a{,} 1\n", 1, "expected a label name"),
        ("a{b=\"1\",,c=\"2\"} 1\n", 1, "expected a label name"),
        ("a{b=\"1\",b=\"2\"} 1\n", 1, "duplicate label b"),
        ("a{\"b\"=\"1\",b=\"2\"} 1\n", 1, "duplicate label b"),
        ("a{__name__=\"c\"} 1\n", 1, "the label __name__ is reserved"),
        ("a{\n", 1, "expected a label name, not the end of the line"),
        ("# TYPE a\n", 1, "the TYPE of a is not one of counter, gauge, histogram, summary, untyped"),
        ("# TYPE a info\n", 1, "the TYPE of a is not one of counter, gauge, histogram, summary, untyped"),
        ("# TYPE a Gauge\n", 1, "the TYPE of a is not one of counter, gauge, histogram, summary, untyped"),
        ("# TYPE a  gauge\n", 1, "the TYPE of a is not one of counter, gauge, histogram, summary, untyped"),
        ("# TYPE a gauge x\n", 1, "the TYPE of a is not one of counter, gauge, histogram, summary, untyped"),
        ("# HELP \n", 1, "expected a metric name"),
        ("\u{0}a 1\n", 1, "expected a metric name"),
    ]) func `what the Prometheus server refuses is an error with line and reason`(
        _ page: String, _ line: Int, _ reason: String
    ) {
        #expect(throws: ExpositionError(line: line, reason: reason)) { try Exposition(Array(page.utf8)) }
    }

    @Test func `names, values and help texts must be UTF-8, comments need not be`() throws {
        let bad: [(before: String, after: String, reason: String)] = [
            ("a{b=\"", "\"} 1\n", "the value of b is not UTF-8"), ("{\"", "\"} 1\n", "a name in braces is not UTF-8"),
            ("# HELP a ", "\n", "the HELP of a is not UTF-8"),
        ]
        for (before, after, reason) in bad {
            #expect(throws: ExpositionError(line: 1, reason: reason)) {
                try Exposition(before.utf8 + [0xFF] + after.utf8)
            }
        }
        #expect(try Exposition([0x23, 0x20, 0xC3, 0x0A]).samples == 0)
    }

    @Test func `labels may be many and long`() throws {
        let labels = (0..<2_000).map { "label\($0)=\"\($0)\"" }.joined(separator: ",")
        let long = String(repeating: "x", count: 200_000)
        #expect(try Exposition(Array("a{\(labels)} 1\nb{l=\"\(long)\"} 1\n".utf8)).samples == 2)
        #expect(throws: ExpositionError(line: 1, reason: "duplicate label label7")) {
            try Exposition(Array("a{\(labels),label7=\"\"} 1\n".utf8))
        }
    }

    @Test func `no input of the fuzzing corpus is a finding`() throws {
        let corpus = try fuzzCorpus("exposition")
        #expect(!corpus.isEmpty)
        for (_, input) in corpus { fuzzExposition(input) }
    }

    @Test func `no prefix or changed byte of an exposition crashes the reader`() {
        let page = Array(Self.whole.utf8)
        for end in stride(from: 0, to: page.count, by: 3) { _ = try? Exposition(Array(page[..<end])) }
        let dice = SeededEntropy(seed: 1)
        for _ in 0..<500 {
            var changed = page
            for _ in 0..<3 { changed[dice.next(below: page.count)] = UInt8(dice.next(below: 256)) }
            _ = try? Exposition(changed)
        }
    }
}
