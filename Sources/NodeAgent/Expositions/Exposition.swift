import CheckOptions

/// A page of metrics, read to the end and checked.
///
/// No limit applies to the length of a line or the number of samples: the page is in memory already, and is read in
/// time linear in its size.
struct Exposition: Equatable {
    /// The number of samples.
    let samples: Int

    /// Reads a whole page.
    ///
    /// - Throws: `ExpositionError` for the first fault.
    init(_ page: [UInt8], as format: PrometheusCheck.Format = .prometheus) throws(ExpositionError) {
        switch format {
        case .prometheus: samples = try PrometheusText.samples(of: page)
        case .openMetrics: samples = try OpenMetricsText.samples(of: page)
        case .either:
            do throws(ExpositionError) {
                samples = try PrometheusText.samples(of: page)
            } catch {
                // Only a page that ends as OpenMetrics does is meant to be that.
                guard page.endsWithEOF else { throw error }
                samples = try OpenMetricsText.samples(of: page)
            }
        }
    }
}

extension [UInt8] {
    fileprivate var endsWithEOF: Bool {
        let text = last == UInt8(ascii: "\n") ? self[..<(count - 1)] : self[...]
        return text.suffix(5).elementsEqual("# EOF".utf8)
    }
}
