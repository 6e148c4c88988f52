/// The answer with what a Prometheus is to scrape, as its HTTP service discovery reads it: a list of groups of targets
/// (https://prometheus.io/docs/prometheus/latest/http_sd/).
package enum ScrapeTargetsAnswer {
    /// The body in pieces: the groups of each config, with commas between them. A config of which a Prometheus cannot
    /// be told is left out.
    package static func pieces(_ configs: [EncodedConfig]) -> [[UInt8]] {
        var pieces: [[UInt8]] = []
        pieces.reserveCapacity(2 * configs.count + 2)
        for targets in configs.lazy.compactMap(\.scrapeTargets) {
            pieces.append([UInt8(ascii: pieces.isEmpty ? "[" : ",")])
            pieces.append(targets)
        }
        if pieces.isEmpty { pieces.append([UInt8(ascii: "[")]) }
        pieces.append([UInt8(ascii: "]")])
        return pieces
    }
}
