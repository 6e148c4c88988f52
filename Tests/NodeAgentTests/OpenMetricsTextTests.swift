import CheckOptions
import HTTPClient
import Platform
import TestKit
import Testing

@testable import NodeAgent

@Suite struct OpenMetricsTextTests {
    private func samples(_ page: String) throws -> Int {
        try Exposition(Array(page.utf8), as: .openMetrics).samples
    }

    @Test(arguments: [
        ("# EOF\n", 0), ("# EOF", 0), ("# TYPE a counter\n# HELP a help\na_total 1\n# EOF\n", 1),
        ("# HELP a \n# EOF\n", 0), ("# HELP a x\\q\r\n# EOF\n", 0), ("# TYPE a unknown\na 1\n# EOF\n", 1),
        ("# TYPE a counter\na_total 1.5 # {id=\"x\"} 0.5 12.25\na_created 12\n# EOF\n", 2),
        ("# TYPE a_seconds gauge\n# UNIT a_seconds seconds\na_seconds -5\n# EOF\n", 1),
        ("a 1 -5\na 2 1e3\n# EOF\n", 2), ("a 1 1.25\n# EOF\n", 1), ("a{x=\"\\q\"} NaN\n# EOF\n", 1),
        (
            "# TYPE a histogram\na_bucket{le=\"1\"} 1\na_bucket{le=\"+Inf\"} 2 # {} 9\na_sum 3\na_count 2\n"
                + "a_created 1\n# EOF\n", 5
        ),
        ("# TYPE a histogram\na_bucket{le=\"-1.0\"} 1\na_bucket{le=\"+Inf\"} 2\n# EOF\n", 2),
        (
            "# TYPE a gaugehistogram\na_bucket{le=\"-1.0\"} 1\na_bucket{le=\"+Inf\"} 2\na_gsum -3\na_gcount 2\n# EOF\n",
            4
        ),
        ("# TYPE a summary\na{quantile=\"0.5\"} NaN\na_sum 1\na_count 2\n# EOF\n", 3),
        ("# HELP a x\n# TYPE a gauge\na 1\n# HELP a y\n# TYPE a counter\na_total 2\n# EOF\n", 2),
        ("# TYPE a info\na_info{v=\"1\"} 1\na_info{v=\"2\"} 1\n# EOF\n", 2),
        ("# TYPE a stateset\na{a=\"x\"} 1\na{a=\"y\"} 0\n# EOF\n", 2), ("{\"a.b\",\"l.m\"=\"1\"} 1\n# EOF\n", 1),
        ("a{x=\"\(String(repeating: "ü", count: 70_000))\"} 1\n# EOF\n", 1),
    ]) func `what OpenMetrics says is read`(_ page: String, _ count: Int) throws {
        #expect(try samples(page) == count)
    }

    @Test(arguments: [
        ("", 1, "the page does not end with # EOF"), ("a 1\n", 2, "the page does not end with # EOF"),
        ("a 1", 1, "the page does not end with # EOF"), ("# EOF\n\n", 2, "text after # EOF"),
        ("\n# EOF\n", 1, "expected a metric name"), ("# foo\n# EOF\n", 1, "expected a metric name"),
        ("#x\n# EOF\n", 1, "expected one blank and HELP, TYPE, UNIT or EOF"),
        ("# HELP a\n# EOF\n", 1, "expected a text after the name a"),
        ("# TYPE a untyped\n# EOF\n", 1, "the TYPE of a is none of OpenMetrics"),
        ("# TYPE a gauge\n# TYPE a gauge\n# EOF\n", 2, "second TYPE of a"),
        ("a 1\n# HELP a x\n# EOF\n", 2, "the HELP of a comes after its samples"),
        ("# UNIT a_b c\n# EOF\n", 1, "the name a_b does not end with its UNIT"),
        ("a  1\n# EOF\n", 1, "expected one blank and the value"),
        ("a\t1\n# EOF\n", 1, "expected one blank and the value"),
        ("a 1 \n# EOF\n", 1, "expected one blank and the timestamp"),
        ("a 0x1\n# EOF\n", 1, "the value is not a number"),
        ("a 1 NaN\n# EOF\n", 1, "the timestamp is not a time"),
        ("a{x=\"1\",} 1\n# EOF\n", 1, "expected a label name"), ("a{ x=\"1\"} 1\n# EOF\n", 1, "expected a label name"),
        ("a{x=\"1\n\"} 1\n# EOF\n", 1, "the value of x has no closing quote"),
        ("a 1\nb 1\na 1\n# EOF\n", 4, "a belongs to two families, or its family is not in one piece"),
        ("a 1\na 2\n# EOF\n", 2, "the same series of a twice"),
        ("# TYPE a counter\na 1\n# EOF\n", 3, "a belongs to two families, or its family is not in one piece"),
        ("# TYPE a counter\na_total -1\n# EOF\n", 2, "a value of a is not possible for counter_total"),
        ("# TYPE a info\na_info 2\n# EOF\n", 2, "a value of a is not possible for info_info"),
        (
            "# TYPE a counter\na_total 1\n# TYPE a gauge\na 1\n# EOF\n", 3, "second TYPE of a"
        ),
        (
            "# TYPE a gauge\na 1\n# TYPE a gauge\na 2\n# EOF\n", 5,
            "a belongs to two families, or its family is not in one piece"
        ),
        ("# TYPE a stateset\na 1\n# EOF\n", 2, "a lacks the label of its state"),
        ("# TYPE a summary\na{quantile=\"2\"} 1\n# EOF\n", 2, "the label quantile of a is not from 0 to 1"),
        ("# TYPE a histogram\na_bucket{le=\"inf\"} 1\n# EOF\n", 2, "the label le of a bucket of a is no bound"),
        ("# TYPE a histogram\na_bucket{le=\"1\"} 1\n# EOF\n", 3, "a has no bucket le=\"+Inf\""),
        (
            "# TYPE a histogram\na_bucket{le=\"1\"} 3\na_bucket{le=\"+Inf\"} 1\n# EOF\n", 3,
            "the buckets of a are not cumulative"
        ),
        (
            "# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_count 2\na_sum 1\n# EOF\n", 5,
            "the count of a is not that of its bucket le=\"+Inf\""
        ),
        (
            "# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_sum 1\n# EOF\n", 4,
            "a has a sum without a count, or a count without a sum"
        ),
        (
            "# TYPE a gauge\na 1 # {} 1\n# EOF\n", 2,
            "only a bucket or the total of a counter may have an exemplar, not a"
        ),
        (
            "# TYPE a counter\na_total 1 # {x=\"\(String(repeating: "y", count: 128))\"} 1\n# EOF\n", 2,
            "the labels of an exemplar have more than 128 characters"
        ),
        ("# TYPE a counter\na_total 1 # {}\n# EOF\n", 2, "expected one blank and the value of an exemplar"),
        (
            "a{l=\"1\"} 1\na{l=\"2\"} 1\na{l=\"1\"} 2 3\n# EOF\n", 3,
            "the samples of a with the same labels do not stand together"
        ),
        ("a 1 2\na 1 1\n# EOF\n", 2, "the timestamps of a go backwards"),
        ("a 1 2\na 1\n# EOF\n", 2, "some samples of a with the same labels have timestamps, some have none"),
    ]) func `what OpenMetrics forbids is an error with line and reason`(_ page: String, _ line: Int, _ reason: String) {
        #expect(throws: ExpositionError(line: line, reason: reason)) { try samples(page) }
    }

    @Test(arguments: [
        ("application/openmetrics-text", true), ("application/openmetrics-text; version=1.0.0; charset=utf-8", true),
        ("Application/OpenMetrics-Text ;x=y", true), ("text/plain; version=0.0.4", false), ("", false),
    ]) func `the content type says what is OpenMetrics`(_ type: String, _ expected: Bool) {
        #expect(
            ClientResponse(head: ResponseHead(status: 200, headers: [("content-type", type)])).isOpenMetrics == expected
        )
    }

    @Test func `a page without a type is read as either by the check openmetrics`() throws {
        let openMetrics = Array("# TYPE a unknown\na 1 1.5\n# EOF\n".utf8)
        #expect(try Exposition(openMetrics, as: .either).samples == 1)
        #expect(try Exposition(Array("a 1\n".utf8), as: .either).samples == 1)
        #expect(throws: ExpositionError.self) { try Exposition(openMetrics, as: .prometheus) }
        let reasons = [
            ("a 1 1.5\n", "the timestamp is not an integer over 0"),
            ("a 1 # x\n# EOF\n", "expected { after # for an exemplar"),
        ]
        for (page, reason) in reasons {
            #expect(throws: ExpositionError(line: 1, reason: reason)) { try Exposition(Array(page.utf8), as: .either) }
        }
    }
}
