import Platform
import TestKit
import Testing

@testable import NodeAgent

@Suite struct ExpositionTests {
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
        something_weird{problem="division by zero"} +Inf -3982045
        # TYPE http_request_duration_seconds histogram
        http_request_duration_seconds_bucket{le="0.05",} 24054
        http_request_duration_seconds_bucket{le="+Inf"} 144320
        http_request_duration_seconds_sum 53423
        http_request_duration_seconds_count 144320
        \t rpc:duration_seconds { quantile = "0.01" , zone = "ü" } NaN

        """

    @Test func `the example of the format's documentation is read`() throws {
        #expect(try Exposition(Array(Self.whole.utf8)).samples == 10)
    }

    @Test(arguments: [
        ("", 0), ("\n", 0), ("# a comment\n", 0), ("#\n", 0), ("# HELP a\n", 0), ("# HELP a text \\\\ \\n\n", 0),
        ("# TYPE a untyped\na 1\n", 1), ("a 0x1p3\n", 1), ("a -Inf\n", 1), ("a nan\n", 1), ("a{} 1\n", 1),
        ("a{b=\"\"}1\n", 1), ("a 1e-300\n", 1), ("a 1 -5\n", 1), ("#TYPE a gauge\na 2\n", 1), ("a 1\t2 \n", 1),
        ("# EOF\n", 0), ("_:a 1\n", 1),
    ]) func `valid expositions are read and their samples counted`(_ page: String, _ samples: Int) throws {
        #expect(try Exposition(Array(page.utf8)).samples == samples)
    }

    @Test(arguments: [
        ("a 1", 1, "the last line does not end with a line feed"),
        ("ok 1\na\n", 2, "the value is missing"),
        ("ok 1\n\na x\n", 3, "the value is not a number"),
        ("a nan(1)\n", 1, "the value is not a number"),
        ("a 1 2.5\n", 1, "the timestamp is not an integer"),
        ("a 1 2 3\n", 1, "unexpected text after the timestamp"),
        ("a 1\r\n", 1, "the value is not a number"),
        ("1a 1\n", 1, "expected a metric name"),
        ("<html>\n", 1, "expected a metric name"),
        ("{a=\"b\"} 1\n", 1, "expected a metric name"),
        ("a{b=\"c\" 1\n", 1, "expected , or } after the value of b"),
        ("a{b=\"c} 1\n", 1, "the value of b has no closing quote"),
        ("a{b=\"\\x\"} 1\n", 1, "invalid escape in the value of b"),
        ("a{b=\"c\\", 1, "the last line does not end with a line feed"),
        ("a{b=\"c\\\n", 1, "invalid escape in the value of b"),
        ("a{b=c} 1\n", 1, "expected \" before the value of b"),
        ("a{b} 1\n", 1, "expected = after the label b"),
        ("a{1=\"c\"} 1\n", 1, "expected a label name"),
        ("a{,} 1\n", 1, "expected a label name"),
        ("a{b=\"1\",b=\"2\"} 1\n", 1, "duplicate label b"),
        ("a{__name__=\"c\"} 1\n", 1, "the label __name__ is reserved"),
        ("a{\n", 1, "expected a label name, not the end of the line"),
        ("# TYPE a counter\n# TYPE a gauge\n", 2, "second TYPE of a"),
        ("# HELP a x\n# HELP a x\n", 2, "second HELP of a"),
        ("a 1\n# TYPE a gauge\n", 2, "the TYPE of a comes after its samples"),
        ("# TYPE a\n", 1, "the TYPE of a is not one of counter, gauge, histogram, summary, untyped"),
        ("# TYPE a info\n", 1, "the TYPE of a is not one of counter, gauge, histogram, summary, untyped"),
        ("# TYPE a gauge x\n", 1, "the TYPE of a is not one of counter, gauge, histogram, summary, untyped"),
        ("# HELP\n", 1, "expected a metric name, not the end of the line"),
        ("# HELP a-b text\n", 1, "invalid metric name after HELP"),
        ("# HELP a bad \\escape\n", 1, "invalid escape in a HELP"),
    ]) func `an invalid exposition is an error with line and reason`(_ page: String, _ line: Int, _ reason: String) {
        #expect(throws: ExpositionError(line: line, reason: reason)) { try Exposition(Array(page.utf8)) }
    }

    @Test func `bytes that are not UTF-8 are refused`() {
        for page in [[0x61, 0x7B, 0x62, 0x3D, 0x22, 0xFF, 0x22, 0x7D, 0x31, 0x0A], [0x23, 0x20, 0xC3, 0x0A]]
            as [[UInt8]]
        {
            #expect(throws: ExpositionError(line: 1, reason: "invalid UTF-8")) { try Exposition(page) }
        }
    }

    @Test func `the limits of an exposition hold`() throws {
        var limits = ExpositionLimits()
        (limits.lineBytes, limits.samples, limits.labels) = (20, 2, 1)
        #expect(try Exposition(Array("a 1\nb 2\n".utf8), limits: limits).samples == 2)
        let pages = [
            ("a 1\nb 2\nc 3\n", 3, "more than 2 samples"), ("a{b=\"1\",c=\"2\"} 1\n", 1, "more than 1 labels"),
            ("aaaaaaaaaaaaaaaaaaa 1\n", 1, "longer than 20 bytes"),
        ]
        for (page, line, reason) in pages {
            #expect(throws: ExpositionError(line: line, reason: reason)) {
                try Exposition(Array(page.utf8), limits: limits)
            }
        }
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
