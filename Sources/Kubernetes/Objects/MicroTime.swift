package import Platform

/// Kubernetes' `MicroTime`: RFC 3339 in UTC with exactly six fractional digits. With any other number of digits the API
/// server answers 400.
package enum MicroTime {
    /// The text of `time`, such as `2026-01-02T03:04:05.000000Z`; nanoseconds are cut.
    package static func text(_ time: WallTime) -> String {
        let civil = CivilTime(time)
        return "\(civil.text).\(zeroPadded(civil.nanosecond / 1000, width: 6))Z"
    }
}
