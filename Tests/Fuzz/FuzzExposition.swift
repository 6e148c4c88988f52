import Platform

#if canImport(NodeAgent)
    @testable import NodeAgent
#endif

/// A page of metrics: a finding is a page that takes down a reader, that is read differently when its last line feed is
/// missing, or that is read although a line was added that neither format has.
func fuzzExposition(_ page: [UInt8]) {
    let text = try? PrometheusText.samples(of: page)
    let openMetrics = try? OpenMetricsText.samples(of: page)
    if page.last == UInt8(ascii: "\n") {
        let shorter = Array(page.dropLast())
        precondition((try? PrometheusText.samples(of: shorter)) == text, "a missing line feed changes the samples")
    }
    if text != nil {
        precondition((try? PrometheusText.samples(of: page + Array("\n<\n".utf8))) == nil, "a bad line is read")
    }
    if openMetrics != nil {
        precondition((try? OpenMetricsText.samples(of: page + Array("\n".utf8) + page)) == nil, "text after the end")
    }
}
